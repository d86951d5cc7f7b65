/* SPDX-License-Identifier: MIT
 * read-ahead-size.h - how far the kernel reads ahead in files of the mount */
#pragma once
#include <glib.h>

/* One READ then brings as much as a chunk of a large member holds. */
#define CRONOS_READ_AHEAD_BYTES (256u * 1024)

/* Asks the kernel for that much, which it allows to root alone (other mounts stay at its default of
 * 128 KiB; a udev rule can do it too). Call it once mounted; it sends no request. The kernel takes
 * the lesser of this and what the answer to INIT names. */
void cronos_read_ahead_size_raise(const char *mount_point);
