/* SPDX-License-Identifier: MIT
 * union.h - one folder of ".versions": what all backups together hold at one path
 *
 * Every name that any backup has there, once, and for each the runs of backups that have the same
 * file or link under it. Immutable; counted references. */
#pragma once
#include "fs/root.h"

typedef struct {
    const char *name;        /* NUL-terminated */
    guint32 backup, entry;   /* the first backup that has it, and where there */
    guint32 first_run, runs; /* its versions as file or link, oldest first; none: always a folder */
    gboolean folder;         /* it is a folder in some backup; the next are of those */
    mode_t mode;             /* permissions that all of them give */
    gboolean mixed;          /* they do not have one owner and group */
    gboolean has_owner;      /* the first one names its owner and group */
    guint32 uid, gid;
} CronosUnionName;

/* One version: the first backup that has it, and where there. */
typedef struct {
    guint32 backup, entry, header; /* the latter two as of CronosOutlinePlace */
} CronosUnionRun;

typedef struct {
    gint references;  /* atomic */
    CronosRoot *root; /* owned: backups are numbered as in its list */
    char *path;       /* "": of .versions itself */
    GArray *names;    /* of CronosUnionName, ascending as bytes */
    GArray *runs;     /* of CronosUnionRun, those of one name together */
    GStringChunk *room;
    gsize memory_bytes; /* about what it takes */
} CronosUnion;

/* @outlines: one a backup of @root; NULL: it can not be read, and is passed over. */
CronosUnion *cronos_union_new(CronosRoot *root, CronosOutline *const *outlines, const char *path);
CronosUnion *cronos_union_ref(CronosUnion *folder);
void cronos_union_unref(CronosUnion *folder); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosUnion, cronos_union_unref)

/* Returns: (borrowed) the name, or NULL. */
const CronosUnionName *cronos_union_find(const CronosUnion *folder, const char *name);
/* What the versions of @self, a name in @above, are called in the folder @below that is its own:
 * as cronos_version_name says, with numbers where another version, or a name in @below, has the
 * name already. Returns: (owned) array of char *, one a run. */
GPtrArray *cronos_union_version_names(const CronosUnion *above, const CronosUnionName *self,
                                      const CronosUnion *below);
