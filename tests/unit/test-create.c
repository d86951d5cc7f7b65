/* SPDX-License-Identifier: MIT
 * test-create.c - backups of small trees, taken apart by unzip and Python */
#include "core/archive.h"
#include "core/create-private.h"
#include "core/error.h"
#include "core/metadata.h"
#include "core/zip/zip-format.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Follows the SOZip specification 0.5.0 and the private CRCs in the skip area; prints the number of
 * members that carry an index. */
#define SOZIP_CHECKER                                                                              \
    "import sys,zipfile,struct,zlib,os\n"                                                          \
    "f=open(sys.argv[1],'rb'); count=0\n"                                                          \
    "for i in zipfile.ZipFile(f).infolist():\n"                                                    \
    "  f.seek(i.header_offset); h=f.read(30)\n"                                                    \
    "  data=i.header_offset+30+sum(struct.unpack('<HH',h[26:30]))\n"                               \
    "  f.seek(data+i.compress_size); h=f.read(30)\n"                                               \
    "  if h[:4]!=b'PK\\3\\4': continue\n"                                                          \
    "  n,e=struct.unpack('<HH',h[26:30]); name=f.read(n).decode(errors='surrogateescape')\n"       \
    "  d,b=os.path.split(i.filename); want=os.path.join(d,'.'+b+'.sozip.idx')\n"                   \
    "  if name!=want: continue\n"                                                                  \
    "  count+=1; f.read(e)\n"                                                                      \
    "  method=struct.unpack('<H',h[8:10])[0]; crc,size=struct.unpack('<II',h[14:22])\n"            \
    "  x=f.read(size); assert method==0 and zlib.crc32(x)==crc and i.compress_type==8\n"           \
    "  v,skip,chunk,osize,us,cs=struct.unpack('<IIIIQQ',x[:32])\n"                                 \
    "  assert v==1 and us==i.file_size and cs==i.compress_size and us>chunk>0\n"                   \
    "  k=(us-1)//chunk; assert osize in (4,8) and len(x)==32+skip+k*osize\n"                       \
    "  offs=[0]+[int.from_bytes(x[32+skip+j*osize:][:osize],'little') for j in range(k)]+[cs]\n"   \
    "  assert all(p<q for p,q in zip(offs,offs[1:]))\n"                                            \
    "  assert x[32:36]==b'CRCs' and skip==4+4*(k+1)\n"                                             \
    "  for j in range(k+1):\n"                                                                     \
    "    f.seek(data+offs[j]); c=f.read(offs[j+1]-offs[j]); z=zlib.decompressobj(-15)\n"           \
    "    out=z.decompress(c); assert len(out)==min(chunk,us-j*chunk)\n"                            \
    "    assert zlib.crc32(out)==struct.unpack('<I',x[36+4*j:40+4*j])[0]\n"                        \
    "    if j<k: assert not z.eof and c.endswith(b'\\0\\0\\xff\\xff\\0\\0\\0\\xff\\xff')\n"        \
    "    else: assert z.eof and not z.unused_data\n"                                               \
    "print(count)\n"

typedef struct {
    char *directory;
    char *root;
    CronosConfig *config;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->directory = temporary_new();
    fixture->root = g_build_filename(fixture->directory, "project", NULL);
    assert_int_equal(g_mkdir(fixture->root, 0755), 0);
    temporary_write(fixture->directory, "cronos.conf",
                    "backup: { directory = \"../archives\"; };\n"
                    "log: { file = \"../cronos.log\"; };\n");
    g_autofree char *path = g_build_filename(fixture->directory, "cronos.conf", NULL);
    g_autoptr(GError) error = NULL;
    fixture->config = cronos_config_load(fixture->root, path, &error);
    assert_null(error);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    cronos_config_free(fixture->config);
    temporary_free(fixture->directory);
    g_free(fixture->root);
    g_free(fixture);
    return 0;
}

static void make_folder(Fixture *fixture, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->root, name, NULL);

    assert_int_equal(g_mkdir_with_parents(path, 0755), 0);
}

/* @lines of numbered text, some twenty bytes each. */
static void write_lines(Fixture *fixture, const char *name, guint lines)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < lines; i++)
        g_string_append_printf(text, "line %u of %08x\n", i, i * 2654435761u);
    temporary_write(fixture->root, name, text->str);
}

