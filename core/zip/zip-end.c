/* SPDX-License-Identifier: MIT
 * zip-end.c - end of central directory, its ZIP64 form, and prefixed archives */
#include "core/zip/zip-end.h"

#include "core/error.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-index.h"
#include "core/zip/zip-io.h"

#include <errno.h>
#include <sys/stat.h>

/* All that an end record can lie in, and, of most archives, the central directory with it. */
#define TAIL_BYTES (ZIP_END_SIZE + ZIP_COMMENT_MAX)
#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)

/* APPNOTE 4.3.16, offsets in the end record */
enum {
    END_DISK = 4,
    END_DIRECTORY_DISK = 6,
    END_MEMBERS_HERE = 8,
    END_MEMBERS = 10,
    END_DIRECTORY_BYTES = 12,
    END_DIRECTORY_OFFSET = 16,
    END_COMMENT_LENGTH = 20,
};

/* 4.3.14 and 4.3.15 */
enum {
    END64_RECORD_BYTES = 4,
    END64_DISK = 16,
    END64_DIRECTORY_DISK = 20,
    END64_MEMBERS_HERE = 24,
    END64_MEMBERS = 32,
    END64_DIRECTORY_BYTES = 40,
    END64_DIRECTORY_OFFSET = 48,
    LOCATOR_DISK = 4,
    LOCATOR_END64_OFFSET = 8,
    LOCATOR_DISKS = 16,
};

/* The last @length bytes of the file. Candidates for the end record are known by how many bytes
 * follow them: that stays so when more of the file is taken in at the front. */
typedef struct {
    int fd;
    guint64 file_bytes;
    gsize directory_max; /* how much more than TAIL_BYTES may be taken in, to have the directory */
    gboolean extended;   /* that was done: once, whatever candidates say */
    guint8 *bytes;
    gsize length;
} Tail;

/* What the end records say, before it is held against the file. */
typedef struct {
    guint64 disk, directory_disk, members_here, members, directory_bytes, directory_offset;
    guint64 records_offset; /* where the first end record starts: the directory lies before it */
    gboolean zip64;
} Declared;

static gboolean damaged(GError **error, const char *what)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, what);
    return FALSE;
}

/* @tail: the last @length bytes of the file, which are not read again. */
static gboolean read_tail(const guint8 *tail, gsize length, guint64 file_bytes, int fd,
                          void *buffer, gsize size, guint64 offset, GError **error)
{
    guint64 start = file_bytes - length;
    gsize before = offset < start ? (gsize)MIN(size, start - offset) : 0;

    if (offset + size < offset || offset + size > file_bytes)
        before = size; /* past the end: let reading say so */
    if (!cronos_zip_pread_exactly(fd, buffer, before, offset, error))
        return FALSE;
    if (before < size)
        memcpy((guint8 *)buffer + before, tail + (offset + before - start), size - before);
    return TRUE;
}

static gboolean load_tail(Tail *tail, GError **error)
{
    tail->length = (gsize)MIN(tail->file_bytes, TAIL_BYTES);
    tail->bytes = g_malloc(MAX(tail->length, 1));
    return cronos_zip_pread_exactly(tail->fd, tail->bytes, tail->length,
                                    tail->file_bytes - tail->length, error);
}

static gboolean read_bytes(const Tail *tail, void *buffer, gsize size, guint64 offset,
                           GError **error)
{
    return read_tail(tail->bytes, tail->length, tail->file_bytes, tail->fd, buffer, size, offset,
                     error);
}

/* Takes in the file from @start on. What can not be read is found again by who needs it. */
static void extend_tail(Tail *tail, guint64 start)
{
    gsize length = (gsize)(tail->file_bytes - start);
    guint8 *bytes = g_malloc(length);

    tail->extended = TRUE;
    if (!read_bytes(tail, bytes, length, start, NULL)) {
        g_free(bytes);
        return;
    }
    g_free(tail->bytes);
    tail->bytes = bytes;
    tail->length = length;
}

static gboolean has_signature(const Tail *tail, guint64 offset, guint32 signature)
{
    guint8 bytes[4];

    return offset <= tail->file_bytes && tail->file_bytes - offset >= sizeof bytes &&
           read_bytes(tail, bytes, sizeof bytes, offset, NULL) && zip_get32(bytes) == signature;
}

/* The record's own place is only known up to the prefix; behind a prefix it lies right before its
 * locator. */
