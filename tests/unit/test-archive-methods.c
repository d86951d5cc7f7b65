/* SPDX-License-Identifier: MIT
 * test-archive-methods.c - ZIP members of uncommon methods and encrypted ones, against the tree
 * they were made from */
#include "tests/unit/format-readers.h"

#define ZIP_METHODS                                                                                \
    "cd tree\n"                                                                                    \
    "for m in BZip2 LZMA XZ PPMd; do 7z a -tzip -mm=$m -snl -bso0 -bsp0 ../$m.zip .; done\n"

static void test_zip_methods(void **state)
{
    static const char *const names[] = {"BZip2.zip", "LZMA.zip", "XZ.zip", "PPMd.zip"};
    Fixture *fixture = *state;

    run_python(fixture->directory, TREE);
    run_shell(fixture->directory, ZIP_METHODS);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        open_archive(fixture, names[i]);
        for (guint32 entry = 1; entry < cronos_archive_count(fixture->archive); entry++)
            compare_entry(fixture, entry);
        assert_false(cronos_archive_is_sequential(fixture->archive));
        run_readers(fixture, names[i], 25);
    }
}

static void test_zip_method_zstd(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory,
               TREE "import subprocess\n"
                    "def z(name):\n"
                    "    data = open('tree/' + name, 'rb').read()\n"
                    "    out = subprocess.run(['zstd', '-qc'], input=data, stdout=-1, check=True)\n"
                    "    return f(name.encode(), data, method=93, stored=out.stdout,\n"
                    "        packed=len(out.stdout))\n"
                    "m = [z('large'), z('script'), z('over')]\n"
                    "craft('a.zip', m); m[0]['crc'] = 1; craft('b.zip', m)\n");
    CronosArchive *archive = open_archive(fixture, "a.zip");
    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        g_autofree char *inner = cronos_archive_path(archive, entry);
        g_autoptr(GBytes) expected = source_bytes(fixture, inner);
        compare_bytes(archive, entry, expected);
    }
    run_readers(fixture, "a.zip", 20);

    g_autoptr(GError) error = NULL;
    g_autofree char *buffer = g_malloc(5000000);
    archive = open_archive(fixture, "b.zip");
    assert_int_equal(
        cronos_archive_read(archive, find(archive, "large"), 0, buffer, 5000000, &error), -1);
    expect_message(&error, CRONOS_ERROR_DAMAGED, "checksum");
    expect_text(archive, "script", "#!/bin/sh\n");
}

/* Python: members that say their dictionaries; @wrong changes what covers that. */
#define XZ                                                                                         \
    "import lzma\n"                                                                                \
    "def lzma1(name, dictionary):\n"                                                               \
    "    chain = [{'id': lzma.FILTER_LZMA1, 'lc': 3, 'lp': 0, 'pb': 2}]\n"                         \
    "    data = b'\\x10\\x02\\x05\\0\\x5d' + dictionary + lzma.compress(b'inside',\n"              \
    "        format=lzma.FORMAT_RAW, filters=chain)\n"                                             \
    "    return f(name, b'inside', method=14, flags=2, stored=data, packed=len(data))\n"           \
    "def xz(name, dictionary, size=300000000, delta=False, wrong=0):\n"                            \
    "    chain = [{'id': lzma.FILTER_LZMA2}]\n"                                                    \
    "    chain = [{'id': lzma.FILTER_DELTA, 'dist': 1}] * delta + chain\n"                         \
    "    data = bytearray(lzma.compress(b'inside', filters=chain))\n"                              \
    "    end = 12 + data[12] * 4; data[16 + 3 * delta] = dictionary\n"                             \
    "    data[end:end + 4] = (zlib.crc32(data[12:end]) ^ wrong).to_bytes(4, 'little')\n"           \
    "    return f(name, b'inside', method=95, size=size, stored=bytes(data), packed=len(data))\n"

/* Returns: KiB of addresses that this process has had at most. */
static guint64 peak_address_space(void)
{
    g_autofree char *status = NULL;

    assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
    const char *peak = strstr(status, "VmPeak:");
    assert_non_null(peak);
    return g_ascii_strtoull(peak + strlen("VmPeak:"), NULL, 10);
}

