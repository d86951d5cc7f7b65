/* SPDX-License-Identifier: MIT
 * test-zip-writer.c - archives of the writer, held against Python's zipfile, unzip, 7z and bsdtar
 */
#include "core/error.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-writer.h"
#include "tests/unit/other-tools.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <libdeflate.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    char *directory;
    char *path;
    int fd;
    CronosZipWriter *writer;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->directory = g_dir_make_tmp("cronos-writer-XXXXXX", NULL);
    assert_non_null(fixture->directory);
    fixture->path = g_build_filename(fixture->directory, "archive.zip", NULL);
    fixture->fd = open(fixture->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fixture->fd >= 0);
    fixture->writer = cronos_zip_writer_new(fixture->fd);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    cronos_zip_writer_free(fixture->writer);
    close(fixture->fd);
    assert_int_equal(g_unlink(fixture->path), 0);
    assert_int_equal(g_rmdir(fixture->directory), 0);
    g_free(fixture->path);
    g_free(fixture->directory);
    g_free(fixture);
    return 0;
}

static CronosZipMember member_of(const char *name, CronosMemberKind kind, guint64 size_bytes)
{
    guint32 type = kind == CRONOS_MEMBER_DIRECTORY ? S_IFDIR
                   : kind == CRONOS_MEMBER_SYMLINK ? S_IFLNK
                                                   : S_IFREG;

    return (CronosZipMember){
        .name = name,
        .name_length = strlen(name),
        .info = {.kind = kind,
                 .mode = type | 0750,
                 .has_mode = TRUE,
                 .has_owner = TRUE,
                 .uid = 1000,
                 .gid = 100,
                 .mtime_ns = G_GINT64_CONSTANT(1700000001123456789),
                 .size_bytes = size_bytes,
                 .has_identity = TRUE,
                 .ctime_ns = G_GINT64_CONSTANT(1700000002000000003),
                 .inode = 0x012345},
    };
}

static void add(Fixture *fixture, const CronosZipMember *member, const char *text)
{
    gsize size = text == NULL ? 0 : strlen(text);
    CronosZipMember sized = *member;
    GError *error = NULL;

    sized.info.size_bytes = size;
    assert_true(cronos_zip_writer_add(fixture->writer, &sized, ZIP_METHOD_STORED,
                                      libdeflate_crc32(0, text, size), text, size, &error));
    assert_null(error);
}

static void add_file(Fixture *fixture, const char *name, const char *text)
{
    CronosZipMember member = member_of(name, CRONOS_MEMBER_FILE, 0);

    add(fixture, &member, text);
}

static void finish(Fixture *fixture, const char *comment)
{
    GError *error = NULL;

    assert_true(cronos_zip_writer_finish(fixture->writer, comment,
                                         comment == NULL ? 0 : strlen(comment), &error));
    assert_null(error);
    assert_int_equal(lseek(fixture->fd, 0, SEEK_END), cronos_zip_writer_position(fixture->writer));
}

static void test_members_of_every_kind(void **state)
{
    Fixture *fixture = *state;
    CronosZipMember directory = member_of("dir", CRONOS_MEMBER_DIRECTORY, 0);
    CronosZipMember link = member_of("link", CRONOS_MEMBER_SYMLINK, 0);

    add(fixture, &directory, NULL);
    add_file(fixture, "dir/plain", "hello\n");
    add_file(fixture, "dir/empty", NULL);
    add_file(fixture, "s\303\274\303\237", "x");
    add_file(fixture, "bad\377", "x");
    add(fixture, &link, "dir/plain");
    finish(fixture, "a comment");
    assert_tools_accept(fixture->path);
    g_autofree char *seen = python(
        fixture->path, "import sys,zipfile\n"
                       "z=zipfile.ZipFile(sys.argv[1])\n"
                       "for i in z.infolist():\n"
                       "  print(ascii(i.filename),oct(i.external_attr>>16),i.external_attr&255,"
                       "i.flag_bits,i.create_system,z.read(i))\n"
                       "print(z.comment)\n");
    assert_string_equal(seen, "'dir/' 0o40750 16 0 3 b''\n"
                              "'dir/plain' 0o100750 0 0 3 b'hello\\n'\n"
                              "'dir/empty' 0o100750 0 0 3 b''\n"
                              "'s\\xfc\\xdf' 0o100750 0 2048 3 b'x'\n"
                              "'bad\\xa0' 0o100750 0 0 3 b'x'\n"
                              "'link' 0o120750 0 0 3 b'dir/plain'\n"
                              "b'a comment'\n");
}