static void write_noise(Fixture *fixture, const char *name, gsize size)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(42);
    g_autofree guint8 *bytes = g_malloc(size);
    g_autofree char *path = g_build_filename(fixture->root, name, NULL);

    for (gsize i = 0; i < size; i++)
        bytes[i] = (guint8)g_rand_int(random);
    assert_true(g_file_set_contents(path, (const char *)bytes, (gssize)size, NULL));
}

static void make_tree(Fixture *fixture)
{
    g_autofree char *link = g_build_filename(fixture->root, "link", NULL);
    g_autofree char *pipe = g_build_filename(fixture->root, "pipe", NULL);

    make_folder(fixture, "empty");
    make_folder(fixture, "folder/node_modules");
    temporary_write(fixture->root, "a.txt", "hello\n");
    temporary_write(fixture->root, "nothing", "");
    temporary_write(fixture->root, "folder/node_modules/left.out", "x");
    temporary_write(fixture->root, "folder/-dash and\nnewline", "x");
    write_lines(fixture, "folder/middle", 20000);
    write_lines(fixture, "folder/large", 200000);
    write_noise(fixture, "noise.small", 100000);
    write_noise(fixture, "noise.large", 1500000);
    assert_int_equal(symlink("a.txt", link), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
}

static CronosCreateResult *backup(Fixture *fixture, const CronosCreateOptions *options)
{
    g_autoptr(GError) error = NULL;
    CronosCreateResult *result = cronos_create(fixture->config, options, NULL, &error);

    if (result == NULL)
        fail_msg("%s", error->message);
    return result;
}

static char *run(const char *const *argv)
{
    g_auto(GStrv) copy = g_strdupv((char **)(guintptr)argv);
    g_autoptr(GError) error = NULL;
    g_autofree char *errors = NULL;
    char *output = NULL;
    int status = 0;

    assert_true(g_spawn_sync(NULL, copy, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors,
                             &status, &error));
    if (!g_spawn_check_wait_status(status, &error))
        fail_msg("%s: %s\n%s%s", argv[0], error->message, output, errors);
    return output;
}

static char *python(const char *path, const char *script)
{
    return run((const char *[]){"python3", "-c", script, path, NULL});
}

static void assert_tools_accept(const char *path)
{
    g_free(run((const char *[]){"unzip", "-tqq", path, NULL}));
    g_free(run((const char *[]){"7z", "t", path, NULL}));
    g_free(run((const char *[]){"bsdtar", "-tf", path, NULL}));
    g_free(python(path, "import sys,zipfile\n"
                        "assert zipfile.ZipFile(sys.argv[1]).testzip() is None\n"));
}

static guint files_in_backup_directory(Fixture *fixture)
{
    g_autoptr(GDir) directory =
        g_dir_open(cronos_config_backup_directory(fixture->config), 0, NULL);
    guint count = 0;

    while (directory != NULL && g_dir_read_name(directory) != NULL)
        count++;
    return count;
}

static void test_a_tree_of_every_kind(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "My Name", .level = -1, .type = "auto"};

    make_tree(fixture);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_int_equal(result->files, 7);
    assert_int_equal(result->directories, 2);
    assert_int_equal(result->symlinks, 1);
    assert_int_equal(result->skipped, 1);
    assert_int_equal(result->unreadable->len, 0);
    assert_true(g_str_has_prefix(result->file_name, "egos_backup_auto_my_name_"));
    assert_tools_accept(result->path);
    g_autofree char *names =
        python(result->path, "import sys,zipfile\n"
                             "z=zipfile.ZipFile(sys.argv[1])\n"
                             "print([(i.filename,i.compress_type) for i in z.infolist()])\n");
    assert_true(result->archive_bytes < result->bytes / 4 * 3);
    assert_string_equal(
        names, "[('backup_metadata.json', 0), ('a.txt', 0), ('empty/', 0), ('folder/', 0), "
               "('folder/-dash and\\nnewline', 0), ('folder/large', 8), ('folder/middle', 8), "
               "('link', 0), ('noise.large', 0), ('noise.small', 0), ('nothing', 0)]\n");
    struct stat status;
    assert_int_equal(stat(result->path, &status), 0);
    assert_int_equal(status.st_size, result->archive_bytes);
}

