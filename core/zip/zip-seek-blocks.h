/* SPDX-License-Identifier: MIT
 * zip-seek-blocks.h - where blocks of a deflate stream may begin
 *
 * Deflate does not mark its blocks: where one begins is known only when the one before was decoded.
 * But the header of a block with codes of its own is so particular that random bits hardly ever
 * look like one, and the lengths before a stored block repeat themselves. What is found here is a
 * guess that decoding proves or disproves. Bits are numbered from the least significant one of the
 * first byte on. */
#pragma once
#include <glib.h>

/* Returns: the first bit from @from on at which a block probably begins, or G_MAXUINT64 where there
 * is none in the @length bytes. Blocks with the fixed codes are not recognized, nor is a stored
 * block itself, only what follows it. */
guint64 cronos_zip_seek_find_block(const guint8 *bytes, gsize length, guint64 from);