static void test_times_owner_and_identity(void **state)
{
    Fixture *fixture = *state;
    CronosZipMember ancient = member_of("ancient", CRONOS_MEMBER_FILE, 0);
    CronosZipMember distant = member_of("distant", CRONOS_MEMBER_FILE, 0);

    ancient.info.mtime_ns = G_GINT64_CONSTANT(-1500000000);
    distant.info.mtime_ns = G_GINT64_CONSTANT(7000000000) * 1000000000;
    distant.info.uid = 70000;
    add_file(fixture, "now", "x");
    add(fixture, &ancient, "x");
    add(fixture, &distant, "x");
    finish(fixture, NULL);
    assert_tools_accept(fixture->path);
    g_autofree char *seen =
        python(fixture->path,
               "import sys,zipfile,struct\n"
               "for i in zipfile.ZipFile(sys.argv[1]).infolist():\n"
               "  e=i.extra; out=[]\n"
               "  while e:\n"
               "    t,n=struct.unpack('<HH',e[:4]); out.append('%04x:%s'%(t,e[4:4+n].hex()))\n"
               "    e=e[4+n:]\n"
               "  print(i.filename,i.date_time,*out)\n");
    /* TZ is Europe/Berlin. */
    assert_string_equal(seen, "now (2023, 11, 14, 23, 13, 20) 5455:0101f15365 7875:0102e803026400 "
                              "5243:1303945fadfe9c971745230115cd5b07\n"
                              "ancient (1980, 1, 1, 0, 0, 0) 5455:01feffffff 7875:0102e803026400 "
                              "5243:1303945fadfe9c97174523010065cd1d\n"
                              "distant (2107, 12, 31, 23, 59, 58) 7875:0104701101000464000000 "
                              "5243:2303945fadfe9c971745230100863ba101000000\n");
}

static void write_pieces(Fixture *fixture, const CronosZipMember *member, gsize pieces,
                         gboolean aligned)
{
    g_autofree guint8 *piece = g_malloc(100000);
    guint32 crc = 0;

    memset(piece, 'p', 100000);
    assert_true(cronos_zip_writer_begin(fixture->writer, member, ZIP_METHOD_STORED, aligned, NULL));
    for (gsize i = 0; i < pieces; i++) {
        assert_true(cronos_zip_writer_append(fixture->writer, piece, 100000, NULL));
        crc = libdeflate_crc32(crc, piece, 100000);
    }
    assert_true(cronos_zip_writer_end(fixture->writer, crc, pieces * 100000, NULL));
}

