/* What is read of /proc and the CPU clocks, of this process and of others. */
#include "collector/proc_files.h"

#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NOBODY = 1 << 23 }; /* above the kernel's limit of pids */

static void spin(long ns)
{
    struct timespec used, begin;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    while ((used.tv_sec - begin.tv_sec) * 1000000000 + used.tv_nsec - begin.tv_nsec < ns);
}

/* A child that has spun for 50 ms with SIGPROF blocked, and sleeps. */
static pid_t start_child(void)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGPROF);
        sigprocmask(SIG_BLOCK, &set, NULL);
        prctl(PR_SET_NAME, "a) R 1 2 3 (b");
        spin(50000000);
        (void)!write(ready[1], "", 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void test_proc_other_process_is_read(void **state)
{
    (void)state;
    const pid_t child = start_child();
    struct sp_proc_sigprof sigprof;
    uint64_t process_ns, thread_ns, user_ns;
    char name[17];
    assert_true(sp_proc_cpu_ns(child, &process_ns));
    assert_true(sp_proc_thread_cpu_ns(child, child, &thread_ns));
    assert_true(process_ns >= 50000000 && thread_ns >= 30000000 && thread_ns <= process_ns + 20000000);
    assert_true(sp_proc_thread_sigprof(child, child, &sigprof));
    assert_true(sigprof.is_blocked && !sigprof.is_ignored);
    assert_true(sp_proc_thread_user_ns(child, child, &user_ns));
    assert_true(user_ns <= process_ns + 20000000);
    assert_true(sp_proc_thread_name(child, child, name, sizeof name));
    assert_string_equal(name, "a) R 1 2 3 (b");
    assert_true(sp_proc_has_thread(child, child));
    assert_int_equal(sp_proc_count_threads(child), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_false(sp_proc_thread_cpu_ns(child, child, &thread_ns));
    assert_false(sp_proc_has_thread(child, child));
}

static void test_proc_own_thread_clock_is_exact(void **state)
{
    (void)state;
    uint64_t before_ns, after_ns;
    const pid_t self = getpid();
    assert_true(sp_proc_thread_cpu_ns(self, (int32_t)syscall(SYS_gettid), &before_ns));
    spin(2000000);
    assert_true(sp_proc_thread_cpu_ns(self, (int32_t)syscall(SYS_gettid), &after_ns));
    assert_true(after_ns - before_ns >= 2000000);
}

static void test_proc_ignored_signal_is_seen(void **state)
{
    (void)state;
    struct sp_proc_sigprof sigprof;
    signal(SIGPROF, SIG_IGN);
    assert_true(sp_proc_thread_sigprof(getpid(), getpid(), &sigprof));
    assert_true(sigprof.is_ignored && !sigprof.is_blocked);
    signal(SIGPROF, SIG_DFL);
    assert_true(sp_proc_thread_sigprof(getpid(), getpid(), &sigprof));
    assert_false(sigprof.is_ignored);
}

static void *wait_for_end(void *lock)
{
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return NULL;
}

static void test_proc_list_is_ascending_and_complete(void **state)
{
    (void)state;
    enum { THREADS = 100 };
    pthread_t threads[THREADS];
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct sp_tids tids = {0};
    pthread_mutex_lock(&lock);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_end, &lock), 0);
    assert_true(sp_proc_list_threads(getpid(), &tids));
    assert_int_equal(tids.n, THREADS + 1);
    assert_int_equal(sp_proc_count_threads(getpid()), THREADS + 1);
    for (size_t i = 1; i < tids.n; i++)
        assert_true(tids.at[i] > tids.at[i - 1]);
    assert_true(sp_tids_have(&tids, getpid()));
    assert_false(sp_tids_have(&tids, tids.at[tids.n - 1] + 1));
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    free(tids.at);
}

static void test_proc_nobody_is_told_apart(void **state)
{
    (void)state;
    struct sp_tids tids = {0};
    struct sp_proc_sigprof sigprof;
    uint64_t cpu_ns = 7;
    char name[17];
    assert_false(sp_proc_cpu_ns(NOBODY, &cpu_ns));
    assert_false(sp_proc_thread_cpu_ns(NOBODY, NOBODY, &cpu_ns));
    assert_int_equal(cpu_ns, 7);
    assert_false(sp_proc_thread_user_ns(NOBODY, NOBODY, &cpu_ns));
    assert_false(sp_proc_thread_name(NOBODY, NOBODY, name, sizeof name));
    assert_false(sp_proc_thread_sigprof(NOBODY, NOBODY, &sigprof));
    assert_false(sp_proc_list_threads(NOBODY, &tids));
    assert_int_equal(sp_proc_count_threads(NOBODY), 0);
    assert_false(sp_tids_have(&tids, 1));
    free(tids.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_other_process_is_read),  cmocka_unit_test(test_proc_own_thread_clock_is_exact),
        cmocka_unit_test(test_proc_ignored_signal_is_seen), cmocka_unit_test(test_proc_list_is_ascending_and_complete),
        cmocka_unit_test(test_proc_nobody_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
