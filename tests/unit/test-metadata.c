/* SPDX-License-Identifier: MIT
 * test-metadata.c - backup_metadata.json written, and read back from archives of all kinds
 *
 * The archives are made by Python's zipfile: what reads them must not depend on our own writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/metadata.h"
#include "temporary.h"

static char *directory;

static int set_up(void **state)
{
    directory = temporary_new();
    return 0;
}

static int tear_down(void **state)
{
    temporary_free(directory);
    return 0;
}

static CronosMetadataFacts some_facts(void)
{
    static const char *const include[] = {"**/*", NULL};
    static const char *const exclude[] = {".git", "a\\b", "\303\251", "x\377y\376", NULL};

    return (CronosMetadataFacts){
        .type = "manual",
        .name = "x",
        .root = "/srv/\377root",
        .created = 1743667200,
        .started_ns = G_GINT64_CONSTANT(1743667199000000042),
        .files = 3,
        .directories = 2,
        .symlinks = 1,
        .bytes = G_MAXUINT64,
        .skipped = 4,
        .unreadable = 5,
        .include_patterns = include,
        .exclude_patterns = exclude,
        .exclude_caches = TRUE,
        .member = TRUE,
    };
}

static JsonObject *parse(const char *text)
{
    g_autoptr(JsonNode) node = json_from_string(text, NULL);

    assert_non_null(node);
    assert_true(JSON_NODE_HOLDS_OBJECT(node));
    return json_node_dup_object(node);
}

static void test_format(void **state)
{
    CronosMetadataFacts facts = some_facts();
    gsize length, again_length;
    g_autofree char *text = cronos_metadata_format(&facts, &length);
    g_autofree char *again = cronos_metadata_format(&facts, &again_length);
    g_autoptr(JsonObject) object = parse(text);
    JsonObject *part = json_object_get_object_member(object, "cronos");
    JsonArray *exclude = json_object_get_array_member(part, "exclude_patterns");

    assert_int_equal(strlen(text), length);
    assert_string_equal(text, again);
    assert_int_equal(text[length - 1], '\n');
    assert_string_equal(json_object_get_string_member(object, "created_at"), "20250403_100000");
    assert_string_equal(json_object_get_string_member(object, "backup_type"), "manual");
    assert_string_equal(json_object_get_string_member(object, "name"), "x");
    assert_string_equal(json_object_get_string_member(part, "root"), "/srv/\357\277\275root");
    assert_string_equal(json_object_get_string_member(part, "created_utc"),
                        "2025-04-03T07:59:59.000000042Z");
    assert_int_equal(json_object_get_int_member(part, "files"), 3);
    assert_int_equal(json_object_get_int_member(part, "directories"), 2);
    assert_int_equal(json_object_get_int_member(part, "symlinks"), 1);
    assert_true(json_object_get_int_member(part, "bytes") == G_MAXINT64);
    assert_int_equal(json_object_get_int_member(part, "skipped"), 4);
    assert_int_equal(json_object_get_int_member(part, "unreadable"), 5);
    assert_true(json_object_get_boolean_member(part, "exclude_caches"));
    assert_true(json_object_get_boolean_member(part, "member"));
    assert_int_equal(json_array_get_length(exclude), 4);
    assert_string_equal(json_array_get_string_element(exclude, 1), "a\\b");
    assert_string_equal(json_array_get_string_element(exclude, 2), "\303\251");
    assert_string_equal(json_array_get_string_element(exclude, 3), "x?y?");
    assert_non_null(json_object_get_string_member(part, "host"));
    assert_non_null(json_object_get_string_member(part, "version"));
}

static void test_times_before_the_epoch(void **state)
{
    CronosMetadataFacts facts = some_facts();
    gsize length;

    facts.started_ns = -1;
    g_autofree char *text = cronos_metadata_format(&facts, &length);
    assert_non_null(strstr(text, "\"1969-12-31T23:59:59.999999999Z\""));
    facts.started_ns = G_MININT64;
    g_autofree char *earliest = cronos_metadata_format(&facts, &length);
    assert_non_null(strstr(earliest, "\"1677-09-21T00:12:43.145224192Z\""));
}

static void test_users_keys_first(void **state)
{
    CronosMetadataFacts facts = some_facts();
    g_autoptr(JsonObject) user = json_object_new();
    gsize length;

    assert_true(cronos_metadata_add_pair(user, "zeta=1", NULL));
    assert_true(cronos_metadata_add_pair(user, "alpha=two", NULL));
    facts.user = user;
    g_autofree char *text = cronos_metadata_format(&facts, &length);
    assert_true(
        g_str_has_prefix(text, "{\n  \"zeta\" : 1,\n  \"alpha\" : \"two\",\n  \"created_at\""));
    assert_int_equal(json_object_get_size(user), 2);
}