static void test_extracted_it_is_the_tree(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1, .no_default_excludes = TRUE};
    g_autofree char *out = g_build_filename(fixture->directory, "out", NULL);
    g_autofree char *pipe = g_build_filename(fixture->root, "pipe", NULL);
    g_autofree char *metadata = g_build_filename(out, CRONOS_METADATA_MEMBER, NULL);

    make_tree(fixture);
    assert_int_equal(g_unlink(pipe), 0);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_int_equal(g_mkdir(out, 0755), 0);
    g_free(run((const char *[]){"bsdtar", "-xf", result->path, "-C", out, NULL}));
    assert_int_equal(g_unlink(metadata), 0);
    g_autofree char *differences =
        run((const char *[]){"diff", "-r", "--no-dereference", out, fixture->root, NULL});
    assert_string_equal(differences, "");
}

static void test_large_members_are_seekable(void **state)
{
    Fixture *fixture = *state;

    make_tree(fixture);
    for (int level = 1; level <= 10; level += 3) {
        CronosCreateOptions options = {.name = "x", .level = level};
        g_autoptr(CronosCreateResult) result = backup(fixture, &options);
        g_autofree char *count = python(result->path, SOZIP_CHECKER);

        assert_string_equal(count, "1\n");
    }
}

static void test_level_zero_stores(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = 0};

    make_tree(fixture);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_tools_accept(result->path);
    assert_true(result->archive_bytes > result->bytes);
}

static void test_threads_do_not_show_in_the_bytes(void **state)
{
    static const guint threads[] = {1, 2, 8};
    Fixture *fixture = *state;
    g_autofree char *first = NULL;
    gsize first_size = 0;

    make_tree(fixture);
    g_setenv("SOURCE_DATE_EPOCH", "1700000000", TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        CronosCreateOptions options = {.name = "x", .level = -1, .threads = threads[i]};
        g_autoptr(CronosCreateResult) result = backup(fixture, &options);
        g_autofree char *bytes = NULL;
        gsize size = 0;

        assert_string_equal(result->file_name, "egos_backup_manual_x_20231114_231320.zip");
        assert_true(g_file_get_contents(result->path, &bytes, &size, NULL));
        assert_int_equal(g_unlink(result->path), 0);
        if (first == NULL) {
            first = g_steal_pointer(&bytes);
            first_size = size;
            continue;
        }
        assert_int_equal(size, first_size);
        assert_memory_equal(bytes, first, size);
    }
    g_unsetenv("SOURCE_DATE_EPOCH");
}

static void test_holes_cost_nothing(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1};
    g_autofree char *path = g_build_filename(fixture->root, "sparse", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)1 << 30), 0);
    assert_int_equal(pwrite(fd, "middle", 6, ((off_t)1 << 29) + 12345), 6);
    close(fd);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_int_equal(result->bytes, 1 << 30);
    assert_true(result->archive_bytes < 2000000);
    g_free(run((const char *[]){"unzip", "-tqq", result->path, NULL}));
    g_autofree char *seen = python(result->path, "import sys,zipfile\n"
                                                 "f=zipfile.ZipFile(sys.argv[1]).open('sparse')\n"
                                                 "f.read((1<<29)+12345); print(f.read(8))\n");
    assert_string_equal(seen, "b'middle\\x00\\x00'\n");
}

static void test_metadata_is_member_and_comment(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(JsonObject) user = json_object_new();
    CronosCreateOptions options = {.name = "x", .level = -1, .metadata = user};

    json_object_set_string_member(user, "ticket", "A-17");
    temporary_write(fixture->root, "a.txt", "hello\n");
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    g_autofree char *seen = python(
        result->path, "import sys,zipfile,json\n"
                      "z=zipfile.ZipFile(sys.argv[1])\n"
                      "m=json.loads(z.read('backup_metadata.json')); c=json.loads(z.comment)\n"
                      "assert len(c['cronos'].pop('seal'))==8\n"
                      "assert m==c and z.namelist()[0]=='backup_metadata.json'\n"
                      "print(m['ticket'],m['backup_type'],m['cronos']['files'],"
                      "m['cronos']['bytes'],m['cronos']['member'])\n");
    assert_string_equal(seen, "A-17 manual 1 6 True\n");
}

