/* SPDX-License-Identifier: MIT
 * archive-private.h - what a format provides behind the face of core/archive.h
 *
 * A format answers by entry number and knows neither the archive's name nor quoting: archive.c puts
 * "ARCHIVE: MEMBER: " before its messages. All functions but open and close may be called by any
 * number of threads at once, with valid entry numbers. */
#pragma once
#include "core/archive.h"

typedef struct {
    /* @fd: borrowed, outlives the data. Returns: (owned) the format's data, or NULL with @error. */
    gpointer (*open)(int fd, GError **error);
    void (*close)(gpointer data);

    guint32 (*count)(gconstpointer data);
    gsize (*memory_bytes)(gconstpointer data);
    guint32 (*parent)(gconstpointer data, guint32 entry);
    void (*children)(gconstpointer data, guint32 entry, guint32 *out_first, guint32 *out_count);
    guint32 (*lookup)(gconstpointer data, guint32 folder, const char *name, gsize length);
    const char *(*name)(gconstpointer data, guint32 entry, gsize *out_length);
    gboolean (*is_directory)(gconstpointer data, guint32 entry);
    gboolean (*info)(gconstpointer data, guint32 entry, CronosMemberInfo *out_info, GError **error);
    const char *(*comment)(gconstpointer data, gsize *out_length);
    /* NULL: there is no directory. */
    guint32 (*directory_crc32)(gconstpointer data);
    guint64 (*repairs)(gconstpointer data, const GPtrArray **out_first);

    /* @entry is no folder in these. */
    gssize (*read)(gpointer data, guint32 entry, guint64 offset, void *buffer, gsize size,
                   GError **error);
    gpointer (*stream_open)(gpointer data, guint32 entry, GError **error);
    gssize (*stream_read)(gpointer stream, void *buffer, gsize size, GError **error);
    void (*stream_free)(gpointer stream);

    /* NULL: no member is cut into chunks. */
    struct CronosSozipChunks *(*chunks_open)(gpointer data, guint32 entry, GError **error);

    guint64 (*position)(gconstpointer data, guint32 entry);
    guint64 (*end_position)(gpointer data, guint32 entry);
    gboolean (*check_structure)(gpointer data, guint32 entry, gboolean ours, GError **error);
    /* NULL: there are none. */
    void (*check_unlisted)(gpointer data, CronosArchiveUnlistedFunc func, gpointer user_data);
    /* NULL: never. */
    gboolean (*is_sequential)(gconstpointer data);
} CronosArchiveFormat;

extern const CronosArchiveFormat cronos_archive_format_zip;
