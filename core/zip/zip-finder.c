/* SPDX-License-Identifier: MIT
 * zip-finder.c - looking for signatures, window by window */
#include "core/zip/zip-finder.h"

#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"

#include <errno.h>
#include <unistd.h>

#define WINDOW_BYTES (256u << 10)
#define PAGE_BYTES 4096u
#define SIGNATURE_BYTES 4u
#define ARCHIVE_EXTRA_SIGNATURE 0x08064b50u /* 4.3.11 */

struct CronosZipFinder {
    int fd;
    guint64 offset; /* of the window in the file */
    gsize length;
    guint8 *window;
    gsize room; /* for it: no more than the file needs */
};

CronosZipFinder *cronos_zip_finder_new(int fd)
{
    CronosZipFinder *finder = g_new0(CronosZipFinder, 1);

    finder->fd = fd;
    return finder;
}

void cronos_zip_finder_free(CronosZipFinder *finder)
{
    if (finder == NULL)
        return;
    g_free(finder->window);
    g_free(finder);
}

static gboolean is_signature(guint32 value)
{
    return value == ZIP_LOCAL_SIGNATURE || value == ZIP_CENTRAL_SIGNATURE ||
           value == ZIP_END_SIGNATURE || value == ZIP64_END_SIGNATURE ||
           value == ARCHIVE_EXTRA_SIGNATURE;
}

/* Page by page, since one bad one fails the whole window. */
static gsize load_pages(CronosZipFinder *finder, gsize wanted)
{
    gsize done = 0;

    while (done < wanted) {
        gsize page = MIN(wanted - done, PAGE_BYTES - (finder->offset + done) % PAGE_BYTES);
        gssize n =
            cronos_zip_pread(finder->fd, finder->window + done, page, finder->offset + done, NULL);

        if (n < 0)
            memset(finder->window + done, 0, page);
        done += n < 0 ? page : (gsize)n;
        if (n >= 0 && (gsize)n < page)
            break;
    }
    return done;
}

static void load(CronosZipFinder *finder, guint64 offset, guint64 to)
{
    gsize wanted = (gsize)MIN(to - offset, WINDOW_BYTES);

    if (wanted > finder->room) {
        g_free(finder->window);
        finder->window = g_malloc(wanted);
        finder->room = wanted;
    }
    gssize n = cronos_zip_pread(finder->fd, finder->window, wanted, offset, NULL);

    finder->offset = offset;
    finder->length = n >= 0 ? (gsize)n : load_pages(finder, wanted);
}

static gboolean is_in_window(const CronosZipFinder *finder, guint64 offset)
{
    return offset >= finder->offset && offset - finder->offset < finder->length &&
           finder->length - (offset - finder->offset) >= SIGNATURE_BYTES;
}

/* Has the window hold the four bytes at @offset. Returns: FALSE where they do not end before @to.
 */
static gboolean reach(CronosZipFinder *finder, guint64 offset, guint64 to)
{
    if (offset > to || to - offset < SIGNATURE_BYTES)
        return FALSE;
    if (!is_in_window(finder, offset))
        load(finder, offset, to);
    return finder->length >= SIGNATURE_BYTES;
}

/* Holes are passed over without reading them. Returns: G_MAXUINT64 where nothing else follows. */
static guint64 skip_hole(const CronosZipFinder *finder, guint64 from)
{
    off_t data = from <= G_MAXINT64 ? lseek(finder->fd, (off_t)from, SEEK_DATA) : -1;

    if (data < 0)
        return errno == ENXIO ? G_MAXUINT64 : from;
    return (guint64)data;
}

gboolean cronos_zip_finder_next(CronosZipFinder *finder, guint64 *io_from, guint64 to,
                                guint32 *out_signature)
{
    if (!reach(finder, *io_from, to)) {
        *io_from = MAX(*io_from, to);
        return FALSE;
    }
    gsize end = (gsize)MIN(finder->length, to - finder->offset) - (SIGNATURE_BYTES - 1);
    for (gsize at = (gsize)(*io_from - finder->offset); at < end; at++) {
        const guint8 *p = memchr(finder->window + at, 'P', end - at);

        if (p == NULL)
            break;
        at = (gsize)(p - finder->window);
        *out_signature = zip_get32(p);
        *io_from = finder->offset + at;
        if (*out_signature == ZIP_LOCAL_SIGNATURE || *out_signature == ZIP_CENTRAL_SIGNATURE)
            return TRUE;
    }
    *io_from = skip_hole(finder, finder->offset + end);
    return FALSE;
}

/* The window stays where it is: headers that lie point anywhere. */
gboolean cronos_zip_finder_begins(CronosZipFinder *finder, guint64 offset)
{
    guint8 bytes[SIGNATURE_BYTES];

    if (is_in_window(finder, offset))
        return is_signature(zip_get32(finder->window + (offset - finder->offset)));
    return cronos_zip_pread_exactly(finder->fd, bytes, sizeof bytes, offset, NULL) &&
           is_signature(zip_get32(bytes));
}