static gboolean find_end64(const Tail *tail, guint64 locator_offset, const guint8 *locator,
                           guint8 *out_record, guint64 *out_offset, GError **error)
{
    guint64 places[] = {zip_get64(locator + LOCATOR_END64_OFFSET),
                        locator_offset >= ZIP64_END_SIZE ? locator_offset - ZIP64_END_SIZE
                                                         : G_MAXUINT64};

    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        guint64 at = places[i];

        if (at > locator_offset || locator_offset - at < ZIP64_END_SIZE ||
            !has_signature(tail, at, ZIP64_END_SIGNATURE))
            continue;
        if (!read_bytes(tail, out_record, ZIP64_END_SIZE, at, error))
            return FALSE;
        guint64 record_bytes = zip_get64(out_record + END64_RECORD_BYTES);
        if (zip_get32(out_record) == ZIP64_END_SIGNATURE && record_bytes >= ZIP64_END_SIZE - 12 &&
            record_bytes <= locator_offset - at - 12) {
            *out_offset = at;
            return TRUE;
        }
    }
    return damaged(error, "the ZIP64 end record is missing");
}

/* A field of the old record is either its maximum ("look in ZIP64") or agrees in its low bits. */
static gboolean widen(guint64 *field, guint64 maximum, guint64 wide)
{
    gboolean agrees = *field == maximum || *field == (wide & maximum);

    *field = wide;
    return agrees;
}

static gboolean apply_zip64(const Tail *tail, guint64 end_offset, Declared *declared,
                            GError **error)
{
    guint8 locator[ZIP64_LOCATOR_SIZE], record[ZIP64_END_SIZE];

    if (end_offset < ZIP64_LOCATOR_SIZE ||
        !has_signature(tail, end_offset - ZIP64_LOCATOR_SIZE, ZIP64_LOCATOR_SIGNATURE))
        return TRUE;
    guint64 locator_offset = end_offset - ZIP64_LOCATOR_SIZE;
    if (!read_bytes(tail, locator, sizeof locator, locator_offset, error))
        return FALSE;
    if (zip_get32(locator + LOCATOR_DISK) != 0 || zip_get32(locator + LOCATOR_DISKS) > 1) {
        declared->disk = 1;
        return TRUE;
    }
    if (!find_end64(tail, locator_offset, locator, record, &declared->records_offset, error))
        return FALSE;
    declared->zip64 = TRUE;
    if (!widen(&declared->disk, 0xffff, zip_get32(record + END64_DISK)) ||
        !widen(&declared->directory_disk, 0xffff, zip_get32(record + END64_DIRECTORY_DISK)) ||
        !widen(&declared->members_here, 0xffff, zip_get64(record + END64_MEMBERS_HERE)) ||
        !widen(&declared->members, 0xffff, zip_get64(record + END64_MEMBERS)) ||
        !widen(&declared->directory_bytes, 0xffffffff, zip_get64(record + END64_DIRECTORY_BYTES)) ||
        !widen(&declared->directory_offset, 0xffffffff, zip_get64(record + END64_DIRECTORY_OFFSET)))
        return damaged(error, "the end record and its ZIP64 form contradict each other");
    return TRUE;
}

static gboolean check_declared(const Declared *declared, GError **error)
{
    if (declared->members_here > declared->members || declared->directory_disk > declared->disk)
        return damaged(error, "the end record contradicts itself");
    if (declared->disk != 0) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                            "the archive spans several disks");
        return FALSE;
    }
    if (declared->members_here != declared->members)
        return damaged(error, "the end record gives two numbers of members");
    if (declared->directory_bytes > declared->records_offset ||
        declared->directory_offset > declared->records_offset - declared->directory_bytes)
        return damaged(error, "the central directory does not fit the file: the file is cut short "
                              "or its end record is wrong");
    if (declared->members > declared->directory_bytes / ZIP_CENTRAL_SIZE ||
        (declared->members == 0 && declared->directory_bytes != 0 && declared->zip64))
        return damaged(error, "the end record's number of members does not fit the central "
                              "directory's size");
    return TRUE;
}

/* The directory ends where the end records begin; that shows the length of a prefix. Some writers
 * leave a gap there instead: then the recorded offset is the right one. */
