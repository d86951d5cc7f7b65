/* SPDX-License-Identifier: MIT
 * archive-libarchive.h - archives of other formats, behind the face of core/archive.h
 *
 * Formats: tar, also compressed by gzip, bzip2, xz or zstd; cpio; 7z; ISO 9660. They are indexed in
 * one pass, and, where they are compressed, read in passes from the front: core/
 * archive-libarchive-pool.h. Members of a tar that is not compressed are read where they lie. */
#pragma once
#include "core/archive-private.h"

extern const CronosArchiveFormat cronos_archive_format_tar, cronos_archive_format_cpio,
    cronos_archive_format_7z, cronos_archive_format_iso;
