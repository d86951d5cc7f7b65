/* SPDX-License-Identifier: MIT
 * member-path.h - what a user typed to name a member */
#pragma once
#include <glib.h>

/* @typed: relative to the project directory @root, or an absolute path below it.
 * Returns: (owned) its components with one slash between, "." and empty ones left out; "" for the
 * root itself. */
char *cronos_member_path(const char *typed, const char *root);

/* Returns: as strcmp, in the order of a walk: what is in a folder comes right behind it. */
int cronos_member_path_compare(const char *a, const char *b);
