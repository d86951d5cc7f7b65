/* SPDX-License-Identifier: MIT
 * test-version.c - what is the same */
#include "core/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const CronosMemberInfo file = {.kind = CRONOS_MEMBER_FILE,
                                      .mode = 0100644,
                                      .mtime_ns = 5,
                                      .size_bytes = 7,
                                      .has_crc32 = TRUE,
                                      .crc32 = 9};

static void test_same(void **state)
{
    CronosMemberInfo other = file;

    other.mtime_ns = 6;
    other.mode = 0100600;
    other.uid = 1;
    other.has_owner = TRUE;
    assert_true(cronos_version_is_same(&file, &other));
    other.crc32 = 8;
    assert_false(cronos_version_is_same(&file, &other));
    other = file;
    other.size_bytes = 8;
    assert_false(cronos_version_is_same(&file, &other));
    other = file;
    other.kind = CRONOS_MEMBER_SYMLINK;
    assert_false(cronos_version_is_same(&file, &other));
}

static void test_same_without_checksum(void **state)
{
    CronosMemberInfo other = file;

    other.has_crc32 = FALSE;
    assert_true(cronos_version_is_same(&file, &other));
    other.mtime_ns = 6;
    assert_false(cronos_version_is_same(&file, &other));
}

static void test_folders_are_the_same(void **state)
{
    CronosMemberInfo one = {.kind = CRONOS_MEMBER_DIRECTORY}, other = one;

    other.mtime_ns = 6;
    other.mode = 040700;
    assert_true(cronos_version_is_same(&one, &other));
    assert_false(cronos_version_is_same(&one, &file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_same_without_checksum),
        cmocka_unit_test(test_folders_are_the_same),
    };

    return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
