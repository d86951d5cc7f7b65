/* SPDX-License-Identifier: MIT
 * reuse-private.h - what the parts of reuse share */
#pragma once
#include "core/reuse.h"

#include <libdeflate.h>

struct CronosReuse {
    int fd;
    CronosZipIndex *index;
    guint64 limit; /* of member data */
    gint64 started_ns, opened_ns;
    char *file_name;
    gboolean has_metadata_member;
};

struct CronosReuseReader {
    const CronosReuse *reuse;
    struct libdeflate_decompressor *decompressor;
    guint8 *decoded;
    gsize decoded_room;
    GString *folder; /* path of the folder looked up last, */
    guint32 entry;   /* and its entry, or CRONOS_ENTRY_NONE */
};

/* Returns: (borrowed) room for @size decoded bytes, or NULL with @error. */
guint8 *cronos_reuse_reader_room(CronosReuseReader *reader, gsize size, GError **error);
