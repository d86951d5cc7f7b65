/* SPDX-License-Identifier: MIT
 * directory-names.c - see directory-names.h
 *
 * Each name lies in one growing block as a type byte, the name and a NUL; the order is an array of
 * offsets of the names, which stay valid while the block moves. */
#include "core/directory-names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES 32768
#define BLOCK_BYTES_MAX (G_MAXUINT - 2 * READ_BYTES) /* what a GByteArray can count */

struct CronosDirectoryNames {
    GByteArray *block;
    GArray *order; /* of gsize */
};

static void add_name(CronosDirectoryNames *names, const struct dirent64 *entry)
{
    const char *name = entry->d_name;
    guint8 type = entry->d_type;

    if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0')))
        return;
    g_byte_array_append(names->block, &type, 1);
    gsize offset = names->block->len;
    g_byte_array_append(names->block, (const guint8 *)name, (guint)strlen(name) + 1);
    g_array_append_val(names->order, offset);
}

static int read_names(CronosDirectoryNames *names, int fd)
{
    union {
        struct dirent64 entry; /* for its alignment */
        char bytes[READ_BYTES];
    } buffer;

    for (;;) {
        gssize got = TEMP_FAILURE_RETRY(getdents64(fd, &buffer, sizeof buffer));

        if (got <= 0)
            return got < 0 ? errno : 0;
        if (names->block->len > BLOCK_BYTES_MAX)
            return EOVERFLOW;
        for (gssize at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(buffer.bytes + at);

            add_name(names, entry);
            at += entry->d_reclen;
        }
    }
}

static int compare_names(gconstpointer a, gconstpointer b, gpointer block)
{
    return strcmp((const char *)block + *(const gsize *)a, (const char *)block + *(const gsize *)b);
}

static void sort_names(CronosDirectoryNames *names)
{
    GArray *order = names->order;
    guint kept = 0;

    g_array_sort_with_data(order, compare_names, names->block->data);
    for (guint i = 0; i < order->len; i++) {
        gsize *slot = &g_array_index(order, gsize, kept);
        gsize offset = g_array_index(order, gsize, i);

        if (kept > 0 && compare_names(slot - 1, &offset, names->block->data) == 0)
            continue;
        *slot = offset;
        kept++;
    }
    g_array_set_size(order, kept);
}

CronosDirectoryNames *cronos_directory_names_read(int fd, int *out_errnum)
{
    CronosDirectoryNames *names = g_new(CronosDirectoryNames, 1);

    names->block = g_byte_array_new();
    names->order = g_array_new(FALSE, FALSE, sizeof(gsize));
    *out_errnum = read_names(names, fd);
    sort_names(names);
    return names;
}

CronosDirectoryNames *cronos_directory_names_list(int fd, int *out_errnum)
{
    int listing = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int errnum = listing < 0 ? errno : 0;
    CronosDirectoryNames *names = cronos_directory_names_read(listing, out_errnum);

    if (listing >= 0)
        close(listing);
    else
        *out_errnum = errnum;
    return names;
}

void cronos_directory_names_free(CronosDirectoryNames *names)
{
    if (names == NULL)
        return;
    g_byte_array_unref(names->block);
    g_array_unref(names->order);
    g_free(names);
}

gsize cronos_directory_names_count(const CronosDirectoryNames *names)
{
    return names->order->len;
}

const char *cronos_directory_names_get(const CronosDirectoryNames *names, gsize index,
                                       unsigned char *out_type)
{
    const guint8 *name = names->block->data + g_array_index(names->order, gsize, index);

    *out_type = name[-1];
    return (const char *)name;
}

gboolean cronos_directory_names_contain(const CronosDirectoryNames *names, const char *name)
{
    gsize low = 0;
    gsize high = names->order->len;

    while (low < high) {
        gsize middle = low + (high - low) / 2;
        gsize offset = g_array_index(names->order, gsize, middle);
        int order = strcmp((const char *)names->block->data + offset, name);

        if (order == 0)
            return TRUE;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return FALSE;
}
