/* SPDX-License-Identifier: MIT
 * restore-tree.h - a tree of every kind and mode, and what a restore says that it does to it */
#pragma once
#include "restore-fixture.h"

/* Python, for fixture_script. */
#define TREE_SCRIPT                                                                                \
    "import os, sys\n"                                                                             \
    "os.umask(0o022)\n"                                                                            \
    "r = os.fsencode(sys.argv[1])\n"                                                               \
    "def put(name, data=b'', mode=0o644, ns=1700000000123456789):\n"                               \
    "    p = os.path.join(r, name)\n"                                                              \
    "    os.makedirs(os.path.dirname(p), exist_ok=True)\n"                                         \
    "    with open(p, 'wb') as f: f.write(data)\n"                                                 \
    "    os.chmod(p, mode)\n"                                                                      \
    "    os.utime(p, ns=(ns, ns))\n"                                                               \
    "put(b'plain.txt', b'plain\\n')\n"                                                             \
    "put(b'empty', b'')\n"                                                                         \
    "put(b'tool.sh', b'#!/bin/sh\\n', 0o755)\n"                                                    \
    "put(b'secret', b'key', 0o400)\n"                                                              \
    "put(b'old', b'before the epoch', ns=-1500000001)\n"                                           \
    "put(b'dir/sub/deep.txt', b'deep' * 1000)\n"                                                   \
    "put(b'dir/large.bin', os.urandom(65536) * 48)\n"                                              \
    "put(b'odd/a name with spaces', b'1')\n"                                                       \
    "put(b'odd/new\\nline', b'2')\n"                                                               \
    "put(b'odd/-leading', b'3')\n"                                                                 \
    "put(b'odd/bytes\\xff\\xfe', b'4')\n"                                                          \
    "put(b'odd/' + b'n' * 255, b'5')\n"                                                            \
    "put(b'locked/inside.txt', b'in a read-only folder')\n"                                        \
    "os.makedirs(os.path.join(r, b'void/void'))\n"                                                 \
    "os.symlink(b'plain.txt', os.path.join(r, b'link'))\n"                                         \
    "os.symlink(b'/nowhere/at/all', os.path.join(r, b'dir/dangling'))\n"                           \
    "os.utime(os.path.join(r, b'link'), ns=(1, 1600000000987654321), follow_symlinks=False)\n"     \
    "for d in (b'dir/sub', b'dir', b'odd', b'void/void', b'void', b'locked'):\n"                   \
    "    os.utime(os.path.join(r, d), ns=(1, 1500000000111222333 + len(d)))\n"                     \
    "os.chmod(os.path.join(r, b'locked'), 0o555)\n"                                                \
    "os.chmod(os.path.join(r, b'void'), 0o700)\n"

typedef struct {
    GString *lines;
} Actions;

static inline void note_action(CronosRestoreAction action, const char *path, gpointer user_data)
{
    static const char *const words[] = {"create", "replace", "delete", "unchanged"};

    g_string_append_printf(((Actions *)user_data)->lines, "%s %s\n", words[action], path);
}
