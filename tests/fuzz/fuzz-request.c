/* SPDX-License-Identifier: MIT
 * fuzz-request.c - the first byte says what kind of request, the others are what it holds */
#include "tests/fuzz/fuzz.h"

#include "cli/serve/request.h"
#include "cli/serve/restore-target.h"
#include "core/error.h"

#define MESSAGE_MAX 1000u

static void check_target(const char *target)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *found = cronos_restore_target_find("/usr", target, &error);

    fuzz_check_error(found != NULL, error);
    if (found == NULL)
        return;
    g_autofree char *canonical = g_canonicalize_filename(found, "/");
    g_assert_true(g_str_has_prefix(canonical, "/usr/"));
}

static void check_taken(const CronosRequest *request)
{
    g_autofree char *normalized =
        request->name != NULL ? cronos_backup_name_normalize(request->name, NULL) : NULL;

    g_assert_true(request->kind != CRONOS_REQUEST_BACKUP || normalized != NULL);
    g_assert_true(request->type == NULL || cronos_backup_type_check(request->type, NULL));
    g_assert_true(request->kind != CRONOS_REQUEST_RESTORE ||
                  (request->identifier != NULL && strchr(request->identifier, '/') == NULL));
    g_assert_cmpint(request->limit, >=, 0);
    if (request->target != NULL)
        check_target(request->target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;

    if (size == 0)
        return 0;
    g_autoptr(CronosRequest) request =
        cronos_request_new((CronosRequestKind)(data[0] % CRONOS_REQUEST_KINDS), NULL);
    gboolean taken = cronos_request_parse(request, (const char *)data + 1, size - 1, &error);

    fuzz_check_error(taken, error);
    g_assert_true(request->id != NULL && *request->id != '\0' &&
                  strlen(request->id) <= CRONOS_REQUEST_ID_MAX &&
                  g_utf8_validate(request->id, -1, NULL));
    if (taken)
        check_taken(request);
    else
        g_assert_cmpuint(strlen(error->message), <, MESSAGE_MAX);
    return 0;
}
