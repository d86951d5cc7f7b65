/* SPDX-License-Identifier: MIT
 * standard-descriptors.c - 0, 1 and 2, which a caller may have closed */
#include "core/standard-descriptors.h"

#include <fcntl.h>
#include <unistd.h>

void cronos_standard_descriptors_open(void)
{
    int fd = open("/dev/null", O_RDWR);

    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd > STDERR_FILENO)
        close(fd);
}