static void test_zip_methods_that_can_not_be(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    char buffer[4];

    run_python(
        fixture->directory, XZ
        "craft('a.zip', [f(b'd64', b'x' * 50, method=9), f(b'odd', b'xx', method=77),\n"
        "  f(b'strong', b'x' * 50, flags=0x41), f(b'bz', b'not bzip2', method=12),\n"
        "  f(b'lzma', b'x' * 300000000, method=14, size=300000000,\n"
        "    stored=b'\\x10\\x02\\x05\\0\\x5d\\0\\0\\0\\x20' + b'x' * 50, packed=59),\n"
        "  f(b'none', b'', method=9), xz(b'xz', 33), xz(b'delta', 36, delta=True),\n"
        "  f(b'lie', b'x' * 90, method=14,\n"
        "    stored=b'\\x10\\x02\\x05\\0\\x5d\\0\\x0f\\xff\\xf7' + b'x' * 50, packed=59),\n"
        "  xz(b'short', 40, size=6, wrong=1), xz(b'huge', 40, size=6),\n"
        "  xz(b'delta huge', 39, size=6, delta=True), xz(b'exact', 8, size=6),\n"
        "  lzma1(b'lzma huge', b'\\xff\\xff\\xff\\xff'), lzma1(b'lzma none', b'\\0\\0\\0\\0')])\n");
    CronosArchive *archive = open_archive(fixture, "a.zip");
    static const struct {
        const char *name, *message;
        int code;
    } cases[] = {
        {"d64", "d64: compression method 9 (Deflate64) is not supported", CRONOS_ERROR_UNSUPPORTED},
        {"odd", "odd: compression method 77 is not supported", CRONOS_ERROR_UNSUPPORTED},
        {"strong", "strong encryption", CRONOS_ERROR_UNSUPPORTED},
        {"bz", "does not begin as its method has it", CRONOS_ERROR_DAMAGED},
        {"lzma", "a dictionary of 286 MiB", CRONOS_ERROR_UNSUPPORTED},
        {"none", "Deflate64", CRONOS_ERROR_UNSUPPORTED},
        {"xz", "xz: XZ with a dictionary of 286 MiB", CRONOS_ERROR_UNSUPPORTED},
        {"delta", "XZ with a dictionary of 286 MiB", CRONOS_ERROR_UNSUPPORTED},
        {"lie", "lie: ", CRONOS_ERROR_DAMAGED},
        {"short", "short: ", CRONOS_ERROR_DAMAGED},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint32 entry = find(archive, cases[i].name);
        g_autoptr(CronosArchiveStream) stream = cronos_archive_stream_open(archive, entry, NULL);

        assert_int_equal(cronos_archive_read(archive, entry, 0, buffer, 4, &error), -1);
        expect_message(&error, cases[i].code, cases[i].message);
        assert_non_null(stream);
        assert_int_equal(cronos_archive_stream_read(stream, buffer, 4, &error), -1);
        expect_message(&error, cases[i].code, cases[i].message);
    }
    /* None is larger than what the member fills of it, whatever it asks for. */
    guint64 before = peak_address_space();
    expect_text(archive, "huge", "inside");
    expect_text(archive, "delta huge", "inside");
    expect_text(archive, "exact", "inside");
    expect_text(archive, "lzma huge", "inside");
    expect_text(archive, "lzma none", "inside");
    assert_in_range(peak_address_space(), before, before + (1u << 20));
}

#define ENCRYPTED                                                                                  \
    "cd tree\n"                                                                                    \
    "for m in AES128 AES192 AES256 ZipCrypto; do\n"                                                \
    "  7z a -tzip -psecret -mem=$m -snl -bso0 -bsp0 ../$m.zip .; done\n"                           \
    "7z a -tzip -mx=0 -psecret -mem=AES256 -snl -bso0 -bsp0 ../stored.zip .\n"                     \
    "zip -qry -P secret ../zip.zip .\n"                                                            \
    "zip -qr -P secret - . -x link sub/broken | cat >../stream.zip\n" /* zip fails at links */     \
    "7z a -tzip -mm=LZMA -psecret -mem=AES256 -bso0 -bsp0 ../lzma.zip 'with space'\n"

