/* SPDX-License-Identifier: MIT
 * standard-descriptors.h - 0, 1 and 2, which a caller may have closed */
#pragma once

/* Opens /dev/null under those of the three that are closed: an archive could be opened under that
 * number, and messages land in it. Call it before anything is opened. */
void cronos_standard_descriptors_open(void);
