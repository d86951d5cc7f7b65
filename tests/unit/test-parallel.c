/* SPDX-License-Identifier: MIT
 * test-parallel.c - every index once, failures, and more threads where they wait */
#include "core/error.h"
#include "core/parallel.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT 200u
/* More than a preemption takes. */
#define PAUSE_USEC 10000

typedef struct {
    guint done[COUNT]; /* how often: each one is one thread's alone */
    gsize fails_at;    /* COUNT: none */
    gsize first_waits; /* so many of the first indices pause */
    guint expected;    /* so many threads are to be inside at once; 0: whatever comes */

    pthread_mutex_t lock; /* the fields below */
    pthread_cond_t arrived;
    guint inside, most, workers, freed;
} Fixture;

static gpointer worker_new(gpointer shared)
{
    Fixture *fixture = shared;

    pthread_mutex_lock(&fixture->lock);
    fixture->workers++;
    pthread_mutex_unlock(&fixture->lock);
    return shared;
}

static void worker_free(gpointer worker)
{
    Fixture *fixture = worker;

    pthread_mutex_lock(&fixture->lock);
    fixture->freed++;
    pthread_mutex_unlock(&fixture->lock);
}

/* Those behind the first ones stay inside until all that are expected have come. */
static void stay(Fixture *fixture)
{
    pthread_mutex_lock(&fixture->lock);
    fixture->inside++;
    fixture->most = MAX(fixture->most, fixture->inside);
    pthread_cond_broadcast(&fixture->arrived);
    while (fixture->most < fixture->expected)
        pthread_cond_wait(&fixture->arrived, &fixture->lock);
    fixture->inside--;
    pthread_mutex_unlock(&fixture->lock);
}

static gboolean work(gpointer worker, gsize index, GError **error)
{
    Fixture *fixture = worker;

    fixture->done[index]++;
    if (index == fixture->fails_at) {
        cronos_error_set_system(error, EIO, "number %u", (guint)index);
        return FALSE;
    }
    if (index < fixture->first_waits)
        usleep(PAUSE_USEC);
    else
        stay(fixture);
    return TRUE;
}

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->fails_at = COUNT;
    pthread_mutex_init(&fixture->lock, NULL);
    pthread_cond_init(&fixture->arrived, NULL);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    pthread_mutex_destroy(&fixture->lock);
    pthread_cond_destroy(&fixture->arrived);
    g_free(fixture);
    return 0;
}

static void expect_all_once(const Fixture *fixture)
{
    for (guint i = 0; i < COUNT; i++)
        assert_int_equal(fixture->done[i], 1);
    assert_int_equal(fixture->freed, fixture->workers);
}

static void test_every_index_once(void **state)
{
    Fixture *fixture = *state;
    CronosParallel parallel = {.threads = 4,
                               .run_length = 3,
                               .worker_new = worker_new,
                               .worker_free = worker_free,
                               .work = work};

    fixture->expected = 4;
    assert_true(cronos_parallel_for(&parallel, COUNT, fixture, NULL));
    expect_all_once(fixture);
    assert_int_equal(fixture->workers, 4);
    assert_true(cronos_parallel_for(&parallel, 0, fixture, NULL));
    assert_int_equal(fixture->workers, 4);
}

static void test_failure_stops(void **state)
{
    Fixture *fixture = *state;
    CronosParallel parallel = {
        .threads = 1, .worker_new = worker_new, .worker_free = worker_free, .work = work};
    g_autoptr(GError) error = NULL;

    fixture->fails_at = 7;
    assert_false(cronos_parallel_for(&parallel, COUNT, fixture, &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, EIO));
    assert_int_equal(fixture->done[7], 1);
    assert_int_equal(fixture->done[8], 0);
}

static void test_one_that_waits_brings_in_others(void **state)
{
    Fixture *fixture = *state;
    CronosParallel parallel = {.threads = 1,
                               .waits = TRUE,
                               .worker_new = worker_new,
                               .worker_free = worker_free,
                               .work = work};

    fixture->first_waits = 3;
    fixture->expected = CRONOS_PARALLEL_WAITING;
    assert_true(cronos_parallel_for(&parallel, COUNT, fixture, NULL));
    expect_all_once(fixture);
    assert_int_equal(fixture->workers, CRONOS_PARALLEL_WAITING);
    assert_int_equal(fixture->most, CRONOS_PARALLEL_WAITING);
}

static void test_without_leave_to_wait_one_stays_alone(void **state)
{
    Fixture *fixture = *state;
    CronosParallel parallel = {
        .threads = 1, .worker_new = worker_new, .worker_free = worker_free, .work = work};

    fixture->first_waits = 3;
    assert_true(cronos_parallel_for(&parallel, COUNT, fixture, NULL));
    expect_all_once(fixture);
    assert_int_equal(fixture->workers, 1);
}

static void test_no_more_threads_than_indices(void **state)
{
    Fixture *fixture = *state;
    CronosParallel parallel = {.threads = 1,
                               .waits = TRUE,
                               .worker_new = worker_new,
                               .worker_free = worker_free,
                               .work = work};

    fixture->first_waits = 5;
    assert_true(cronos_parallel_for(&parallel, 5, fixture, NULL));
    assert_true(fixture->workers <= 5);
    assert_int_equal(fixture->freed, fixture->workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_index_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_waits_brings_in_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_leave_to_wait_one_stays_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_no_more_threads_than_indices, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