static void test_encrypted_zip(void **state)
{
    static const char *const names[] = {"AES128.zip", "AES192.zip", "AES256.zip", "ZipCrypto.zip",
                                        "stored.zip", "zip.zip",    "stream.zip"};
    Fixture *fixture = *state;
    g_autofree char *file = g_build_filename(fixture->directory, "passphrase", NULL);
    char buffer[10];

    run_python(fixture->directory, TREE);
    run_shell(fixture->directory, ENCRYPTED);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        CronosArchive *archive = open_archive(fixture, names[i]);
        guint32 script = find(archive, "script");
        g_autoptr(GError) error = NULL;

        cronos_passphrase_set_source(NULL, NULL);
        assert_int_equal(cronos_archive_read(archive, script, 0, buffer, 10, &error), -1);
        expect_message(&error, CRONOS_ERROR_UNSUPPORTED, "no passphrase is configured");
        temporary_write(fixture->directory, "passphrase", "wrong\n");
        cronos_passphrase_set_source(file, NULL);
        if (cronos_archive_read(archive, script, 0, buffer, 10, &error) >= 0)
            fail_msg("%s: a wrong passphrase opens it", names[i]);
        /* One byte tells in the traditional cipher, so a wrong passphrase may look like damage. */
        if (!g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED))
            assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED));
        temporary_write(fixture->directory, "passphrase", "secret\nsecond line\n");
        cronos_passphrase_set_source(file, NULL);
        for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++)
            compare_entry(fixture, entry);
    }
    run_readers(fixture, "AES256.zip", 20);
    run_readers(fixture, "stream.zip", 20);

    g_autoptr(GError) error = NULL;
    CronosArchive *archive = open_archive(fixture, "lzma.zip");
    assert_int_equal(
        cronos_archive_read(archive, find(archive, "with space"), 0, buffer, 10, &error), -1);
    expect_message(&error, CRONOS_ERROR_UNSUPPORTED,
                   "method 14 (LZMA) is not supported in an encrypted member");
}

static void test_encrypted_7z(void **state)
{
    Fixture *fixture = *state;
    char buffer[8];
    g_autoptr(GError) error = NULL;

    run_python(fixture->directory, SMALL_TREE);
    run_shell(fixture->directory, "cd tree && 7z a -psecret -bso0 -bsp0 ../a.7z . && "
                                  "7z a -psecret -mhe=on -bso0 -bsp0 ../b.7z .");
    CronosArchive *archive = open_archive(fixture, "a.7z");
    assert_int_equal(cronos_archive_read(archive, find(archive, "text"), 0, buffer, 8, &error), -1);
    expect_message(&error, CRONOS_ERROR_UNSUPPORTED, "a.7z: text: ");
    assert_null(try_archive(fixture, "b.7z", &error));
    expect_message(&error, CRONOS_ERROR_UNSUPPORTED, "crypt");
}

static void test_passphrase(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *file = g_build_filename(fixture->directory, "passphrase", NULL);
    g_autofree char *command = g_strdup_printf("cat '%s'", file);
    g_autoptr(GError) error = NULL;

    assert_false(cronos_passphrase_is_configured());
    cronos_passphrase_set_source(file, NULL);
    assert_true(cronos_passphrase_is_configured());
    assert_null(cronos_passphrase_get(&error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOENT));
    g_clear_error(&error);
    temporary_write(fixture->directory, "passphrase", "from a file\r\nrest");
    assert_string_equal(cronos_passphrase_get(NULL), "from a file");
    temporary_write(fixture->directory, "passphrase", "from a command");
    assert_string_equal(cronos_passphrase_get(NULL), "from a file");
    cronos_passphrase_set_source("", command);
    assert_string_equal(cronos_passphrase_get(NULL), "from a command");
    temporary_write(fixture->directory, "passphrase", "\n");
    cronos_passphrase_set_source(NULL, command);
    assert_null(cronos_passphrase_get(&error));
    expect_message(&error, CRONOS_ERROR_FAILED, "empty");
    cronos_passphrase_set_source(NULL, "false");
    assert_null(cronos_passphrase_get(&error));
    expect_message(&error, CRONOS_ERROR_FAILED, "failed");
    cronos_passphrase_set_source(NULL, "/no/such/program");
    assert_null(cronos_passphrase_get(&error));
    expect_message(&error, CRONOS_ERROR_FAILED, "can not be run");
    cronos_passphrase_set_source(NULL, "unbalanced '");
    assert_null(cronos_passphrase_get(&error));
    expect_message(&error, CRONOS_ERROR_FAILED, "can not be run");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_zip_methods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zip_method_zstd, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zip_methods_that_can_not_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_encrypted_zip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_encrypted_7z, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passphrase, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("archive-methods", tests, NULL, NULL);
}
