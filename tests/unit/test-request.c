/* SPDX-License-Identifier: MIT
 * test-request.c - what a message may ask for, and how each other one is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/serve/request.h"
#include "core/error.h"

static CronosRequest *parse(CronosRequestKind kind, const char *text)
{
    CronosRequest *request = cronos_request_new(kind, "reply");
    g_autoptr(GError) error = NULL;

    if (!cronos_request_parse(request, text, strlen(text), &error))
        fail_msg("%s: %s", text, error->message);
    assert_null(error);
    return request;
}

static void test_backup(void **state)
{
    g_autoptr(CronosRequest) request =
        parse(CRONOS_REQUEST_BACKUP,
              "{\"name\": \"Before it\", \"type\": \"auto\", \"include_patterns\": [\"src/\"],"
              "\"exclude_patterns\": [\"*.o\", \"!a.o\"], \"metadata\": {\"a\": [1, {}]},"
              "\"request_id\": \"mine\"}");

    assert_string_equal(request->id, "mine");
    assert_string_equal(request->reply_to, "reply");
    assert_string_equal(request->name, "Before it");
    assert_string_equal(request->type, "auto");
    assert_int_equal(g_strv_length(request->include), 1);
    assert_string_equal(request->exclude[1], "!a.o");
    assert_int_equal(json_object_get_size(request->metadata), 1);
}

static void test_others(void **state)
{
    g_autoptr(CronosRequest) restore =
        parse(CRONOS_REQUEST_RESTORE, "{\"backup_identifier\": \"latest\", \"target_path\": "
                                      "\"a/..b/c\", \"strategy\": \"overwrite\"}");
    g_autoptr(CronosRequest) plain =
        parse(CRONOS_REQUEST_RESTORE, "{\"backup_identifier\": \"x\", \"target_path\": null}");
    g_autoptr(CronosRequest) list =
        parse(CRONOS_REQUEST_LIST, "{\"type\": \"auto\", \"all\": true, \"limit\": 7}");
    g_autoptr(CronosRequest) clean = parse(CRONOS_REQUEST_CLEAN, "{\"dry_run\": true}");

    assert_string_equal(restore->identifier, "latest");
    assert_string_equal(restore->target, "a/..b/c");
    assert_int_equal(restore->strategy, CRONOS_RESTORE_OVERWRITE);
    assert_null(plain->target);
    assert_int_equal(plain->strategy, CRONOS_RESTORE_CONFIGURED);
    assert_string_equal(list->type, "auto");
    assert_true(list->all);
    assert_int_equal(list->limit, 7);
    assert_true(clean->dry_run);
}

/* Nothing stands for an empty object, and every request has an id that no other one has. */
static void test_empty(void **state)
{
    g_autoptr(CronosRequest) list = parse(CRONOS_REQUEST_LIST, "");
    g_autoptr(CronosRequest) clean = parse(CRONOS_REQUEST_CLEAN, "{\"request_id\": null}");

    assert_false(clean->dry_run);
    assert_int_equal(list->limit, 0);
    assert_true(g_uuid_string_is_valid(list->id));
    assert_true(g_uuid_string_is_valid(clean->id));
    assert_string_not_equal(list->id, clean->id);
}

static void test_refused(void **state)
{
    static const struct {
        CronosRequestKind kind;
        const char *text, *reason;
    } cases[] = {
        {CRONOS_REQUEST_BACKUP, "", "name is missing"},
        {CRONOS_REQUEST_BACKUP, "{}", "name is missing"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": null}", "name is missing"},
        {CRONOS_REQUEST_BACKUP, "{", "not JSON: line 1"},
        {CRONOS_REQUEST_BACKUP, "\377", "not JSON: line 1"},
        {CRONOS_REQUEST_BACKUP, "\n[]", "not a JSON object"},
        {CRONOS_REQUEST_BACKUP, "null", "not a JSON object"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": 1}", "name: must be a string"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"\"}", "name: must be a string"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": [\"x\"]}", "name: must be a string"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"a/b\"}", "name: "},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"a\\tb\"}", "control characters"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \".a\"}", "start with a dot"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"type\": \"A\"}", "type: "},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"type\": \"../a\"}", "type: "},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"include_patterns\": {}}", "must be an array"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"include_patterns\": [null]}",
         "include_patterns: must be a string"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"exclude_patterns\": [\"a\", \"[\"]}",
         "exclude_patterns: "},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"exclude_patterns\": [\"\"]}",
         "exclude_patterns: must be"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"metadata\": \"a\"}", "metadata: must be"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"metadata\": {\"cronos\": 1}}", "metadata: "},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"exclude_pattern\": []}",
         "did you mean \"exclude_patterns\"?"},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"backup_identifier\": \"y\"}",
         "unknown field \"backup_identifier\""},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"a\\u001b[31m\\u202e\": 1}",
         "unknown field \"a\\033[31m\\342\\200\\256\""},
        {CRONOS_REQUEST_BACKUP, "{\"name\": \"x\", \"request_id\": 7}", "request_id: must be"},
        {CRONOS_REQUEST_RESTORE, "{}", "backup_identifier is missing"},
        {CRONOS_REQUEST_RESTORE, "{\"backup_identifier\": \"/etc\"}", "not a path"},
        {CRONOS_REQUEST_RESTORE, "{\"backup_identifier\": \"x\", \"target_path\": \"..\"}",
         "must not hold"},
        {CRONOS_REQUEST_RESTORE, "{\"backup_identifier\": \"x\", \"target_path\": \"a/../b\"}",
         "must not hold"},
        {CRONOS_REQUEST_RESTORE, "{\"backup_identifier\": \"x\", \"strategy\": \"Overwrite\"}",
         "must be \"new_location\" or \"overwrite\""},
        {CRONOS_REQUEST_LIST, "{\"limit\": 0}", "from 1 to"},
        {CRONOS_REQUEST_LIST, "{\"limit\": 1.5}", "whole number"},
        {CRONOS_REQUEST_LIST, "{\"limit\": 99999999999999999999}", "whole number"},
        {CRONOS_REQUEST_LIST, "{\"all\": \"true\"}", "true or false"},
        {CRONOS_REQUEST_CLEAN, "{\"dry_run\": 0}", "true or false"},
        {CRONOS_REQUEST_CLEAN, "{\"dry-run\": true}", "did you mean \"dry_run\"?"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(CronosRequest) request = cronos_request_new(cases[i].kind, NULL);
        g_autoptr(GError) error = NULL;

        if (cronos_request_parse(request, cases[i].text, strlen(cases[i].text), &error))
            fail_msg("accepted: %s", cases[i].text);
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
        if (strstr(error->message, cases[i].reason) == NULL)
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text, error->message, cases[i].reason);
    }
}