static void test_pairs(void **state)
{
    g_autoptr(JsonObject) user = json_object_new();
    static const char *const pairs[] = {
        "int=42",
        "float=1.5",
        "yes=true",
        "nothing=null",
        "list=[1, \"a\"]",
        "object={\"a\":1}",
        "text=\"42\"",
        "plain=42 days",
        "empty=",
        "equals=a=b",
        "leading=007",
        "hex=0x1F",
        "huge=99999999999999999999",
        "broken={\"a\":",
        "again=1",
        "again=2",
    };
    static const char *const refused[] = {"", "novalue", "=x", "\377=x", "x=\377"};

    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++)
        assert_true(cronos_metadata_add_pair(user, pairs[i], NULL));
    g_autofree char *text = cronos_metadata_to_text(user, FALSE);
    assert_string_equal(text, "{\"int\":42,\"float\":1.5,\"yes\":true,\"nothing\":null,"
                              "\"list\":[1,\"a\"],\"object\":{\"a\":1},\"text\":\"42\","
                              "\"plain\":\"42 days\",\"empty\":\"\",\"equals\":\"a=b\","
                              "\"leading\":\"007\",\"hex\":\"0x1F\","
                              "\"huge\":\"99999999999999999999\",\"broken\":\"{\\\"a\\\":\","
                              "\"again\":2}");
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;

        assert_false(cronos_metadata_add_pair(user, refused[i], &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    }
}

static gboolean add_text(JsonObject *user, const char *text, GError **error)
{
    g_autofree char *path = g_build_filename(directory, "m.json", NULL);

    temporary_write(directory, "m.json", text);
    return cronos_metadata_add_file(user, path, error);
}

