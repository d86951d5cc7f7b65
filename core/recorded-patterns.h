/* SPDX-License-Identifier: MIT
 * recorded-patterns.h - which files a backup was made to hold */
#pragma once
#include "core/archive.h"
#include "core/config.h"
#include "core/pattern.h"

typedef struct {
    gboolean recorded; /* the backup's metadata names them; else they are the fallback */
    char **include;    /* NULL-terminated; NULL: everything */
    char **exclude;    /* NULL-terminated, may be empty */
    CronosPatterns *include_patterns; /* NULL: everything */
    CronosPatterns *exclude_patterns;
    gboolean caches_recorded, exclude_caches; /* the second where the first is TRUE */
    guint64 unreadable; /* files it lacks since they could not be read, of unknown names */
    gint64 started_ns;  /* when it was begun, since the epoch; 0: not known */
    GError *failure;    /* nullable: why what is recorded could not be read */
} CronosRecordedPatterns;

/* Reads the patterns from the metadata of @archive: from the member, whose checksum vouches for it,
 * where it has one. Where there are none (foreign archives), or they make no sense, or are damaged
 * (failure): everything is included, and backup.exclude_patterns of @config are excluded.
 * Returns: (owned), or NULL with @error when even those can not be compiled. */
CronosRecordedPatterns *cronos_recorded_patterns_read(CronosArchive *archive,
                                                      const CronosConfig *config, GError **error);
void cronos_recorded_patterns_free(CronosRecordedPatterns *patterns); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosRecordedPatterns, cronos_recorded_patterns_free)

/* Returns: whether a backup made with these would hold the file @path, as far as patterns go. */
gboolean cronos_recorded_patterns_cover(const CronosRecordedPatterns *patterns, const char *path);

/* Returns: the entry of the metadata member that create added, or CRONOS_ENTRY_NONE. */
guint32 cronos_metadata_entry(CronosArchive *archive);
