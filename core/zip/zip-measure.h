/* SPDX-License-Identifier: MIT
 * zip-measure.h - what a member's stored bytes come to, and where they end
 *
 * For members of which a header alone is known, and that not for certain. One pass by zlib, memory
 * bounded and kept from one member to the next. */
#pragma once
#include <glib.h>

typedef struct {
    guint64 stored_bytes; /* that belong to the member */
    guint64 size_bytes;   /* decoded */
    guint32 crc32;
} CronosZipMeasure;

/* Takes @stored bytes of the member in turn. Returns: FALSE with @error to stop. */
typedef gboolean (*CronosZipStoredFunc)(const guint8 *stored, gsize length, gpointer user_data,
                                        GError **error);

typedef struct CronosZipMeasurer CronosZipMeasurer;

/* @fd: borrowed, outlives it. @func: (nullable) given just the bytes that belong to members.
 * Returns: (owned). Threads: one at a time. */
CronosZipMeasurer *cronos_zip_measurer_new(int fd, CronosZipStoredFunc func, gpointer user_data);
void cronos_zip_measurer_free(CronosZipMeasurer *measurer); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosZipMeasurer, cronos_zip_measurer_free)

/* Measures a stream of @method (stored or deflated) that begins at @offset: a deflated one up to
 * its own end, which must lie within @stored_max bytes, a stored one of @stored_max bytes.
 * @out_measure: what was passed so far where it fails. @out_cut: whether it failed for no other
 * reason than that the bytes came to an end.
 * Returns: FALSE with @error DAMAGED, a system error, or the function's own. */
gboolean cronos_zip_measurer_run(CronosZipMeasurer *measurer, guint64 offset, guint64 stored_max,
                                 guint16 method, CronosZipMeasure *out_measure, gboolean *out_cut,
                                 GError **error);
/* Measures a stored member that begins at @offset and whose size is not known: up to where a data
 * descriptor with a signature agrees with the bytes before it. The function is given all that is
 * looked at. Returns: FALSE with @error as above. */
gboolean cronos_zip_measurer_run_to_descriptor(CronosZipMeasurer *measurer, guint64 offset,
                                               guint64 stored_max, CronosZipMeasure *out_measure,
                                               GError **error);

/* Returns: the length of the data descriptor at @offset that says what @measure does, with or
 * without signature and ZIP64 (4.3.9); 0: there is none. */
gsize cronos_zip_descriptor_length(int fd, guint64 offset, const CronosZipMeasure *measure);