static void test_pieces_headers_and_alignment(void **state)
{
    Fixture *fixture = *state;
    CronosZipMember small = member_of("pieces/small", CRONOS_MEMBER_FILE, 300000);
    CronosZipMember large = member_of("pieces/large", CRONOS_MEMBER_FILE, 2500000);
    CronosZipMember wide = member_of("wide", CRONOS_MEMBER_FILE, G_GUINT64_CONSTANT(0xf0000000));

    for (guint i = 0; i < 40; i++) { /* many lengths before an aligned member */
        g_autofree char *name = g_strdup_printf("before-%.*s", (int)i,
                                                "xxxxxxxxxxxxxxxxxxxxxxxx"
                                                "xxxxxxxxxxxxxxxxxxxxxxxx");
        CronosZipMember aligned = member_of(name, CRONOS_MEMBER_FILE, 100000);

        write_pieces(fixture, &aligned, 1, TRUE);
        add_file(fixture, name + 3, "odd");
    }
    write_pieces(fixture, &small, 3, TRUE);
    write_pieces(fixture, &large, 25, TRUE);
    write_pieces(fixture, &wide, 2, FALSE);
    finish(fixture, NULL);
    assert_tools_accept(fixture->path);
    g_autofree char *seen = python(
        fixture->path, "import sys,zipfile,struct\n"
                       "f=open(sys.argv[1],'rb'); z=zipfile.ZipFile(f); n=0\n"
                       "for i in z.infolist():\n"
                       "  f.seek(i.header_offset); h=f.read(30)\n"
                       "  s,v,fl,m,t,d,c,cs,us,nl,el=struct.unpack('<IHHHHHIIIHH',h)\n"
                       "  x=f.read(nl+el)[nl:]\n"
                       "  if i.filename=='wide':\n"
                       "    assert struct.unpack('<HHQQ',x[:20])==(1,16,200000,200000) and v==45\n"
                       "    assert cs==us==0xffffffff\n"
                       "  else: assert (c,cs,us)==(i.CRC,i.compress_size,i.file_size)\n"
                       "  if i.file_size>=100000 and i.filename!='wide':\n"
                       "    assert (i.header_offset+30+nl+el)%4096==0,i; n+=1\n"
                       "print(n)\n");
    assert_string_equal(seen, "42\n");
}

static void test_rollback_leaves_no_trace(void **state)
{
    Fixture *fixture = *state;
    CronosZipMember lost = member_of("lost", CRONOS_MEMBER_FILE, 9000000);
    g_autofree guint8 *bytes = g_malloc0(3000000);

    for (guint round = 0; round < 3; round++) {
        g_autofree char *name = g_strdup_printf("kept-%u", round);
        guint64 before = cronos_zip_writer_position(fixture->writer);

        assert_true(cronos_zip_writer_begin(fixture->writer, &lost, ZIP_METHOD_STORED, TRUE, NULL));
        assert_true(cronos_zip_writer_append(fixture->writer, bytes, round * (gsize)1500000, NULL));
        assert_true(cronos_zip_writer_rollback(fixture->writer, NULL));
        assert_int_equal(cronos_zip_writer_position(fixture->writer), before);
        add_file(fixture, name, "kept");
    }
    finish(fixture, NULL);
    assert_tools_accept(fixture->path);
    assert_true(lseek(fixture->fd, 0, SEEK_END) < 1000);
}

static void test_reserved_member_is_first(void **state)
{
    Fixture *fixture = *state;
    CronosZipMember first = member_of("first.json", CRONOS_MEMBER_FILE, 0);
    CronosZipMember large = member_of("large", CRONOS_MEMBER_FILE, 2500000);

    assert_true(cronos_zip_writer_reserve(fixture->writer, &first, 12, NULL));
    write_pieces(fixture, &large, 25, FALSE);
    assert_true(cronos_zip_writer_fill_reserved(fixture->writer, "{\"a\": true}\n", NULL));
    finish(fixture, NULL);
    assert_tools_accept(fixture->path);
    g_autofree char *seen = python(fixture->path, "import sys,zipfile\n"
                                                  "z=zipfile.ZipFile(sys.argv[1])\n"
                                                  "i=z.infolist()[0]\n"
                                                  "print(i.header_offset,z.read(i))\n");
    assert_string_equal(seen, "0 b'{\"a\": true}\\n'\n");
}

static void test_hidden_members_are_not_listed(void **state)
{
    Fixture *fixture = *state;

    add_file(fixture, "a", "seen");
    assert_true(
        cronos_zip_writer_add_hidden(fixture->writer, ".a.sozip.idx", 12, "hidden", 6, NULL));
    add_file(fixture, "b", "seen");
    finish(fixture, NULL);
    assert_tools_accept(fixture->path);
    g_autofree char *seen = python(fixture->path, "import sys,zipfile\n"
                                                  "b=open(sys.argv[1],'rb').read()\n"
                                                  "print(zipfile.ZipFile(sys.argv[1]).namelist(),"
                                                  "b.count(b'.a.sozip.idx'),b.count(b'hidden'))\n");
    assert_string_equal(seen, "['a', 'b'] 1 1\n");
}

