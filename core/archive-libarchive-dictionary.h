/* SPDX-License-Identifier: MIT
 * archive-libarchive-dictionary.h - how much memory a ZIP member asks its decoder to take
 *
 * As the archive says, it may be 4 GiB for a member of a few bytes. A decoder does not need more
 * than the member has, and gets no more: the source's first bytes are replaced by ones that ask for
 * that. Only what needs more than CRONOS_LIBARCHIVE_DICTIONARY_MAX all the same is refused. An XZ
 * member is judged by its first block: where those after it begin can not be known without
 * decoding, and libarchive sets no limit. */
#pragma once
#include "core/archive-libarchive-handle.h"

#define CRONOS_LIBARCHIVE_DICTIONARY_MAX (256u << 20)

/* @source: of a member of method LZMA, its head made, or XZ; size_bytes is set.
 * Returns: FALSE with @error: UNSUPPORTED, or a system error. What is damaged is left as it is, for
 * the decoder to tell. */
gboolean cronos_libarchive_fit_lzma(CronosLibarchiveSource *source, GError **error);
gboolean cronos_libarchive_fit_xz(CronosLibarchiveSource *source, GError **error);
