/* SPDX-License-Identifier: MIT
 * format-readers.h - several threads that read an archive at random and in order, against the tree
 * it was made from */
#pragma once
#include "tests/unit/format-fixture.h"

#define READERS 4

typedef struct {
    CronosArchive *archive;
    GPtrArray *expected; /* GBytes by entry, or NULL */
    guint rounds;
    gint failures; /* atomic */
} Readers;

static inline gpointer random_reader(gpointer data)
{
    Readers *readers = data;
    g_autofree guint8 *buffer = g_malloc(1200000);

    for (guint i = 0; i < readers->rounds; i++) {
        guint entry = (guint)g_random_int_range(1, (gint)readers->expected->len);
        GBytes *bytes = g_ptr_array_index(readers->expected, entry);

        if (bytes == NULL)
            continue;
        gsize length;
        const guint8 *expected = g_bytes_get_data(bytes, &length);
        gsize offset = (gsize)g_random_int_range(0, (gint)length + 2);
        gsize size = (gsize)g_random_int_range(1, i % 8 == 0 ? 1200000 : 140000);
        gsize wanted = offset < length ? MIN(size, length - offset) : 0;
        gssize n = cronos_archive_read(readers->archive, entry, offset, buffer, size, NULL);
        if (n != (gssize)wanted || memcmp(buffer, expected + offset, wanted) != 0)
            g_atomic_int_inc(&readers->failures);
    }
    return NULL;
}

/* What a kernel's read-ahead looks like: in order, but for neighbours that overtake each other. */
static inline gpointer sequential_reader(gpointer data)
{
    Readers *readers = data;
    g_autofree guint8 *buffer = g_malloc(131072);

    for (guint entry = 1; entry < readers->expected->len; entry++) {
        GBytes *bytes = g_ptr_array_index(readers->expected, entry);
        gsize length = bytes != NULL ? g_bytes_get_size(bytes) : 0;

        for (gsize at = 0; at < length; at += 131072) {
            gsize offset = (at ^ 131072) < length ? at ^ 131072 : at;
            gsize wanted = MIN(131072, length - offset);
            gssize n = cronos_archive_read(readers->archive, entry, offset, buffer, 131072, NULL);

            if (n != (gssize)wanted ||
                memcmp(buffer, (const guint8 *)g_bytes_get_data(bytes, NULL) + offset, wanted) != 0)
                g_atomic_int_inc(&readers->failures);
        }
    }
    return NULL;
}

static inline void bytes_unref(gpointer data)
{
    if (data != NULL)
        g_bytes_unref(data);
}

static inline void run_readers(Fixture *fixture, const char *name, guint rounds)
{
    Readers readers = {.archive = open_archive(fixture, name), .rounds = rounds};
    GThread *threads[READERS];

    readers.expected = g_ptr_array_new_with_free_func(bytes_unref);
    for (guint32 entry = 0; entry < cronos_archive_count(readers.archive); entry++) {
        g_autofree char *inner = cronos_archive_path(readers.archive, entry);
        CronosMemberInfo info;

        assert_true(cronos_archive_info(readers.archive, entry, &info, NULL));
        g_ptr_array_add(readers.expected,
                        info.kind == CRONOS_MEMBER_FILE ? source_bytes(fixture, inner) : NULL);
    }
    for (guint i = 0; i < READERS; i++)
        threads[i] = g_thread_new("reader", i % 2 ? random_reader : sequential_reader, &readers);
    for (guint i = 0; i < READERS; i++)
        g_thread_join(threads[i]);
    assert_int_equal(readers.failures, 0);
    g_ptr_array_unref(readers.expected);
}