static void test_file(void **state)
{
    g_autoptr(JsonObject) user = json_object_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *filler = g_strnfill(256 * 1024, 'x');
    g_autofree char *large = g_strdup_printf("{\"a\":\"%s\"}", filler);
    static const char *const refused[] = {"", "[]", "1", "{\"a\":1", "{\"a\":1}x"};

    assert_true(cronos_metadata_add_pair(user, "b=1", NULL));
    assert_true(add_text(user, "{\"a\": {\"n\": [1]}, \"b\": 2}\n", &error));
    g_autofree char *text = cronos_metadata_to_text(user, FALSE);
    assert_string_equal(text, "{\"b\":2,\"a\":{\"n\":[1]}}");

    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        assert_false(add_text(user, refused[i], &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
        assert_non_null(strstr(error->message, "m.json"));
        g_clear_error(&error);
    }
    assert_false(add_text(user, large, &error));
    assert_non_null(strstr(error->message, "larger than 256 KiB"));
    g_clear_error(&error);
    assert_false(cronos_metadata_add_file(user, "/nonexistent", &error));
    assert_int_equal(error->domain, CRONOS_SYSTEM_ERROR);
    g_clear_error(&error);
    assert_false(cronos_metadata_add_file(user, directory, &error));
    assert_int_equal(error->domain, CRONOS_SYSTEM_ERROR);
}

static void test_check_user(void **state)
{
    static const char *const reserved[] = {"created_at=1", "backup_type=1", "name=1", "cronos=1"};
    g_autofree char *filler = g_strnfill(256 * 1024, 'x');

    for (size_t i = 0; i < G_N_ELEMENTS(reserved); i++) {
        g_autoptr(JsonObject) user = json_object_new();
        g_autoptr(GError) error = NULL;

        assert_true(cronos_metadata_check_user(user, &error));
        assert_true(cronos_metadata_add_pair(user, reserved[i], NULL));
        assert_false(cronos_metadata_check_user(user, &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    }
    g_autoptr(JsonObject) user = json_object_new();
    json_object_set_string_member(user, "a", filler);
    assert_false(cronos_metadata_check_user(user, NULL));
}

/* Makes @file_name by Python's zipfile: a member "other.txt" and, where they are not NULL, the
 * metadata member and the archive comment.. */
static void make_zip(const char *file_name, const char *member, const char *comment)
{
    static const char script[] =
        "import sys, zipfile\n"
        "path, member, comment = sys.argv[1:4]\n"
        "with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as z:\n"
        "    z.writestr('other.txt', 'other')\n"
        "    z.writestr('sub/backup_metadata.json', '{\"cronos\": {\"member\": true}}')\n"
        "    if member != '-': z.writestr('backup_metadata.json', open(member).read())\n"
        "    if comment != '-': z.comment = open(comment, 'rb').read()\n";
    g_autofree char *path = g_build_filename(directory, file_name, NULL);
    g_autofree char *member_path = g_build_filename(directory, "member", NULL);
    g_autofree char *comment_path = g_build_filename(directory, "comment", NULL);
    const char *argv[] = {"python3",
                          "-c",
                          script,
                          path,
                          member != NULL ? member_path : "-",
                          comment != NULL ? comment_path : "-",
                          NULL};
    int status = -1;

    temporary_write(directory, "member", member != NULL ? member : "");
    temporary_write(directory, "comment", comment != NULL ? comment : "");
    assert_true(g_spawn_sync(NULL, (char **)(gpointer)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                             NULL, NULL, &status, NULL));
    assert_int_equal(status, 0);
}

/* Reads the metadata of a.zip made of @member and @comment, both ways, and holds it against
 * @expected (NULL: none); and whether the member passes for ours. */
static void assert_reads(const char *member, const char *comment, const char *expected,
                         gboolean is_ours)
{
    g_autoptr(GError) error = NULL;
    int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    make_zip("a.zip", member, comment);
    g_autoptr(JsonObject) tail = cronos_metadata_read(dirfd, "a.zip", &error);
    assert_null(error);
    g_autoptr(CronosArchive) archive = cronos_archive_open(dirfd, "a.zip", &error);
    assert_non_null(archive);
    close(dirfd);
    g_autoptr(JsonObject) object = cronos_metadata_from_archive(archive, &error);
    assert_null(error);

    JsonObject *found[] = {tail, object};
    for (int i = 0; i < 2; i++) {
        g_autofree char *text = found[i] != NULL ? cronos_metadata_to_text(found[i], FALSE) : NULL;
        assert_int_equal(text == NULL, expected == NULL);
        if (expected != NULL)
            assert_string_equal(text, expected);
    }
    guint32 entry = cronos_archive_lookup_path(archive, CRONOS_METADATA_MEMBER);
    assert_int_equal(entry == CRONOS_ENTRY_NONE, member == NULL);
    assert_int_equal(cronos_metadata_is_member(archive, entry), is_ours);
    entry = cronos_archive_lookup_path(archive, "sub/backup_metadata.json");
    assert_int_not_equal(entry, CRONOS_ENTRY_NONE);
    assert_false(cronos_metadata_is_member(archive, entry));
}

static void test_read(void **state)
{
    static const char ours[] = "{\"a\":1,\"cronos\":{\"member\":true}}";
    static const char comment_alone[] = "{\"a\":2,\"cronos\":{\"member\":false}}";
    static const char old[] = "{\"created_at\":\"20240101_000000\",\"type\":\"x\"}";
    static const char users[] = "{\"mine\":true}";

    assert_reads(NULL, NULL, NULL, FALSE);
    assert_reads(ours, ours, ours, TRUE);
    assert_reads(users, comment_alone, comment_alone, FALSE);
    assert_reads(ours, comment_alone, comment_alone, FALSE); /* a user's copy of ours */
    assert_reads(ours, NULL, ours, TRUE);                    /* the comment was stripped */
    assert_reads(old, NULL, old, FALSE);
    assert_reads(users, "made by hand", users, FALSE);
    assert_reads(users, "{\"tool\":\"other\"}", users, FALSE);
    assert_reads("no JSON", "neither", NULL, FALSE);
    assert_reads("[1]", "[1]", NULL, FALSE);
    assert_reads("{\"cronos\":{\"member\":\"true\"}}", NULL, "{\"cronos\":{\"member\":\"true\"}}",
                 FALSE);
    assert_reads("{\"cronos\":1}", "{\"cronos\":[],\"created_at\":1}",
                 "{\"cronos\":[],\"created_at\":1}", FALSE);
}

static void test_too_large_member(void **state)
{
    g_autofree char *filler = g_strnfill(CRONOS_METADATA_BYTES_MAX, ' ');
    g_autofree char *text = g_strconcat("{\"cronos\":{\"member\":true}}", filler, NULL);
    g_autofree char *nest = g_strnfill(CRONOS_METADATA_BYTES_MAX - 10, '[');

    assert_reads(text, NULL, NULL, FALSE);
    assert_reads(nest, NULL, NULL, FALSE);
}

static void test_damaged(void **state)
{
    g_autoptr(GError) error = NULL;
    int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    make_zip("a.zip", NULL, "{\"created_at\":1}");
    g_autofree char *path = g_build_filename(directory, "a.zip", NULL);
    assert_int_equal(truncate(path, 60), 0);
    assert_null(cronos_metadata_read(dirfd, "a.zip", &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
    assert_non_null(strstr(error->message, "a.zip"));
    g_clear_error(&error);
    assert_null(cronos_metadata_read(dirfd, "missing.zip", &error));
    assert_int_equal(error->domain, CRONOS_SYSTEM_ERROR);
    close(dirfd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_times_before_the_epoch),
        cmocka_unit_test(test_users_keys_first),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
        cmocka_unit_test(test_check_user),
        cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_large_member, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