static void test_more_members_than_sixteen_bits_count(void **state)
{
    Fixture *fixture = *state;

    for (guint i = 0; i < 70000; i++) {
        g_autofree char *name = g_strdup_printf("folder/file-%05u", i);

        add_file(fixture, name, "x");
    }
    finish(fixture, "many");
    g_free(run((const char *[]){"7z", "t", fixture->path, NULL}));
    g_autofree char *seen = python(fixture->path, "import sys,zipfile\n"
                                                  "z=zipfile.ZipFile(sys.argv[1])\n"
                                                  "n=z.namelist()\n"
                                                  "assert n==sorted(n)\n"
                                                  "print(len(n),n[0],n[-1],z.comment)\n");
    assert_string_equal(seen, "70000 folder/file-00000 folder/file-69999 b'many'\n");
}

static void test_sixteen_bits_exactly(void **state)
{
    Fixture *fixture = *state;

    for (guint i = 0; i < 65535; i++) {
        g_autofree char *name = g_strdup_printf("%u", i);

        add_file(fixture, name, NULL);
    }
    finish(fixture, NULL);
    g_autofree char *seen =
        python(fixture->path, "import sys,zipfile\n"
                              "print(len(zipfile.ZipFile(sys.argv[1]).namelist()))\n");
    assert_string_equal(seen, "65535\n");
}

static void test_an_empty_archive(void **state)
{
    Fixture *fixture = *state;

    finish(fixture, NULL);
    g_autofree char *seen =
        python(fixture->path, "import sys,zipfile\n"
                              "print(zipfile.ZipFile(sys.argv[1]).namelist())\n");
    assert_string_equal(seen, "[]\n");
    assert_int_equal(lseek(fixture->fd, 0, SEEK_END), ZIP_END_SIZE);
}

static void test_names_that_do_not_fit_are_refused(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *name = g_strnfill(65535, 'n');
    CronosZipMember member = member_of(name, CRONOS_MEMBER_FILE, 0);
    g_autoptr(GError) error = NULL;

    assert_false(cronos_zip_writer_add(fixture->writer, &member, 0, 0, NULL, 0, &error));
    assert_int_equal(error->domain, CRONOS_SYSTEM_ERROR);
    member.name_length--;
    add(fixture, &member, "x");
    finish(fixture, NULL);
    g_free(python(fixture->path, "import sys,zipfile\n"
                                 "assert zipfile.ZipFile(sys.argv[1]).testzip() is None\n"));
}

static void test_a_full_disk_is_told(void **state)
{
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    g_autoptr(CronosZipWriter) writer = cronos_zip_writer_new(full);
    CronosZipMember member = member_of("x", CRONOS_MEMBER_FILE, 4000000);
    g_autofree guint8 *bytes = g_malloc0(4000000);
    g_autoptr(GError) error = NULL;

    assert_true(full >= 0);
    assert_false(
        cronos_zip_writer_add(writer, &member, ZIP_METHOD_STORED, 0, bytes, 4000000, &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOSPC));
    close(full);
}

#define WITH_ARCHIVE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARCHIVE(test_members_of_every_kind),
        WITH_ARCHIVE(test_times_owner_and_identity),
        WITH_ARCHIVE(test_pieces_headers_and_alignment),
        WITH_ARCHIVE(test_rollback_leaves_no_trace),
        WITH_ARCHIVE(test_reserved_member_is_first),
        WITH_ARCHIVE(test_hidden_members_are_not_listed),
        WITH_ARCHIVE(test_more_members_than_sixteen_bits_count),
        WITH_ARCHIVE(test_sixteen_bits_exactly),
        WITH_ARCHIVE(test_an_empty_archive),
        WITH_ARCHIVE(test_names_that_do_not_fit_are_refused),
        cmocka_unit_test(test_a_full_disk_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
