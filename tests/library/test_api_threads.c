/*
 * The whole API from several threads at once: each call gives one of its documented results, and no two of them race
 * (ThreadSanitizer).
 */
#include "sigprof/sigprof.h"

#include <errno.h>
#include <pthread.h>

#include "require.h"

enum { THREADS = 4, CALLS = 150 };

static int discard(void *user, const void *data, size_t bytes)
{
    (void)data;
    *(size_t *)user += bytes;
    return 0;
}

static void call(unsigned which)
{
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    size_t written = 0;
    int result;
    switch (which) {
    case 0:
        result = sigprof_start(NULL);
        require(result == 0 || result == -EBUSY);
        break;
    case 1:
        result = sigprof_stop();
        require(result == 0 || result == -EINVAL);
        break;
    case 2:
        result = sigprof_statistics(&statistics);
        require(result == 0 || result == -ENODATA);
        break;
    case 3:
        result = sigprof_write_callback(discard, &written, LIBSIGPROF_WRITE_ADDRESSES);
        require(result == -ENODATA || (result == 0 && written > 0));
        break;
    case 4:
        result = sigprof_is_running();
        require(result == 0 || result == 1);
        break;
    default:
        burn(0.001);
    }
}

static void *call_in_turns(void *argument)
{
    unsigned random = (unsigned)(uintptr_t)argument;
    for (unsigned i = 0; i < CALLS; i++) {
        random = random * 1103515245 + 12345;
        call(random >> 16 & 7);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        require_equal(pthread_create(&threads[i], NULL, call_in_turns, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < THREADS; i++)
        require_equal(pthread_join(threads[i], NULL), 0);
    const int result = sigprof_stop();
    require(result == 0 || result == -EINVAL);
    return 0;
}
