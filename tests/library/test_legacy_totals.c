/* One session in both formats: the legacy profile has the totals of profile.proto, in samples and in time. */
#include <string.h>
#include <time.h>

#include "formats/formats.h"
#include "library/library.h"
#include "profile/profile.h"
#include "require.h"
#include "sigprof/sigprof.h"

enum { WORK_MS = 200, PERIOD_NS = 333000, NS_PER_US = 1000 };

static volatile uint64_t sink;

static void work(void)
{
    for (const clock_t until = clock() + WORK_MS * (CLOCKS_PER_SEC / 1000); clock() < until;)
        for (int i = 0; i < 100000; i++)
            sink = sink * 6364136223846793005u + 1;
}

static uint64_t word_at(const struct sp_bytes *bytes, size_t number)
{
    uint64_t word;
    require((number + 1) * sizeof word <= bytes->n);
    memcpy(&word, bytes->at + number * sizeof word, sizeof word);
    return word;
}

/* The sum of the records' counts. */
static uint64_t legacy_total(const struct sp_bytes *bytes)
{
    uint64_t total = 0, count;
    for (size_t at = 2 + word_at(bytes, 1); (count = word_at(bytes, at)) != 0; at += 2 + word_at(bytes, at + 1))
        total += count;
    return total;
}

static int64_t total(const struct sp_profile *profile, size_t type)
{
    int64_t sum = 0;
    for (size_t i = 0; i < profile->samples.n; i++)
        sum += profile->values.at[i * profile->sample_types.n + type];
    return sum;
}

int main(void)
{
    const struct sp_session_config config = {.period_ns = PERIOD_NS, .max_depth = 8};
    struct sp_bytes proto = {0}, legacy = {0};
    struct sp_profile *profile = NULL;
    char why[128];
    require_equal(sp_library_start(&config, NULL), 0);
    work();
    require_equal(sigprof_stop(), 0);
    require_equal(sp_library_encode(sp_format_find("pprof"), LIBSIGPROF_WRITE_ADDRESSES, &proto), 0);
    require_equal(sp_library_encode(sp_format_find("legacy"), LIBSIGPROF_WRITE_ADDRESSES, &legacy), 0);
    require_equal(sp_format_find("pprof")->read(proto.at, proto.n, SP_FORMAT_MEMORY_LIMIT, &profile, why, sizeof why),
                  0);
    require(total(profile, 0) > 0);
    require_equal(legacy_total(&legacy), (uint64_t)total(profile, 0));
    require_equal(legacy_total(&legacy) * word_at(&legacy, 3) * NS_PER_US, (uint64_t)total(profile, 1));
    sp_profile_free(profile);
    sp_bytes_done(&proto);
    sp_bytes_done(&legacy);
    return 0;
}
