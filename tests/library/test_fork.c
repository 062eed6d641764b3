/* A forked child has no session and can have its own; the parent's goes on. */
#include "sigprof/sigprof.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "require.h"

enum { FORKS = 30 };

static atomic_bool is_over;

static void *load(void *unused)
{
    (void)unused;
    while (!atomic_load(&is_over))
        burn(0.001);
    return NULL;
}

static struct sigprof_statistics statistics_now(void)
{
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    require_equal(sigprof_statistics(&statistics), 0);
    return statistics;
}

static void child(bool is_long)
{
    struct sigprof_statistics none = {.struct_bytes = sizeof none};
    struct sigprof_options options;
    require_equal(sigprof_is_running(), 0);
    require_equal(sigprof_statistics(&none), -ENODATA);
    require_equal(sigprof_write_fd(STDERR_FILENO, 0), -ENODATA);
    require_equal(sigprof_stop(), -EINVAL);
    require(count_timers() <= 0);
    raise(SIGPROF); /* not fatal here either */
    sigprof_options_init(&options);
    options.rate_hz = 1000;
    require_equal(sigprof_start(&options), 0);
    burn(is_long ? 0.2 : 0.0);
    require_equal(sigprof_stop(), 0);
    if (is_long)
        require(statistics_now().recorded > 0);
    _exit(0);
}

static void fork_and_wait(bool is_long)
{
    int status = -1;
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0)
        child(is_long);
    require_equal(waitpid(pid, &status, 0), pid);
    require_equal(status, 0);
    require_equal(sigprof_is_running(), 1);
}

int main(void)
{
    pthread_t threads[2];
    struct sigprof_options options;
    sigprof_options_init(&options);
    options.rate_hz = 1000;
    require_equal(sigprof_start(&options), 0);
    for (unsigned i = 0; i < 2; i++)
        require_equal(pthread_create(&threads[i], NULL, load, NULL), 0);
    burn(0.1);
    const struct sigprof_statistics before = statistics_now();
    fork_and_wait(true);
    for (unsigned i = 0; i < FORKS; i++)
        fork_and_wait(false);
    burn(0.2);
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < 2; i++)
        require_equal(pthread_join(threads[i], NULL), 0);
    require_equal(sigprof_stop(), 0);
    const struct sigprof_statistics after = statistics_now();
    require(after.recorded > before.recorded);
    require_equal(after.fired, after.recorded + after.lost_busy + after.lost_full + after.lost_no_place);
    return 0;
}
