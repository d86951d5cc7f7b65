/* SPDX-License-Identifier: MIT
 * config-source.h - the text of a configuration file, fit to be given to libconfig (shared inside
 * core) */
#pragma once
#include <glib.h>

/* Picks the file to read, in the order that core/config.h gives. @root: absolute.
 * Returns: (owned) absolute path, or NULL: with @error CONFIG where a file that must exist does
 * not, without where there is none at all. */
char *cronos_config_source_find(const char *root, const char *explicit_path, GError **error);

/* Reads @path and looks through it and what it includes for what libconfig 1.5 takes amiss: it ends
 * the process on reading a directory, cuts off whole numbers that do not fit 32 bits, and stops at
 * a NUL byte. Returns: (owned) the text, or NULL with @error CONFIG ("FILE:LINE: reason"). */
char *cronos_config_source_read(const char *path, GError **error);
