/*
 * RLIMIT_NOFILE. See descriptor_limits.h for the place and the contract.
 *
 * Context: ordinary code of one thread.
 */
#include "descriptor_limits.h"

#include <sys/resource.h>

/* More files of programs than most recordings have; and the limit below which processes need all there are. */
enum { IMAGES_MAX = 4096, FEW = 128 };

size_t sp_image_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < FEW)
        return 0;
    return limit.rlim_max / 4 < IMAGES_MAX ? limit.rlim_max / 4 : IMAGES_MAX;
}

void sp_allow_many_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}
