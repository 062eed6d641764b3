/*
 * Profiles by HTTP: http(s)://HOST/debug/pprof/…, fetched by libcurl.
 *
 * Place: cli, before formats. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_FETCH_H
#define SIGPROF_CLI_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"

/*
 * Whether FILE is to be fetched: it begins with http:// or https://, or it is HOST:PORT with or without a /PATH, and
 * there is no such file.
 */
bool sp_is_address(const char *file);

/*
 * Fetches a profile and reads it; without a path it is /debug/pprof/profile, where Go has the CPU's. `seconds` (0: as
 * the address says) becomes the address's ?seconds=; `timeout` is in seconds (0: half as long again as that, or a
 * minute). Says on stderr that it waits. 0, or -errno with a sentence in `why`: no libcurl, no answer, an answer other
 * than 200 (with what it says), more than SP_FORMAT_MEMORY_LIMIT bytes, no profile.
 */
int sp_fetch_profile(const char *address, size_t seconds, size_t timeout, struct sp_profile **profile, char *why,
                     size_t why_size);

#endif