static void test_the_users_own_metadata_file_stays(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1};

    temporary_write(fixture->root, CRONOS_METADATA_MEMBER, "mine\n");
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_int_equal(result->unreadable->len, 0);
    g_autofree char *seen =
        python(result->path, "import sys,zipfile,json\n"
                             "z=zipfile.ZipFile(sys.argv[1])\n"
                             "print(z.namelist(),z.read('backup_metadata.json'),"
                             "json.loads(z.comment)['cronos']['member'])\n");
    assert_string_equal(seen, "['backup_metadata.json'] b'mine\\n' False\n");
}

static void test_metadata_too_large_is_refused(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(JsonObject) user = json_object_new();
    g_autofree char *text = g_strnfill(70000, 'x');
    CronosCreateOptions options = {.name = "x", .level = -1, .metadata = user};
    g_autoptr(GError) error = NULL;

    json_object_set_string_member(user, "long", text);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    g_autofree char *seen = python(
        result->path, "import sys,zipfile,json\n"
                      "z=zipfile.ZipFile(sys.argv[1])\n"
                      "print(len(json.loads(z.read('backup_metadata.json'))['long']),z.comment)\n");
    assert_string_equal(seen, "70000 b''\n");

    temporary_write(fixture->root, CRONOS_METADATA_MEMBER, "mine\n");
    assert_null(cronos_create(fixture->config, &options, NULL, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    assert_int_equal(files_in_backup_directory(fixture), 1);
}

static void test_patterns_in_force(void **state)
{
    static const char *const include[] = {"*.c", NULL};
    static const char *const exclude[] = {"skip*", NULL};
    Fixture *fixture = *state;
    CronosCreateOptions options = {
        .name = "x", .level = -1, .include = include, .exclude = exclude};

    make_folder(fixture, "d/node_modules");
    temporary_write(fixture->root, "d/a.c", "x");
    temporary_write(fixture->root, "d/a.h", "x");
    temporary_write(fixture->root, "d/skip.c", "x");
    temporary_write(fixture->root, "d/node_modules/b.c", "x");
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    g_autofree char *seen = python(
        result->path, "import sys,zipfile,json\n"
                      "z=zipfile.ZipFile(sys.argv[1]); c=json.loads(z.comment)['cronos']\n"
                      "print(z.namelist()[1:],c['include_patterns'],c['exclude_patterns'][-1])\n");
    assert_string_equal(seen, "['d/', 'd/a.c'] ['*.c'] skip*\n");
}

static void test_a_dry_run_writes_nothing(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1, .dry_run = TRUE};

    make_tree(fixture);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_null(result->path);
    assert_non_null(result->file_name);
    assert_int_equal(result->files, 7);
    assert_int_equal(result->skipped, 1);
    assert_false(g_file_test(cronos_config_backup_directory(fixture->config), G_FILE_TEST_EXISTS));
}

static void cancel_at_first_member(const CronosProgressState *progress, gpointer cancellable)
{
    if (progress->members_done > 0)
        g_cancellable_cancel(cancellable);
}

static void test_cancelling_leaves_nothing(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1};
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    CronosProgress progress = {cancel_at_first_member, cancellable, cancellable};
    g_autoptr(GError) error = NULL;

    make_tree(fixture);
    assert_null(cronos_create(fixture->config, &options, &progress, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED));
    assert_int_equal(files_in_backup_directory(fixture), 0);
}

static void remember_progress(const CronosProgressState *progress, gpointer last)
{
    CronosProgressState *state = last;

    assert_true(progress->bytes_done >= state->bytes_done);
    *state = *progress;
}

static void test_progress_reaches_its_end(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1};
    CronosProgressState last = {0};
    CronosProgress progress = {remember_progress, &last, NULL};

    make_tree(fixture);
    g_autoptr(CronosCreateResult) result =
        cronos_create(fixture->config, &options, &progress, NULL);
    assert_non_null(result);
    assert_int_equal(last.members_done, 10);
    assert_int_equal(last.bytes_done, result->bytes);
}

