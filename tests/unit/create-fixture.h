/* SPDX-License-Identifier: MIT
 * create-fixture.h - a project to back up, and other programs that take the backup apart */
#pragma once
#include "core/archive.h"
#include "core/create.h"
#include "core/error.h"
#include "core/metadata.h"
#include "tests/unit/other-tools.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Follows the SOZip specification 0.5.0 and the private CRCs in the skip area; prints the number of
 * members that carry an index. */
#define SOZIP_CHECKER                                                                              \
    "import sys,zipfile,struct,zlib,os\n"                                                          \
    "f=open(sys.argv[1],'rb'); count=0\n"                                                          \
    "for i in zipfile.ZipFile(f).infolist():\n"                                                    \
    "  f.seek(i.header_offset); h=f.read(30)\n"                                                    \
    "  data=i.header_offset+30+sum(struct.unpack('<HH',h[26:30]))\n"                               \
    "  f.seek(data+i.compress_size); h=f.read(30)\n"                                               \
    "  if h[:4]!=b'PK\\3\\4': continue\n"                                                          \
    "  n,e=struct.unpack('<HH',h[26:30]); name=f.read(n).decode(errors='surrogateescape')\n"       \
    "  d,b=os.path.split(i.filename); want=os.path.join(d,'.'+b+'.sozip.idx')\n"                   \
    "  if name!=want: continue\n"                                                                  \
    "  count+=1; f.read(e)\n"                                                                      \
    "  method=struct.unpack('<H',h[8:10])[0]; crc,size=struct.unpack('<II',h[14:22])\n"            \
    "  x=f.read(size); assert method==0 and zlib.crc32(x)==crc and i.compress_type==8\n"           \
    "  v,skip,chunk,osize,us,cs=struct.unpack('<IIIIQQ',x[:32])\n"                                 \
    "  assert v==1 and us==i.file_size and cs==i.compress_size and us>chunk>0\n"                   \
    "  k=(us-1)//chunk; assert osize in (4,8) and len(x)==32+skip+k*osize\n"                       \
    "  offs=[0]+[int.from_bytes(x[32+skip+j*osize:][:osize],'little') for j in range(k)]+[cs]\n"   \
    "  assert all(p<q for p,q in zip(offs,offs[1:]))\n"                                            \
    "  assert x[32:36]==b'CRCs' and skip==4+4*(k+1)\n"                                             \
    "  for j in range(k+1):\n"                                                                     \
    "    f.seek(data+offs[j]); c=f.read(offs[j+1]-offs[j]); z=zlib.decompressobj(-15)\n"           \
    "    out=z.decompress(c); assert len(out)==min(chunk,us-j*chunk)\n"                            \
    "    assert zlib.crc32(out)==struct.unpack('<I',x[36+4*j:40+4*j])[0]\n"                        \
    "    if j<k: assert not z.eof and c.endswith(b'\\0\\0\\xff\\xff\\0\\0\\0\\xff\\xff')\n"        \
    "    else: assert z.eof and not z.unused_data\n"                                               \
    "print(count)\n"

typedef struct {
    char *directory;
    char *root;
    CronosConfig *config;
} Fixture;

static inline int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->directory = temporary_new();
    fixture->root = g_build_filename(fixture->directory, "project", NULL);
    assert_int_equal(g_mkdir(fixture->root, 0755), 0);
    temporary_write(fixture->directory, "cronos.conf",
                    "backup: { directory = \"../archives\"; };\n"
                    "log: { file = \"../cronos.log\"; };\n");
    g_autofree char *path = g_build_filename(fixture->directory, "cronos.conf", NULL);
    g_autoptr(GError) error = NULL;
    fixture->config = cronos_config_load(fixture->root, path, &error);
    assert_null(error);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    Fixture *fixture = *state;

    cronos_config_free(fixture->config);
    temporary_free(fixture->directory);
    g_free(fixture->root);
    g_free(fixture);
    return 0;
}

static inline void make_folder(Fixture *fixture, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->root, name, NULL);

    assert_int_equal(g_mkdir_with_parents(path, 0755), 0);
}

/* @lines of numbered text, some twenty bytes each. */
static inline void write_lines(Fixture *fixture, const char *name, guint lines)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < lines; i++)
        g_string_append_printf(text, "line %u of %08x\n", i, i * 2654435761u);
    temporary_write(fixture->root, name, text->str);
}

static inline void write_noise(Fixture *fixture, const char *name, gsize size)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(42);
    g_autofree guint8 *bytes = g_malloc(size);
    g_autofree char *path = g_build_filename(fixture->root, name, NULL);

    for (gsize i = 0; i < size; i++)
        bytes[i] = (guint8)g_rand_int(random);
    assert_true(g_file_set_contents(path, (const char *)bytes, (gssize)size, NULL));
}

static inline CronosCreateResult *backup(Fixture *fixture, const CronosCreateOptions *options)
{
    g_autoptr(GError) error = NULL;
    CronosCreateResult *result = cronos_create(fixture->config, options, NULL, &error);

    if (result == NULL)
        fail_msg("%s", error->message);
    return result;
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
