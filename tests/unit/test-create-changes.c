/* SPDX-License-Identifier: MIT
 * test-create-changes.c - what is not there, or changes, between two steps of a backup */
#include "create-fixture.h"

#include "core/create-private.h"

/* The parts behind the pipeline, so that a test can act between two steps. */
typedef struct {
    int root_fd;
    char *path;
    int fd;
    CronosTally tally;
    CronosCreateResult *result;
    CronosZipWriter *zip;
    CreateWriter writer;
    CreateWorker worker;
    CreateJob job;
} Parts;

static void parts_init(Parts *parts, Fixture *fixture)
{
    memset(parts, 0, sizeof *parts);
    parts->root_fd = open(fixture->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    parts->path = g_build_filename(fixture->directory, "parts.zip", NULL);
    parts->fd = open(parts->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(parts->root_fd >= 0 && parts->fd >= 0);
    cronos_tally_init(&parts->tally, NULL);
    parts->result = g_new0(CronosCreateResult, 1);
    parts->result->unreadable = g_ptr_array_new_with_free_func(g_free);
    parts->result->damaged = g_ptr_array_new_with_free_func(g_free);
    parts->result->excluded_paths = g_ptr_array_new_with_free_func(g_free);
    parts->result->unmatched = g_ptr_array_new_with_free_func(g_free);
    parts->result->removed = g_ptr_array_new_with_free_func(g_free);
    parts->zip = cronos_zip_writer_new(parts->fd);
    parts->writer.zip = parts->zip;
    parts->writer.result = parts->result;
    parts->writer.tally = &parts->tally;
    create_worker_init(&parts->writer.worker, parts->root_fd, 9);
    create_worker_init(&parts->worker, parts->root_fd, 9);
    create_job_init(&parts->job);
}

static void parts_finish(Parts *parts)
{
    g_autoptr(GError) error = NULL;

    assert_true(cronos_zip_writer_finish(parts->zip, NULL, 0, &error));
    assert_tools_accept(parts->path);
}

static void parts_clear(Parts *parts)
{
    create_job_clear(&parts->job);
    create_worker_clear(&parts->worker);
    create_writer_clear(&parts->writer);
    cronos_zip_writer_free(parts->zip);
    cronos_create_result_free(parts->result);
    cronos_tally_clear(&parts->tally);
    close(parts->fd);
    close(parts->root_fd);
    g_free(parts->path);
}

static void take(Parts *parts)
{
    g_autoptr(GError) error = NULL;

    if (parts->job.large != NULL)
        create_segment_run(&parts->worker, &parts->job);
    else
        create_batch_run(&parts->worker, &parts->job, NULL);
    assert_true(create_writer_take(&parts->writer, &parts->job, &error));
    create_job_reset(&parts->job);
}

static void add_item(Parts *parts, const char *path, CronosMemberKind kind)
{
    CronosScanItem item = {
        .path = path, .path_length = strlen(path), .info = {.kind = kind, .size_bytes = 1}};

    create_job_add(&parts->job, &item);
}

static void test_what_can_not_be_read_is_named(void **state)
{
    Fixture *fixture = *state;
    Parts parts;

    make_folder(fixture, "now a folder");
    temporary_write(fixture->root, "there", "x");
    parts_init(&parts, fixture);
    add_item(&parts, "gone\n", CRONOS_MEMBER_FILE);
    add_item(&parts, "now a folder", CRONOS_MEMBER_FILE);
    add_item(&parts, "there", CRONOS_MEMBER_FILE);
    add_item(&parts, "there", CRONOS_MEMBER_SYMLINK);
    take(&parts);
    parts_finish(&parts);
    assert_int_equal(parts.result->files, 1);
    assert_int_equal(parts.result->unreadable->len, 3);
    assert_string_equal(parts.result->unreadable->pdata[0], "gone\\012: No such file or directory");
    assert_true(g_str_has_prefix(parts.result->unreadable->pdata[1], "now a folder: "));
    assert_string_equal(parts.result->unreadable->pdata[2], "there: no longer a symbolic link");
    parts_clear(&parts);
}

/* Takes the segments of "big", calling @meddle before the last one is written. */
static void take_big(Parts *parts, void (*meddle)(Fixture *fixture), Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CreateLarge) large = create_large_open(&parts->worker, "big", &error);
    guint64 first = 0;

    assert_non_null(large);
    while (first < large->chunk_count) {
        create_large_segment(large, first, &parts->job);
        first = parts->job.end_chunk;
        if (first >= large->chunk_count)
            meddle(fixture);
        take(parts);
    }
}

static void rewrite_big(Fixture *fixture)
{
    write_lines(fixture, "big", 150000);
}

static void shrink_big(Fixture *fixture)
{
    temporary_write(fixture->root, "big", "small now\n");
}

static void truncate_big(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->root, "big", NULL);

    assert_int_equal(truncate(path, 1234567), 0);
}

static void remove_big(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->root, "big", NULL);

    assert_int_equal(g_unlink(path), 0);
}

static void check_change(Fixture *fixture, void (*meddle)(Fixture *fixture), const char *kept)
{
    Parts parts;

    write_lines(fixture, "big", 120000);
    temporary_write(fixture->root, "after", "x");
    parts_init(&parts, fixture);
    take_big(&parts, meddle, fixture);
    add_item(&parts, "after", CRONOS_MEMBER_FILE);
    take(&parts);
    parts_finish(&parts);
    assert_int_equal(parts.result->unreadable->len, kept == NULL ? 1 : 0);
    g_autofree char *seen = python(parts.path, "import sys,zipfile\n"
                                               "print(zipfile.ZipFile(sys.argv[1]).namelist())\n");
    assert_string_equal(seen, kept == NULL ? "['after']\n" : "['big', 'after']\n");
    if (kept != NULL) {
        g_autofree char *sozip = python(parts.path, SOZIP_CHECKER);
        g_autofree char *path = g_build_filename(fixture->root, "big", NULL);
        g_autofree char *bytes = NULL;
        gsize size = 0;

        assert_true(g_file_get_contents(path, &bytes, &size, NULL));
        assert_int_equal(parts.result->bytes, size + 1);
        assert_string_equal(sozip, kept);
    }
    parts_clear(&parts);
}

static void test_a_file_that_changes_is_read_again(void **state)
{
    check_change(*state, truncate_big, "1\n");
    check_change(*state, shrink_big, "0\n");
    check_change(*state, rewrite_big, "1\n");
}

/* Removing it changes its ctime; when it is read again, it is not there. */
static void test_a_file_that_vanishes_is_taken_back(void **state)
{
    check_change(*state, remove_big, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TREE(test_what_can_not_be_read_is_named),
        WITH_TREE(test_a_file_that_changes_is_read_again),
        WITH_TREE(test_a_file_that_vanishes_is_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
