/* SPDX-License-Identifier: MIT
 * read-fixture.h - one large file in archives of many kinds, for the tests of the read engine */
#pragma once
#include "tests/unit/zip-fixtures.h"

#include "core/archive.h"
#include "core/create.h"
#include "core/error.h"

#include <string.h>

#define MIB (1u << 20)

/* Text, zeros, noise, text: short blocks, very long ones, stored ones. */
#define PLAIN                                                                                      \
    "import random\n"                                                                              \
    "r = random.Random(7)\n"                                                                       \
    "words = [bytes(r.choices(b'etaoinshr dlu', k=r.randrange(2, 12))) for i in range(3000)]\n"    \
    "text = lambda n: b' '.join(r.choices(words, k=n // 7))[:n]\n"                                 \
    "plain = text(4 << 20) + bytes(5 << 20) + r.randbytes(1 << 20) + text(1 << 20)\n"              \
    "def write(path, data):\n"                                                                     \
    "    with open(path, 'wb') as file: file.write(data)\n"                                        \
    "def read(path):\n"                                                                            \
    "    with open(path, 'rb') as file: return file.read()\n"

/* sozip(...) writes a member and its seek index. crcs: with our CRCs; shift: added to all offsets;
 * flip: a chunk with one byte changed; bound: no chunk decodes without those before it. */
#define SOZIP                                                                                      \
    "def sozip(path, data, chunk, crcs=True, shift=0, flip=None, wrong_crc=False, field=None, "    \
    "bound=False):\n"                                                                              \
    "    c = zlib.compressobj(6, 8, -15); out = bytearray(); offsets = []; sums = b'CRCs'\n"       \
    "    for at in range(0, len(data), chunk):\n"                                                  \
    "        part = data[at:at + chunk]; offsets.append(len(out)); last = at + chunk >= "          \
    "len(data)\n"                                                                                  \
    "        out += c.compress(part)\n"                                                            \
    "        out += c.flush() if last else c.flush(zlib.Z_SYNC_FLUSH) + "                          \
    "(b'\\0\\0\\0\\xff\\xff' if bound else c.flush(zlib.Z_FULL_FLUSH))\n"                          \
    "        sums += struct.pack('<I', zlib.crc32(part) ^ wrong_crc)\n"                            \
    "    if flip is not None:\n"                                                                   \
    "        out[(offsets[flip] + offsets[flip + 1]) // 2] ^= 0x55\n"                              \
    "    skip = sums if crcs else b''\n"                                                           \
    "    index = struct.pack('<4I2Q', 1, len(skip), field or chunk, 4, len(data), len(out)) + "    \
    "skip\n"                                                                                       \
    "    index += b''.join(struct.pack('<I', o + shift) for o in offsets[1:])\n"                   \
    "    name = b'.plain.sozip.idx'\n"                                                             \
    "    hidden = struct.pack('<IHHHHHIIIHH', 0x04034b50, 20, 0, 0, 0, 0x5821, "                   \
    "zlib.crc32(index),\n"                                                                         \
    "        len(index), len(index), len(name), 0) + name + index\n"                               \
    "    craft(path, [f(b'plain', data, method=8, stored=bytes(out) + hidden, "                    \
    "packed=len(out))])\n"

typedef struct {
    char *directory;
    char *plain; /* the file's content */
    gsize length;
} ReadFixture;

static inline char *read_fixture_path(const ReadFixture *fixture, const char *name)
{
    return g_build_filename(fixture->directory, name, NULL);
}

/* Takes a backup of the file; the archive is then own.zip. */
static inline void read_fixture_create(const ReadFixture *fixture)
{
    g_autofree char *root = read_fixture_path(fixture, "root");
    g_autofree char *path = read_fixture_path(fixture, "own.zip");
    g_autoptr(GError) error = NULL;
    CronosCreateOptions options = {.name = "x", .level = 1, .threads = 2};

    run_shell(fixture->directory, "mkdir -p root/backups && ln plain root/plain");
    g_autoptr(CronosConfig) config = cronos_config_load(root, NULL, &error);
    g_autoptr(CronosCreateResult) result =
        config == NULL ? NULL : cronos_create(config, &options, NULL, &error);
    if (result == NULL)
        g_error("%s", error->message);
    g_assert_true(g_rename(result->path, path) == 0);
}

static inline ReadFixture *read_fixture_new(void)
{
    ReadFixture *fixture = g_new0(ReadFixture, 1);

    fixture->directory = temporary_new();
    run_python(fixture->directory, PLAIN SOZIP
               "write('plain', plain)\n"
               "sozip('crcs.zip', plain, 65536); sozip('sizes.zip', plain, 32768, crcs=False)\n"
               "sozip('lies.zip', plain, 65536, shift=3); sozip('sums.zip', plain, 65536, "
               "wrong_crc=True)\n"
               "sozip('wide.zip', plain, 65536, field=32 << 20)\n"
               "def packed(*how):\n"
               "    c = zlib.compressobj(*how); return c.compress(plain) + c.flush()\n"
               "def one(path, stored): craft(path, [f(b'plain', plain, method=8, stored=stored)])\n"
               "one('python.zip', packed(9, 8, -15)); one('least.zip', packed(1, 8, -15, 1))\n"
               "one('fixed.zip', packed(6, 8, -15, 8, zlib.Z_FIXED))\n"
               "one('literals.zip', packed(6, 8, -15, 9, zlib.Z_HUFFMAN_ONLY))\n");
    run_shell(fixture->directory, "zip -q zip.zip plain; zip -q0 stored.zip plain\n"
                                  "7z a -tzip -mx=1 -bd 7z.zip plain >/dev/null");
    g_autofree char *path = read_fixture_path(fixture, "plain");
    g_assert_true(g_file_get_contents(path, &fixture->plain, &fixture->length, NULL));
    read_fixture_create(fixture);
    return fixture;
}

static inline void read_fixture_free(ReadFixture *fixture)
{
    temporary_free(fixture->directory);
    g_free(fixture->plain);
    g_free(fixture);
}

static inline CronosArchive *read_fixture_open(const ReadFixture *fixture, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = read_fixture_path(fixture, name);
    CronosArchive *archive = cronos_archive_open(AT_FDCWD, path, &error);

    if (archive == NULL)
        fail_msg("%s", error->message);
    return archive;
}
