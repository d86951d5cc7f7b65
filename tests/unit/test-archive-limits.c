/* SPDX-License-Identifier: MIT
 * test-archive-limits.c - archives made to take more memory, time or space than they are worth */
#include "tests/unit/format-fixture.h"

/* Returns: the most memory that this process has had at a time. */
static gsize peak_bytes(void)
{
    g_autofree char *status = NULL;

    assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
    const char *field = strstr(status, "VmHWM:");
    assert_non_null(field);
    return (gsize)g_ascii_strtoull(field + strlen("VmHWM:"), NULL, 10) << 10;
}

/* The path of each was kept with room for the longest one, 64 KiB. */
static void test_many_hard_links_take_little(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory,
               "import tarfile\n"
               "with tarfile.open('a.tar', 'w') as out:\n"
               "    info = tarfile.TarInfo('file'); out.addfile(info)\n"
               "    info.type = tarfile.LNKTYPE; info.linkname = 'file'\n"
               "    for i in range(3000): info.name = 'link%d' % i; out.addfile(info)\n");
    gsize before = peak_bytes();
    CronosArchive *archive = open_archive(fixture, "a.tar");
    assert_int_equal(cronos_archive_count(archive), 3002);
    assert_true(peak_bytes() - before < 64 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, while nothing else has taken memory. */
        cmocka_unit_test_setup_teardown(test_many_hard_links_take_little, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("archive-limits", tests, NULL, NULL);
}