static void test_wrong_options_are_refused(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(JsonObject) reserved = json_object_new();
    CronosCreateOptions bad[] = {
        {.name = "", .level = -1},
        {.name = "x", .level = 13},
        {.name = "x", .type = "No Type", .level = -1},
        {.name = "x", .level = -1, .metadata = reserved},
    };

    json_object_set_int_member(reserved, "created_at", 1);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(cronos_create(fixture->config, &bad[i], NULL, &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    }
    assert_false(g_file_test(cronos_config_backup_directory(fixture->config), G_FILE_TEST_EXISTS));
}

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

/* Once, files that have contents and no size, as those of /proc, were stored empty. */
static void test_files_without_a_size_are_read(void **state)
{
    static const char kernel[] = "/proc/sys/fs/inotify";
    CronosCreateOptions options = {.name = "x", .level = -1, .root = kernel};
    g_autofree char *there = NULL;

    assert_true(g_file_get_contents("/proc/sys/fs/inotify/max_user_watches", &there, NULL, NULL));
    g_autoptr(CronosCreateResult) result = backup(*state, &options);
    assert_int_equal(result->unreadable->len, 0);
    assert_true(result->files >= 3 && result->bytes >= 2 * result->files);
    g_autofree char *stored =
        run((const char *[]){"unzip", "-p", result->path, "max_user_watches", NULL});
    assert_string_equal(stored, there);
}

/* Makes folders "d", each in the one before, and a file "f" in the innermost. */
static void make_nested(Fixture *fixture, guint depth)
{
    int fd = open(fixture->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (guint i = 0; i < depth; i++) {
        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        int inner = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(inner >= 0);
        close(fd);
        fd = inner;
    }
    int file = openat(fd, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    close(file);
    close(fd);
}

/* nftw does not reach that deep. */
static void remove_nested(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->root, "d", NULL);

    g_free(run((const char *[]){"rm", "-r", path, NULL}));
}

/* Once, what lay deeper than archives are read was stored without a word, and could be found in no
 * backup afterwards. */
static void test_what_is_too_deep_for_readers_is_named(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1};

    make_nested(fixture, 2048);
    g_autoptr(CronosCreateResult) deepest = backup(fixture, &options);
    assert_int_equal(deepest->unreadable->len, 0);
    g_autoptr(CronosArchive) archive = cronos_archive_open(AT_FDCWD, deepest->path, NULL);
    assert_int_equal(cronos_archive_count(archive), 1 + 1 + 2048 + 1);
    remove_nested(fixture);

    make_nested(fixture, 2049);
    g_autoptr(CronosCreateResult) deeper = backup(fixture, &options);
    assert_int_equal(deeper->unreadable->len, 2);
    for (guint i = 0; i < 2; i++)
        assert_non_null(strstr(deeper->unreadable->pdata[i], ": nested too deeply"));
    assert_int_equal(deeper->directories, 2048);
    remove_nested(fixture);
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

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TREE(test_a_tree_of_every_kind),
        WITH_TREE(test_extracted_it_is_the_tree),
        WITH_TREE(test_large_members_are_seekable),
        WITH_TREE(test_level_zero_stores),
        WITH_TREE(test_threads_do_not_show_in_the_bytes),
        WITH_TREE(test_holes_cost_nothing),
        WITH_TREE(test_metadata_is_member_and_comment),
        WITH_TREE(test_the_users_own_metadata_file_stays),
        WITH_TREE(test_metadata_too_large_is_refused),
        WITH_TREE(test_patterns_in_force),
        WITH_TREE(test_a_dry_run_writes_nothing),
        WITH_TREE(test_cancelling_leaves_nothing),
        WITH_TREE(test_progress_reaches_its_end),
        WITH_TREE(test_wrong_options_are_refused),
        WITH_TREE(test_what_can_not_be_read_is_named),
        WITH_TREE(test_files_without_a_size_are_read),
        WITH_TREE(test_what_is_too_deep_for_readers_is_named),
        WITH_TREE(test_a_file_that_changes_is_read_again),
        WITH_TREE(test_a_file_that_vanishes_is_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
