/* SPDX-License-Identifier: MIT
 * pattern.h - gitignore's patterns (gitignore(5)), matched on paths as bytes
 *
 * No slash: matches the last component at any depth; a slash at the start or inside: anchored at
 * the root; '*' and '?' stop at '/', '**' does not; a trailing '/' means directories; "[...]" and
 * '\' as in gitignore; a leading '!' takes back what an earlier pattern matched: the last match
 * decides; blanks at the end do not count unless escaped. "**" is special as a whole component of a
 * pattern with a slash, elsewhere it is '*'. Since patterns come one by one, '#' starts no comment,
 * and what git ignores in silence is refused: an empty pattern, a set "[" without its "]", an
 * unknown class, a reversed range, a '\' at the end. What matches a directory covers all below it:
 * callers that walk pass that on, callers that do not use cronos_patterns_match_any_parent. */
#pragma once
#include <glib.h>

typedef struct CronosPatterns CronosPatterns;

/* @globs: NULL-terminated, may be empty. Returns: (owned), or NULL with @error USAGE naming the
 * pattern. */
CronosPatterns *cronos_patterns_new(const char *const *globs, GError **error);
void cronos_patterns_free(CronosPatterns *patterns); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosPatterns, cronos_patterns_free)

/* Takes what somebody typed for a path that a pattern names as well: an absolute one below @root is
 * anchored there, "./" and doubled slashes mean nothing, and ".." is refused. Returns: (owned) a
 * pattern, not yet checked otherwise; or NULL with @error USAGE naming it. */
char *cronos_pattern_from_typed(const char *typed, const char *root, GError **error);
/* @path: relative to the root, no leading or trailing slash. Returns: whether @path itself matches.
 * Threads: safe. */
gboolean cronos_patterns_match(const CronosPatterns *patterns, const char *path,
                               gboolean is_directory);
/* Returns: whether @path or one of its parent directories matches. */
gboolean cronos_patterns_match_any_parent(const CronosPatterns *patterns, const char *path,
                                          gboolean is_directory);