/* Whoever sends a wrong request knows the refusal by the id, whichever field comes first. */
static void test_id_of_refused(void **state)
{
    g_autoptr(CronosRequest) request = cronos_request_new(CRONOS_REQUEST_BACKUP, NULL);
    const char *text = "{\"unknown\": 1, \"request_id\": \"mine\"}";

    assert_false(cronos_request_parse(request, text, strlen(text), NULL));
    assert_string_equal(request->id, "mine");
}

/* A stranger's text does not come back at its full length. */
static void test_bounds(void **state)
{
    static const struct {
        const char *before, *after;
        gsize length;
        gboolean taken;
    } cases[] = {
        {"{\"name\": \"", "\"}", 4000, FALSE},
        {"{\"name\": \"", "\"}", 128, TRUE},
        {"{\"name\": \"x\", \"type\": \"", "\"}", 4000, FALSE},
        {"{\"name\": \"x\", \"type\": \"", "\"}", 32, TRUE},
        {"{\"name\": \"x\", \"request_id\": \"", "\"}", 128, TRUE},
        {"{\"name\": \"x\", \"request_id\": \"", "\"}", 129, FALSE},
        {"{\"name\": \"x\", \"", "\": 1}", 400000, FALSE},
        {"{\"name\": \"x\", \"exclude_patterns\": [\"[", "\"]}", 4000, FALSE},
        {"{\"name\": \"x\", \"exclude_patterns\": [\"", "\"]}", 4096, TRUE},
        {"{\"name\": \"x\", \"exclude_patterns\": [\"", "\"]}", 4097, FALSE},
        {"{\"name\": \"x\", \"metadata\": {\"a\": \"", "\"}}", 100000, TRUE},
        {"{\"name\": \"x\", \"metadata\": {\"a\": \"", "\"}}", 300000, FALSE},
        {"{\"name\": \"x\", \"metadata\": {\"a\": \"", "\"}}", CRONOS_REQUEST_BYTES_MAX, FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *filling = g_strnfill(cases[i].length, 'x');
        g_autofree char *text = g_strconcat(cases[i].before, filling, cases[i].after, NULL);
        g_autoptr(CronosRequest) request = cronos_request_new(CRONOS_REQUEST_BACKUP, NULL);
        g_autoptr(GError) error = NULL;

        assert_int_equal(cronos_request_parse(request, text, strlen(text), &error), cases[i].taken);
        assert_true(cases[i].taken || strlen(error->message) < 400);
    }
}

static void test_number_of_patterns(void **state)
{
    for (guint count = CRONOS_REQUEST_PATTERNS_MAX; count <= CRONOS_REQUEST_PATTERNS_MAX + 1;
         count++) {
        g_autoptr(CronosRequest) request = cronos_request_new(CRONOS_REQUEST_BACKUP, NULL);
        g_autoptr(GString) text = g_string_new("{\"name\": \"x\", \"include_patterns\": [\"a\"");

        for (guint i = 1; i < count; i++)
            g_string_append(text, ",\"a\"");
        g_string_append(text, "]}");
        assert_int_equal(cronos_request_parse(request, text->str, text->len, NULL),
                         count == CRONOS_REQUEST_PATTERNS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_id_of_refused),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_number_of_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
