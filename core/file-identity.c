/* SPDX-License-Identifier: MIT
 * file-identity.c - which file it is, whatever its name */
#include "core/file-identity.h"

typedef struct {
    dev_t device;
    ino_t inode;
} Identity;

gboolean cronos_is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

gboolean cronos_is_same_path(const char *a, const char *b)
{
    struct stat one, other;

    return stat(a, &one) == 0 && stat(b, &other) == 0 && cronos_is_same_file(&one, &other);
}

gboolean cronos_is_open_file(int fd, const char *path)
{
    struct stat open_status, named_status;

    return fstat(fd, &open_status) == 0 && stat(path, &named_status) == 0 &&
           cronos_is_same_file(&open_status, &named_status);
}

GArray *cronos_file_identities_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(Identity));
}

void cronos_file_identities_add(GArray *identities, const struct stat *status)
{
    Identity identity = {status->st_dev, status->st_ino};

    g_array_append_val(identities, identity);
}

gboolean cronos_file_identities_contain(const GArray *identities, const struct stat *status)
{
    for (guint i = 0; i < identities->len; i++) {
        const Identity *identity = &g_array_index(identities, Identity, i);

        if (identity->device == status->st_dev && identity->inode == status->st_ino)
            return TRUE;
    }
    return FALSE;
}
