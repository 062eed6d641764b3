/*
 * Samples in a library whose unwind tables another thread writes nonsense to, all the time: no crash, no hang, and each
 * sample that was due is recorded or counted as lost.
 *
 * usage: library_mutated_tables [SECONDS]     (default: 5)
 *
 * Nothing here may unwind but the handler: no exceptions, no pthread_exit, no cancellation.
 */
#include "sigprof/sigprof.h"

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "force.h"
#include "mutated_library.h"

enum { WORKERS = 3, DEPTH = 24, MUTATIONS_AT_ONCE = 16, HANG_SECONDS = 120 };

static atomic_bool is_done;
static _Atomic pid_t workers[WORKERS];
static _Atomic uint64_t rounds[WORKERS];

/* .eh_frame_hdr and .eh_frame of the library, which follow each other: [at, at + bytes). */
struct own_tables {
    volatile uint8_t *at;
    size_t bytes;
    uint8_t *original;
};

/* The end of .eh_frame that begins at `at`: a length of 0. */
static const char *end_of_frames(const char *at)
{
    uint32_t length;
    for (;; at += length) {
        memcpy(&length, at, sizeof length);
        at += sizeof length;
        if (length == 0)
            return at;
    }
}

/* For dl_iterate_phdr: the object that mutated_work is in. */
static int find_tables(struct dl_phdr_info *info, size_t size, void *argument)
{
    struct own_tables *const tables = argument;
    const char *header = NULL;
    bool is_library = false;
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *const phdr = &info->dlpi_phdr[i];
        const uintptr_t at = info->dlpi_addr + phdr->p_vaddr;
        if (phdr->p_type == PT_LOAD && (uintptr_t)&mutated_work - at < phdr->p_memsz)
            is_library = true;
        else if (phdr->p_type == PT_GNU_EH_FRAME)
            header = (const char *)at; /* NOLINT */
    }
    if (!is_library || header == NULL || header[1] != 0x1b) /* .eh_frame's place: pcrel, sdata4 */
        return is_library;
    int32_t offset;
    memcpy(&offset, header + 4, sizeof offset);
    tables->at = (volatile uint8_t *)(uintptr_t)header;
    tables->bytes = (size_t)(end_of_frames(header + 4 + offset) - header);
    return 1;
}

static struct own_tables open_tables(void)
{
    struct own_tables tables = {0};
    dl_iterate_phdr(find_tables, &tables);
    require(tables.at != NULL && tables.bytes > 100 && tables.bytes < 1 << 20);
    tables.original = malloc(tables.bytes);
    require(tables.original != NULL);
    memcpy(tables.original, (const void *)(uintptr_t)tables.at, tables.bytes);
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)tables.at & ~(page - 1);
    const size_t bytes = (uintptr_t)tables.at + tables.bytes - from;
    require_equal(mprotect((void *)from, bytes, PROT_READ | PROT_WRITE), 0); /* NOLINT */
    return tables;
}