static gboolean place_directory(Tail *tail, const Declared *declared, CronosZipEnd *out_end,
                                GError **error)
{
    guint64 adjacent = declared->records_offset - declared->directory_bytes;
    gboolean empty = declared->directory_bytes == 0;

    if (!tail->extended && adjacent < tail->file_bytes - tail->length &&
        tail->file_bytes - adjacent <= TAIL_BYTES + tail->directory_max)
        extend_tail(tail, adjacent);
    if (empty || has_signature(tail, adjacent, ZIP_CENTRAL_SIGNATURE))
        out_end->directory_offset = adjacent;
    else if (has_signature(tail, declared->directory_offset, ZIP_CENTRAL_SIGNATURE))
        out_end->directory_offset = declared->directory_offset;
    else
        return damaged(error, "there is no central directory where the end record says");
    out_end->prefix_bytes = out_end->directory_offset - declared->directory_offset;
    out_end->directory_bytes = declared->directory_bytes;
    out_end->members = declared->members;
    out_end->members_exact = declared->zip64;
    if (out_end->prefix_bytes != 0 && has_signature(tail, 0, ZIP_LOCAL_SIGNATURE))
        return damaged(error, "the end record does not belong to the archive that the file starts "
                              "with: the file is cut short or two were joined");
    return TRUE;
}

/* Returns: (borrowed) the bytes that @after bytes follow, if they were an end record. */
static const guint8 *record_before(const Tail *tail, gsize after)
{
    return tail->bytes + (tail->length - after - ZIP_END_SIZE);
}

static void read_declared(const Tail *tail, gsize after, Declared *out_declared)
{
    const guint8 *record = record_before(tail, after);

    *out_declared = (Declared){
        .disk = zip_get16(record + END_DISK),
        .directory_disk = zip_get16(record + END_DIRECTORY_DISK),
        .members_here = zip_get16(record + END_MEMBERS_HERE),
        .members = zip_get16(record + END_MEMBERS),
        .directory_bytes = zip_get32(record + END_DIRECTORY_BYTES),
        .directory_offset = zip_get32(record + END_DIRECTORY_OFFSET),
        .records_offset = tail->file_bytes - after - ZIP_END_SIZE,
    };
}

static void take_comment(const guint8 *record, CronosZipEnd *end)
{
    end->comment_length = zip_get16(record + END_COMMENT_LENGTH);
    end->comment = g_malloc0(end->comment_length + 1);
    memcpy(end->comment, record + ZIP_END_SIZE, end->comment_length);
}

static gboolean read_candidate(Tail *tail, gsize after, CronosZipEnd *out_end, GError **error)
{
    Declared declared;

    read_declared(tail, after, &declared);
    if (!apply_zip64(tail, declared.records_offset, &declared, error) ||
        !check_declared(&declared, error) || !place_directory(tail, &declared, out_end, error))
        return FALSE;
    const guint8 *record = record_before(tail, after);
    if (zip_get16(record + END_COMMENT_LENGTH) != after && out_end->prefix_bytes != 0)
        return damaged(error, "the end record is neither at the file's end nor does it fit the "
                              "file's start");
    take_comment(record, out_end);
    out_end->trailing_bytes = after - out_end->comment_length;
    return TRUE;
}

/* Returns: TRUE when a candidate holds. Keeps the reason of the first one that does not, since it
 * is the likeliest to be what the writer meant. */
static gboolean scan_tail(Tail *tail, gboolean exact, CronosZipEnd *out_end, GError **reason)
{
    gsize window = MIN(tail->length, TAIL_BYTES);

    for (gsize after = 0; after + ZIP_END_SIZE <= window; after++) {
        const guint8 *record = record_before(tail, after);
        GError *local = NULL;

        if (record[0] != 'P' || zip_get32(record) != ZIP_END_SIGNATURE)
            continue;
        gsize comment = zip_get16(record + END_COMMENT_LENGTH);
        if (exact ? comment != after : comment >= after)
            continue;
        if (read_candidate(tail, after, out_end, &local))
            return TRUE;
        if (*reason == NULL)
            *reason = local;
        else
            g_error_free(local);
    }
    return FALSE;
}

static void set_reason_none_found(const Tail *tail, GError **error)
{
    if (has_signature(tail, 0, ZIP_LOCAL_SIGNATURE))
        damaged(error, "there is no end of central directory record: the archive is cut short");
    else
        damaged(error, tail->file_bytes == 0 ? "the file is empty" : "not a ZIP archive");
}

