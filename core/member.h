/* SPDX-License-Identifier: MIT
 * member.h - what is known of one archive member, whatever the archive's format
 *
 * Entry numbers name the members of one open archive: 0 is the archive's top folder, and the
 * children of a folder are one run of consecutive numbers, sorted by name as bytes. */
#pragma once
#include <glib.h>

#define CRONOS_ENTRY_ROOT 0u
#define CRONOS_ENTRY_NONE G_MAXUINT32

typedef enum {
    CRONOS_MEMBER_FILE,
    CRONOS_MEMBER_DIRECTORY,
    CRONOS_MEMBER_SYMLINK,
} CronosMemberKind;

typedef struct {
    CronosMemberKind kind;
    guint32 mode;      /* st_mode with its type bits; sensible defaults where none is stored */
    gboolean implied;  /* a folder that only other members' names imply */
    gboolean has_mode; /* the archive stores Unix permissions */
    gboolean has_owner;
    guint32 uid, gid;      /* valid if has_owner */
    gint64 mtime_ns;       /* since the epoch, UTC */
    guint64 size_bytes;    /* decoded; for a symbolic link the length of its target; 0: directory */
    guint64 stored_bytes;  /* as it lies in the archive */
    gboolean has_crc32;    /* the next is that of the content: never for a folder */
    guint32 crc32;         /* of the decoded bytes, as recorded; 0 where the format records none */
    gboolean has_identity; /* ctime_ns and inode are known (archives of ours) */
    gint64 ctime_ns;
    guint64 inode;
} CronosMemberInfo;
