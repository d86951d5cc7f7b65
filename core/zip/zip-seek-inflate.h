/* SPDX-License-Identifier: MIT
 * zip-seek-inflate.h - spans of a deflate stream by zlib, which stops where blocks end
 *
 * Slower than what zip-seek.h does first, and right for every stream. Arguments and results as
 * there; input is read in small pieces, whatever its length. */
#pragma once
#include "core/zip/zip-seek.h"

/* Stops at the first block's end where there are as many bytes as wanted. */
CronosZipSeekResult cronos_zip_seek_inflate(const CronosZipDeflate *deflate, CronosZipSpan *span,
                                            guint8 *out, gsize history, const CronosZipSeekAim *aim,
                                            GError **error);
/* Stops at @end_bit, or with the stream; DAMAGED when no block ends there. */
CronosZipSeekResult cronos_zip_seek_inflate_until(const CronosZipDeflate *deflate,
                                                  CronosZipSpan *span, guint64 end_bit, guint8 *out,
                                                  gsize history, gsize room, GError **error);