static gboolean find_end(Tail *tail, CronosZipEnd *out_end, GError **error)
{
    g_autoptr(GError) reason = NULL;

    if (!load_tail(tail, error))
        return FALSE;
    if (scan_tail(tail, TRUE, out_end, &reason) || scan_tail(tail, FALSE, out_end, &reason))
        return TRUE;
    if (reason != NULL)
        g_propagate_error(error, g_steal_pointer(&reason));
    else
        set_reason_none_found(tail, error);
    return FALSE;
}

gboolean cronos_zip_end_find(int fd, guint64 file_bytes, CronosZipEnd *out_end, GError **error)
{
    Tail tail = {.fd = fd, .file_bytes = file_bytes};

    memset(out_end, 0, sizeof *out_end);
    gboolean found = find_end(&tail, out_end, error);
    g_free(tail.bytes);
    return found;
}

static gboolean open_file(int fd, struct stat *out_status, GError **error)
{
    if (fstat(fd, out_status) < 0) {
        cronos_error_set_system(error, errno, "reading the file's size");
        return FALSE;
    }
    if (S_ISREG(out_status->st_mode))
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED, "not a regular file");
    return FALSE;
}

gboolean cronos_zip_end_open(int fd, CronosZipEnd *out_end, gint64 *out_file_mtime_ns,
                             GError **error)
{
    struct stat st;

    memset(out_end, 0, sizeof *out_end);
    if (!open_file(fd, &st, error))
        return FALSE;
    Tail tail = {
        .fd = fd, .file_bytes = (guint64)st.st_size, .directory_max = CRONOS_ZIP_END_DIRECTORY_MAX};
    gboolean found = find_end(&tail, out_end, error);
    out_end->tail = tail.bytes;
    out_end->tail_bytes = tail.length;
    out_end->file_bytes = tail.file_bytes;
    if (!found)
        return FALSE;
    *out_file_mtime_ns = st.st_mtim.tv_sec * NS_PER_SECOND + st.st_mtim.tv_nsec;
    if (out_end->directory_bytes <= G_MAXUINT32 - 65536)
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                        "the central directory is larger than 4 GiB");
    return FALSE;
}

gboolean cronos_zip_end_read(const CronosZipEnd *end, int fd, void *buffer, gsize size,
                             guint64 offset, GError **error)
{
    return read_tail(end->tail, end->tail_bytes, end->file_bytes, fd, buffer, size, offset, error);
}

void cronos_zip_end_drop_tail(CronosZipEnd *end)
{
    g_clear_pointer(&end->tail, g_free);
    end->tail_bytes = 0;
}

static gboolean glimpse(const Tail *tail, CronosZipEnd *out_end)
{
    for (gsize after = 0; after + ZIP_END_SIZE <= tail->length; after++) {
        const guint8 *record = record_before(tail, after);
        Declared declared;

        if (zip_get32(record) != ZIP_END_SIGNATURE ||
            zip_get16(record + END_COMMENT_LENGTH) != after)
            continue;
        read_declared(tail, after, &declared);
        /* Where the ZIP64 record is lost, this one's numbers are what there is. */
        (void)apply_zip64(tail, declared.records_offset, &declared, NULL);
        out_end->members = declared.members;
        out_end->members_exact = declared.zip64;
        out_end->directory_bytes = declared.directory_bytes;
        take_comment(record, out_end);
        return TRUE;
    }
    return FALSE;
}

gboolean cronos_zip_end_glimpse(int fd, guint64 file_bytes, CronosZipEnd *out_end)
{
    Tail tail = {.fd = fd, .file_bytes = file_bytes};

    memset(out_end, 0, sizeof *out_end);
    gboolean found = load_tail(&tail, NULL) && glimpse(&tail, out_end);
    g_free(tail.bytes);
    return found;
}

void cronos_zip_end_clear(CronosZipEnd *end)
{
    g_clear_pointer(&end->comment, g_free);
    end->comment_length = 0;
    cronos_zip_end_drop_tail(end);
}

char *cronos_zip_read_comment(int fd, gsize *out_length, guint64 *out_members, GError **error)
{
    g_auto(CronosZipEnd) end = {0};
    struct stat st;

    if (!open_file(fd, &st, error) || !cronos_zip_end_find(fd, (guint64)st.st_size, &end, error))
        return NULL;
    if (out_length != NULL)
        *out_length = end.comment_length;
    if (out_members != NULL)
        *out_members = end.members;
    return g_steal_pointer(&end.comment);
}
