/* SPDX-License-Identifier: MIT
 * archive-libarchive-dictionary.h - how much memory a ZIP member asks its decoder to take
 *
 * The limit is CRONOS_LIBARCHIVE_DICTIONARY_MAX, of what the member can fill: no decoder touches
 * more of its dictionary than it decodes; but none may ask for more than 1.5 GiB. An XZ member is
 * judged by its first block: where those after it begin can not be known without decoding, and
 * libarchive sets no limit. */
#pragma once
#include "core/archive-libarchive-handle.h"

#define CRONOS_LIBARCHIVE_DICTIONARY_MAX (256u << 20)

/* @source: the data of a member of method LZMA, or XZ. Returns: FALSE with @error: UNSUPPORTED, or
 * a system error. What is damaged is left to the decoder to tell. */
gboolean cronos_libarchive_check_lzma(const CronosLibarchiveSource *source, GError **error);
gboolean cronos_libarchive_check_xz(const CronosLibarchiveSource *source, GError **error);
