/* SPDX-License-Identifier: MIT
 * archive-libarchive-input.h - what libarchive reads of an archive: bytes of its file, or decoded
 *
 * A compressed tar or cpio is decoded by a libarchive of its own, from which the one that knows the
 * format reads. So all that is decoded comes by here, also what is skipped or belongs to a header,
 * and is held against what the source allows.
 *
 * Memory: 64 KiB, and the decoder's. Threads: one at a time. */
#pragma once
#include "core/archive-libarchive-handle.h"

typedef struct CronosLibarchiveInput CronosLibarchiveInput;

/* Has @archive, which is yet to be opened, read from @source, which is borrowed and must outlive
 * both. Returns: (owned) to be freed after @archive; or NULL with @error: DAMAGED, UNSUPPORTED or a
 * system error. */
CronosLibarchiveInput *cronos_libarchive_input_new(const CronosLibarchiveSource *source,
                                                   struct archive *archive, GError **error);
void cronos_libarchive_input_free(CronosLibarchiveInput *input); /* NULL: no-op */

/* Returns: whether what is read was compressed. */
gboolean cronos_libarchive_input_is_filtered(const CronosLibarchiveInput *input);
/* Between these two, what is read is a header, of which libarchive keeps all: it has a limit. */
void cronos_libarchive_input_begin_header(CronosLibarchiveInput *input);
void cronos_libarchive_input_end_header(CronosLibarchiveInput *input);
/* Returns: whether it ended before its end. */
gboolean cronos_libarchive_input_has_failed(const CronosLibarchiveInput *input);
/* Sets @error to why it did, or else to what @archive says of its own failure. */
void cronos_libarchive_input_set_error(CronosLibarchiveInput *input, struct archive *archive,
                                       GError **error);
/* Sets @error to: more is decoded than the source allows. */
void cronos_libarchive_set_too_much(GError **error);
