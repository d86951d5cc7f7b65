/* SPDX-License-Identifier: MIT
 * glob.h - one component of a gitignore pattern: what stands between two slashes
 *
 * '*' is any run of bytes, '?' any one byte, "[...]" one byte of a set ("[!...]" and "[^...]": not
 * of it), with ranges and POSIX classes; '\' takes the next byte literally. Several '*' in a row
 * are one. Bytes are compared, not characters, and a leading dot is nothing special.
 *
 * A literal, "*" and "*LITERAL" are compared directly; all others are turned into a regular
 * expression by PCRE2. A component's expression commits at each '*', so that a match costs at most
 * the product of the lengths of name and pattern, however they are made. */
#pragma once
#include <glib.h>

typedef struct CronosGlob CronosGlob;

/* Returns: bytes of the component that @pattern (NUL-terminated) starts with, up to the next '/'
 * (or "\/") that is not in a set, or to the end; or -1 with @error USAGE, the reason alone, where a
 * set is not closed, a class is unknown or a '\' has nothing to escape. */
gssize cronos_glob_component_length(const char *pattern, GError **error);

/* @component: measured by cronos_glob_component_length.
 * Returns: (owned), or NULL with @error USAGE, the reason alone, e.g. for "[z-a]". */
CronosGlob *cronos_glob_new(const char *component, gsize length, GError **error);
void cronos_glob_free(CronosGlob *glob); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosGlob, cronos_glob_free)

/* @name: one component of a path, not NUL-terminated. Threads: safe. */
gboolean cronos_glob_match(const CronosGlob *glob, const char *name, gsize length);
/* Returns: (borrowed, NUL-terminated) the one name that matches, or NULL where there are more. */
const char *cronos_glob_literal(const CronosGlob *glob);