/* Walks remember what they have read: without this, most would not look at the tables at all. */
static void forget_rules(void)
{
    struct sp_unwind_memory *const memory = sp_segment_unwind(&sp_handler.segment);
    for (unsigned i = 0; i < SP_RULES; i++)
        sp_store_relaxed(&memory->rules[i], (uint64_t)0);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* One change: a bit, a byte, a number that is as large as can be, or bytes from elsewhere in the tables. */
static void mutate(const struct own_tables *tables, uint64_t random)
{
    static const uint8_t notable[] = {0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x0b, 0x0f, 0x16, 0x40, 0xc0};
    const size_t at = (size_t)(random >> 32) % tables->bytes, left = tables->bytes - at;
    const uint8_t value = (uint8_t)(random >> 24);
    switch (random % 5) {
    case 0:
        tables->at[at] = (uint8_t)(tables->at[at] ^ 1u << value % 8);
        break;
    case 1:
        tables->at[at] = value;
        break;
    case 2:
        tables->at[at] = notable[value % sizeof notable];
        break;
    case 3:
        for (size_t i = 0; i < 8 && i < left; i++)
            tables->at[at + i] = value % 2 == 0 ? 0xff : 0;
        break;
    default:
        for (size_t i = 0; i < value % 32 && i < left; i++)
            tables->at[at + i] = tables->original[((size_t)(random >> 8) + i) % tables->bytes];
    }
}

static void restore(const struct own_tables *tables)
{
    for (size_t i = 0; i < tables->bytes; i++)
        if (tables->at[i] != tables->original[i])
            tables->at[i] = tables->original[i];
}

/* A few changes at a time, so that walks get far enough to meet the next. */
static void *mutate_until_done(void *argument)
{
    const struct own_tables *const tables = argument;
    uint64_t random = 88172645463325252u;
    while (!atomic_load(&is_done)) {
        for (unsigned i = 0; i < MUTATIONS_AT_ONCE; i++) {
            mutate(tables, next_random(&random));
            forget_rules();
        }
        restore(tables);
        forget_rules();
    }
    return NULL;
}

static void *work_until_done(void *argument)
{
    const uintptr_t number = (uintptr_t)argument;
    uint64_t seed = number + 1;
    atomic_store(&workers[number], (pid_t)gettid());
    while (!atomic_load(&is_done)) {
        seed = mutated_work(DEPTH, seed);
        atomic_fetch_add(&rounds[number], 1);
    }
    atomic_store(&workers[number], 0);
    return NULL;
}

/* Samples beyond those of the timers: 10 000 a second and thread, where the machine can do it. */
static void *force_until_done(void *unused)
{
    (void)unused;
    while (!atomic_load(&is_done)) {
        for (unsigned i = 0; i < WORKERS; i++) {
            const pid_t tid = atomic_load(&workers[i]);
            const uint64_t cookie = tid != 0 ? cookie_of_thread(tid) : 0;
            if (cookie != 0)
                force_sample(tid, cookie);
        }
        usleep(50);
    }
    return NULL;
}

/* Rules that walks had to look up in tables. */
static uint64_t rules_missed(void)
{
    uint64_t missed = 0;
    for (uint32_t i = 0; i < sp_handler.segment.geometry.n_shards; i++)
        missed += sp_load_relaxed(&sp_segment_shard(&sp_handler.segment, i)->rules_missed);
    return missed;
}

static void run(struct own_tables *tables, unsigned seconds)
{
    pthread_t threads[WORKERS + 2];
    for (uintptr_t i = 0; i < WORKERS; i++)
        require_equal(pthread_create(&threads[i], NULL, work_until_done, (void *)i), 0); /* NOLINT */
    require_equal(pthread_create(&threads[WORKERS], NULL, mutate_until_done, tables), 0);
    require_equal(pthread_create(&threads[WORKERS + 1], NULL, force_until_done, NULL), 0);
    sleep(seconds);
    uint64_t before[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++)
        before[i] = atomic_load(&rounds[i]);
    for (unsigned i = 0; i < WORKERS; i++) /* a thread whose handler hangs never comes here: SIGALRM ends the test */
        while (atomic_load(&rounds[i]) == before[i])
            usleep(1000);
    atomic_store(&is_done, true);
    for (unsigned i = 0; i < WORKERS + 2; i++)
        require_equal(pthread_join(threads[i], NULL), 0);
}

int main(int argc, char **argv)
{
    const unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    struct sigprof_options options;
    struct own_tables tables = open_tables();
    sigprof_options_init(&options);
    options.rate_hz = 10000;
    alarm(seconds + HANG_SECONDS);
    require_equal(sigprof_start(&options), 0);
    run(&tables, seconds);
    restore(&tables);
    const uint64_t missed = rules_missed();
    require_equal(sigprof_stop(), 0);
    require_equal(sigprof_statistics(&statistics), 0);
    printf("%llu samples were due: %llu recorded, %llu lost to locks, %llu to room; stacks of weight %llu of %llu cut; "
           "%llu rules looked up\n",
           (unsigned long long)statistics.fired, (unsigned long long)statistics.recorded,
           (unsigned long long)statistics.lost_busy, (unsigned long long)statistics.lost_full,
           (unsigned long long)statistics.stacks_cut, (unsigned long long)statistics.recorded_weight,
           (unsigned long long)missed);
    require_equal(statistics.fired,
                  statistics.recorded + statistics.lost_busy + statistics.lost_full + statistics.lost_no_place);
    require(statistics.recorded > 0);
    require(statistics.stacks_cut > 0);
    require(missed > statistics.recorded); /* else the tables that changed were not what was read */
    free(tables.original);
    return 0;
}
