/* Every documented result of sigprof.h that can be brought about, and the three ways to write. */
#include "sigprof/sigprof.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "require.h"

static struct sigprof_options options(void)
{
    struct sigprof_options made;
    sigprof_options_init(&made);
    return made;
}

static int start_with(struct sigprof_options given)
{
    const int result = sigprof_start(&given);
    if (result == 0)
        require_equal(sigprof_stop(), 0);
    return result;
}

static int count_bytes(void *user, const void *data, size_t bytes)
{
    const uint8_t *head = data;
    size_t *sum = user;
    if (*sum == 0)
        require(bytes >= 2 && head[0] == 0x1f && head[1] == 0x8b); /* gzip, RFC 1952 */
    *sum += bytes;
    return 0;
}

static int refuse(void *user, const void *data, size_t bytes)
{
    (void)data;
    (void)bytes;
    return *(int *)user;
}

static void test_before_any_session(void)
{
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    size_t sum = 0;
    require_equal(sigprof_is_running(), 0);
    require_equal(sigprof_stop(), -EINVAL);
    require_equal(sigprof_statistics(&statistics), -ENODATA);
    require_equal(sigprof_write_callback(count_bytes, &sum, 0), -ENODATA);
    require_equal(sigprof_write_path("never.pb.gz", 0), -ENODATA);
    require_equal(access("never.pb.gz", F_OK), -1);
    require_equal(sum, 0);
}

static void test_options_out_of_range(void)
{
    struct sigprof_options bad = options();
    bad.rate_hz = 0;
    require_equal(start_with(bad), -EINVAL);
    bad.rate_hz = 100001;
    require_equal(start_with(bad), -EINVAL);
    bad = options();
    bad.max_depth = 4097;
    require_equal(start_with(bad), -EINVAL);
    bad = options();
    bad.trigger = 99;
    require_equal(start_with(bad), -EINVAL);
    bad = options();
    bad.struct_bytes = 3;
    require_equal(start_with(bad), -EINVAL);
    bad = options();
    bad.max_threads = UINT32_MAX;
    require_equal(start_with(bad), -EINVAL);
    bad = options();
    bad.memory_limit_bytes = 4096;
    require_equal(start_with(bad), -ENOMEM);
    require_equal(sigprof_is_running(), 0);
}

static void test_options_in_range(void)
{
    struct sigprof_options good = options();
    require_equal(start_with(good), 0);
    good.rate_hz = 1;
    good.max_depth = 1;
    good.max_threads = 1;
    require_equal(start_with(good), 0);
    good = options();
    good.rate_hz = 100000;
    good.max_depth = 4096;
    good.trigger = LIBSIGPROF_TRIGGER_TIMER;
    require_equal(start_with(good), 0);
    good = options();
    good.memory_limit_bytes = 4 << 20;
    require_equal(start_with(good), 0);
    require_equal(sigprof_start(NULL), 0);
    require_equal(sigprof_stop(), 0);
}

static struct sigprof_statistics statistics_now(void)
{
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    require_equal(sigprof_statistics(&statistics), 0);
    return statistics;
}

static off_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : -1;
}

static void test_running_session(void)
{
    struct sigprof_options fast = options();
    fast.rate_hz = 1000;
    require_equal(sigprof_start(&fast), 0);
    require_equal(sigprof_is_running(), 1);
    require_equal(sigprof_start(NULL), -EBUSY);
    burn(0.2);
    size_t snapshot = 0, final = 0;
    require_equal(sigprof_write_callback(count_bytes, &snapshot, 0), 0);
    require(snapshot > 0);
    require_equal(statistics_now().is_running, 1);
    require_equal(statistics_now().period_ns, 1000000);
    burn(0.2);
    require_equal(sigprof_stop(), 0);
    require_equal(sigprof_is_running(), 0);
    require_equal(sigprof_stop(), -EINVAL);
    const struct sigprof_statistics ended = statistics_now();
    require_equal(ended.is_running, 0);
    require(ended.recorded > 0 && ended.threads_sampled >= 1 && ended.threads_armed >= 1);
    require_equal(ended.fired, ended.recorded + ended.lost_busy + ended.lost_full + ended.lost_no_place);
    require(ended.fired_weight >= ended.fired && ended.recorded_weight >= ended.recorded);
    require_equal(sigprof_write_callback(count_bytes, &final, 0), 0);
    require(final > 0);
}

/* After the session, as often as one likes. */
static void test_writing(const char *directory)
{
    char path[4200], other[4200];
    snprintf(path, sizeof path, "%s/api.pb.gz", directory);
    snprintf(other, sizeof other, "%s/api-fd.pb.gz", directory);
    require_equal(sigprof_write_path(path, 0), 0);
    require(size_of(path) > 0);
    require_equal(sigprof_write_path(path, LIBSIGPROF_WRITE_ADDRESSES), 0);
    require_equal(sigprof_write_path(path, 0x80), -EINVAL);
    require(size_of(path) > 0); /* the old one is still there */

    const int fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0);
    require_equal(sigprof_write_fd(fd, LIBSIGPROF_WRITE_ADDRESSES), 0);
    require(size_of(other) > 0);
    require_equal(close(fd), 0); /* it was left open */
    require_equal(sigprof_write_fd(fd, 0), -EBADF);
    unlink(other);
    unlink(path);

    int result = 42;
    require_equal(sigprof_write_callback(refuse, &result, 0), 42);
    result = -EPIPE;
    require_equal(sigprof_write_callback(refuse, &result, 0), -EPIPE);
    require_equal(sigprof_write_callback(refuse, &result, 0x80), -EINVAL);
}

static void test_paths_that_cannot_be_written(const char *directory)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/no such directory/x.pb.gz", directory);
    require_equal(sigprof_write_path(path, 0), -ENOENT);
    require_equal(sigprof_write_path(directory, 0), -EISDIR);
    snprintf(path, sizeof path, "%s/read-only", directory);
    require(mkdir(path, 0500) == 0 || errno == EEXIST);
    char inside[4300];
    snprintf(inside, sizeof inside, "%s/x.pb.gz", path);
    if (geteuid() != 0) /* root may write everywhere */
        require_equal(sigprof_write_path(inside, 0), -EACCES);
    require_equal(access(inside, F_OK), -1);
    rmdir(path);
    if (access("/dev/full", W_OK) == 0)
        require_equal(sigprof_write_path("/dev/full", 0), -ENOSPC);
}

static void test_statistics_of_another_version(void)
{
    struct sigprof_statistics statistics = {.struct_bytes = 5};
    require_equal(sigprof_statistics(&statistics), -EINVAL);
}

/* Zeroed options are the defaults, as the header says. */
static void test_zeroed_options(void)
{
    require_equal(start_with((struct sigprof_options){0}), 0);
}

int main(void)
{
    const char *directory = getenv("TMPDIR");
    char own[4096];
    snprintf(own, sizeof own, "%s/sigprof-api-XXXXXX", directory != NULL ? directory : "/tmp");
    require(mkdtemp(own) != NULL);
    test_before_any_session();
    test_options_out_of_range();
    test_options_in_range();
    test_running_session();
    test_writing(own);
    test_paths_that_cannot_be_written(own);
    test_statistics_of_another_version();
    test_zeroed_options();
    require_equal(rmdir(own), 0); /* nothing was left behind */
    return 0;
}
