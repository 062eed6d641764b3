/*
 * Both sides of Go's contract are ours: sigprof calls the functions that libsigprof-cgo has for Go's runtime, in a
 * program without Go. Its stacks and names are then what sigprof's own are.
 */
#include "sigprof/cgo.h"
#include "sigprof/sigprof.h"

#include <pthread.h>

#include "formats/formats.h"
#include "require.h"

__attribute__((noinline)) static void burn_in_a_thread(void)
{
    burn(0.3);
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

static void *run(void *unused)
{
    (void)unused;
    burn_in_a_thread();
    return NULL;
}

/* Weight of the samples that have function `inner` within `outer`, both with a file. */
static int64_t weight_of(const struct sp_profile *profile, const char *inner, const char *outer)
{
    int64_t weight = 0;
    for (size_t i = 0; i < profile->samples.n; i++) {
        const struct sp_sample *sample = &profile->samples.at[i];
        unsigned found = 0;
        for (uint32_t k = 0; k < sample->n_locations; k++) {
            const struct sp_location *location =
                &profile->locations.at[profile->sample_locations.at[sample->first_location + k]];
            for (uint32_t n = 0; n < location->n_lines; n++) {
                const struct sp_function *function =
                    &profile->functions.at[profile->lines.at[location->first_line + n].function];
                const char *wanted = found == 0 ? inner : outer, *name = sp_profile_text(profile, function->name);
                found += found < 2 && strcmp(name, wanted) == 0 &&
                         strstr(sp_profile_text(profile, function->filename), "test_both_sides.c") != NULL;
            }
        }
        weight += found == 2 ? profile->values.at[i * profile->sample_types.n] : 0;
    }
    return weight;
}

int main(void)
{
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    struct sigprof_options options;
    struct sp_profile *profile;
    pthread_t thread;
    char why[200];
    require_equal(sigprof_set_traceback(0, sigprof_cgo_traceback, sigprof_cgo_context, sigprof_cgo_symbolizer), 0);
    sigprof_options_init(&options);
    options.rate_hz = 200;
    require_equal(sigprof_start(&options), 0);
    require_equal(pthread_create(&thread, NULL, run, NULL), 0);
    burn_in_a_thread();
    require_equal(pthread_join(thread, NULL), 0);
    require_equal(sigprof_stop(), 0);
    require_equal(sigprof_statistics(&statistics), 0);
    require(statistics.tracebacks > 20);
    require(statistics.tracebacks_empty * 10 <= statistics.tracebacks); /* where code has no tables, as Go's */
    require_equal(statistics.tracebacks_garbled + statistics.tracebacks_overrun, 0);
    require_equal(sigprof_write_path("both_sides.pb.gz", 0), 0);
    require_equal(sp_profile_read_file("both_sides.pb.gz", &profile, why, sizeof why), 0);
    remove("both_sides.pb.gz");
    require(weight_of(profile, "burn_in_a_thread", "main") > 10);
    require(weight_of(profile, "burn_in_a_thread", "run") > 10);
    sp_profile_free(profile);
    return 0;
}
