/* SPDX-License-Identifier: MIT
 * zip-fixtures.h - archives for tests: by other tools, and laid out byte by byte
 *
 * The tools run in the test's temporary directory; a tool that fails is a failed test. */
#pragma once
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/temporary.h"

/* Python: craft(path, members, ...) writes a ZIP file without any opinion on what it holds. A
 * member is a dict: name (bytes), data, and what differs from a plain stored file made on Unix. */
#define CRAFT                                                                                      \
    "import struct, zlib, sys, os, zipfile\n"                                                      \
    "def craft(path, members, prefix=b'', comment=b'', tail=b'', count=None, shift=0):\n"          \
    "    out = bytearray(prefix); cd = bytearray(); base = len(prefix)\n"                          \
    "    for m in members:\n"                                                                      \
    "        name = m['name']; data = m.get('data', b''); method = m.get('method', 0)\n"           \
    "        stored = data\n"                                                                      \
    "        if method == 8 and 'stored' not in m:\n"                                              \
    "            c = zlib.compressobj(9, 8, -15); stored = c.compress(data) + c.flush()\n"         \
    "        stored = m.get('stored', stored)\n"                                                   \
    "        crc = m.get('crc', zlib.crc32(data)); flags = m.get('flags', 0)\n"                    \
    "        size = m.get('size', len(data)); packed = m.get('packed', len(stored))\n"             \
    "        date = m.get('date', 0x5821); time = m.get('time', 0)\n"                              \
    "        offset = m.get('offset', len(out) - base + shift)\n"                                  \
    "        local = m.get('local_name', name); le = m.get('local_extra', b'')\n"                  \
    "        extra = m.get('extra', b'')\n"                                                        \
    "        dsc = flags & 8\n"                                                                    \
    "        out += struct.pack('<IHHHHHIIIHH', 0x04034b50, 20, flags, method, time, date,\n"      \
    "            0 if dsc else crc, 0 if dsc else m.get('local_packed', packed),\n"                \
    "            0 if dsc else m.get('local_size', size), len(local), len(le))\n"                  \
    "        out += local + le + stored\n"                                                         \
    "        if dsc: out += struct.pack('<IIII', 0x08074b50, crc, packed, size)\n"                 \
    "        cd += struct.pack('<IBBHHHHHIIIHHHHHII', 0x02014b50, 30, m.get('made_by', 3), 20,\n"  \
    "            flags, method, time, date, crc, packed, size, len(name), len(extra), 0,\n"        \
    "            m.get('disk', 0), 0, m.get('attributes', 0), offset)\n"                           \
    "        cd += name + extra\n"                                                                 \
    "    n = len(members) if count is None else count\n"                                           \
    "    start = len(out); out += cd\n"                                                            \
    "    out += struct.pack('<IHHHHIIH', 0x06054b50, 0, 0, n & 0xffff, n & 0xffff, len(cd),\n"     \
    "        start - base + shift, len(comment)) + comment + tail\n"                               \
    "    open(path, 'wb').write(out)\n"                                                            \
    "def f(name, data=b'x', **more): return dict(name=name, data=data, **more)\n"

static inline void run_tool(const char *directory, const char *const *arguments)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL, *errors = NULL;
    int status = 0;

    if (!g_spawn_sync(directory, (char **)(gsize)arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                      &output, &errors, &status, &error))
        g_error("%s: %s", arguments[0], error->message);
    if (!g_spawn_check_wait_status(status, &error))
        g_error("%s: %s\n%s%s", arguments[0], error->message, output, errors);
}

static inline void run_shell(const char *directory, const char *script)
{
    run_tool(directory, (const char *const[]){"sh", "-ec", script, NULL});
}

/* Starting Python takes as long as all that a script does: there is one for all of a program's.
 * It answers by its standard output, which scripts have no other use for. */
#define INTERPRETER                                                                                \
    "import traceback\n"                                                                           \
    "answer = os.fdopen(os.dup(1), 'w'); os.dup2(2, 1)\n"                                          \
    "known = dict(globals())\n"                                                                    \
    "while head := sys.stdin.buffer.readline():\n"                                                 \
    "    directory, script = [sys.stdin.buffer.read(int(n)) for n in head.split()]\n"              \
    "    os.chdir(directory)\n"                                                                    \
    "    try: exec(script, dict(known)); print('done', file=answer, flush=True)\n"                 \
    "    except BaseException: traceback.print_exc(); print('failed', file=answer, flush=True)\n"

typedef struct {
    FILE *scripts, *answers;
} Interpreter;

static inline Interpreter *interpreter_start(void)
{
    static Interpreter interpreter;
    const char *arguments[] = {"python3", "-c", CRAFT INTERPRETER, NULL};
    g_autoptr(GError) error = NULL;
    int scripts, answers;

    if (interpreter.scripts != NULL)
        return &interpreter;
    if (!g_spawn_async_with_pipes(NULL, (char **)(gsize)arguments, NULL, G_SPAWN_SEARCH_PATH, NULL,
                                  NULL, NULL, &scripts, &answers, NULL, &error))
        g_error("python3: %s", error->message);
    interpreter.scripts = fdopen(scripts, "w");
    interpreter.answers = fdopen(answers, "r");
    return &interpreter;
}

/* Runs Python in @directory; @script follows the definition of craft. */
static inline void run_python(const char *directory, const char *script)
{
    Interpreter *interpreter = interpreter_start();
    char answer[16] = "";

    fprintf(interpreter->scripts, "%zu %zu\n%s%s", strlen(directory), strlen(script), directory,
            script);
    fflush(interpreter->scripts);
    if (fgets(answer, sizeof answer, interpreter->answers) == NULL || strcmp(answer, "done\n") != 0)
        g_error("python3 failed");
}

static inline int open_file(const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        g_error("can not open %s", path);
    return fd;
}
