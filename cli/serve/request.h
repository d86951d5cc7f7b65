/* SPDX-License-Identifier: MIT
 * request.h - what a message asks for: JSON from anyone, read strictly
 *
 *   backup   { "name", "type", "include_patterns", "exclude_patterns", "metadata" }
 *   restore  { "backup_identifier", "target_path", "strategy" }
 *   list     { "type", "all", "limit" }
 *   clean    { "dry_run" }
 *
 * and "request_id" in each of them. A field of another name is refused rather than passed over: a
 * mistyped pattern must not end in a backup of what was to be left out. Null stands for a field
 * that is not there; of list and clean the text may be empty. */
#pragma once
#include "core/restore.h"

#include <json-glib/json-glib.h>

#define CRONOS_REQUEST_BYTES_MAX (512u * 1024u)
#define CRONOS_REQUEST_TEXT_MAX 4096u    /* bytes, of a name, pattern or path */
#define CRONOS_REQUEST_ID_MAX 128u       /* bytes */
#define CRONOS_REQUEST_PATTERNS_MAX 1000 /* in one list */

typedef enum {
    CRONOS_REQUEST_BACKUP,
    CRONOS_REQUEST_RESTORE,
    CRONOS_REQUEST_LIST,
    CRONOS_REQUEST_CLEAN,
    CRONOS_REQUEST_KINDS
} CronosRequestKind;

typedef struct {
    CronosRequestKind kind;
    char *id;       /* the sender's, or a UUID */
    char *reply_to; /* subject; nullable */
    guint sequence; /* of the last message that answered it */

    char *name, *type;         /* of a backup, or what to list; nullable */
    char **include, **exclude; /* nullable */
    JsonObject *metadata;      /* nullable */
    char *identifier, *target; /* target: nullable */
    CronosRestoreStrategy strategy;
    gboolean all, dry_run;
    int limit; /* of a list; 0: none */
} CronosRequest;

/* Returns: (owned) a request with a new id and nothing else. @reply_to: nullable. */
CronosRequest *cronos_request_new(CronosRequestKind kind, const char *reply_to);
void cronos_request_free(CronosRequest *request); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosRequest, cronos_request_free)

/* Fills @request from @text. Returns: FALSE with @error USAGE, of a bounded length whatever the
 * text holds; the sender's id has been taken then where it could be read. Threads: any, one a
 * request. */
gboolean cronos_request_parse(CronosRequest *request, const char *text, gsize length,
                              GError **error);

/* Returns: (static) "backup", ... */
const char *cronos_request_kind_word(CronosRequestKind kind);
