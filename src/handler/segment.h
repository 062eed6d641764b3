/*
 * The segment: all memory that the handler writes, as one block that two processes may share.
 *
 * Place on the way of a sample: the handler writes it, the collector reads it; it is the only thing the two have in
 * common. Context: signal handler, any thread of the target, and the collector, which may be another process.
 *
 *   ┌────────────┐ 0
 *   │ header     │  geometry, requests of the collector, loss counters
 *   ├────────────┤ index_at
 *   │ index      │  tid → slot, n_index words; see threads.c
 *   ├────────────┤ fds_at
 *   │ fds        │  descriptor of a perf event → slot, SP_PERF_FDS words
 *   ├────────────┤ unwind_at
 *   │ unwind     │  struct sp_unwind_memory: what walks have learnt, and code that no file backs
 *   ├────────────┤ slots_at
 *   │ slots      │  n_slots × struct sp_slot; slot 0 stands for "no slot"; only the first slots_ready are in use
 *   ├────────────┤ unloads_at
 *   │ unloads    │  SP_UNLOAD_WORDS words, a ring: objects that were unloaded
 *   ├────────────┤ shards_at
 *   │ shards     │  n_shards × struct sp_shard
 *   ├────────────┤ scratch_at
 *   │ scratch    │  n_shards × struct sp_scratch
 *   ├────────────┤ halves_at
 *   │ halves     │  n_shards × 2 × { n_buckets × 4 hash entries, half_words × 8 bytes of records }
 *   ├────────────┤ names_at
 *   │ names      │  SP_NAMES_BYTES: the functions that interpreters have made known, see struct sp_function_name
 *   └────────────┘ bytes
 *
 * The memory is reserved for real when it is created, so that no write can fault; only the slots are reserved as
 * threads come (threads.c), since a process of one thread should not pay for ten thousand, and the ring of unloaded
 * objects when the first one is (session/unload_log.c). Both sides keep a private
 * copy of the geometry and never follow an offset or a count out of the segment without a bound: the program being
 * profiled may have overwritten any byte of it (the collector's side of that is collector/drain.c).
 *
 * A record, in words of 64 bits, at a position in a half's record area:
 *
 *   0  hash (high 32) | depth (bits 16..31) | kind, enum sp_record_kind (bits 8..15) | end, enum sp_stack_end (bits
 * 0..7) 1  slot (low 24) | generation of the slot (next 24) 2  tid (low 32) | epoch (high 32) 3  deliveries: how often
 * a signal found this thread in this stack 4  weight: deliveries and the expirations that the kernel merged into them 5
 * pcs[depth], the leaf first; callers are return addresses
 *
 * The last record of a thread settles its account (kind SP_RECORD_END): deliveries are 1, or 0 where nothing was left
 * to settle and weight is 0; depth is SP_END_WORDS, and what stands for the pcs are the thread's start routine (or 0),
 * its CPU clock at the end, and since_ns of its slot.
 *
 * The epoch is the number of times that objects may have been unloaded (struct sp_unload_log). It is part of what makes
 * two samples alike: equal addresses of different epochs may be different functions.
 *
 * Records stand one behind the other in [0, used). `used` grows (release) only when a record is whole, so that whoever
 * finds a half after its writer was killed sees only whole records. The hash entries are only a help to find an equal
 * record again; when all four of a bucket are taken, the newest takes the place of one of them, whose record stays
 * where it is: nothing is lost, the collector adds equal records up.
 */
#ifndef SIGPROF_HANDLER_SEGMENT_H
#define SIGPROF_HANDLER_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handler/order.h"

enum {
    SP_SEGMENT_VERSION = 4,
    SP_DEPTH_LIMIT = 4096, /* the deepest max_depth; below 1 << 16 for the record's field */
    SP_BUCKET_WAYS = 4,
    SP_RECORD_HEAD_WORDS = 5, /* words before pcs */
    SP_SLOTS_LIMIT = 1 << 20, /* below 1 << 24 for the cookie's field */
    SP_SHARDS_LIMIT = 256,
    SP_INDEX_PROBE = 8,       /* entries of the index that a tid may stand in */
    SP_ARMING_STRIPES = 64,   /* power of 2 */
    SP_UNLISTED = 32,         /* size of the collector's lists of threads to arm and to disarm */
    SP_PERF_FDS = 4096,       /* descriptors of perf events are below */
    SP_SLOTS_AT_FIRST = 256,  /* reserved at the start */
    SP_GROWN_UP = 2,          /* of `growing` */
    SP_TRIGGER_NO_THREAD = 3, /* ESRCH: of a slot's `error` */
    SP_END_WORDS = 3,         /* in place of pcs in a record that settles an account */
    SP_THREAD_NAME_BYTES = 16,
    SP_RULES = 1 << 14, /* entries of the rule cache; power of 2 */
    SP_CODE_RANGES = 64,
    SP_PARTS = 64,
    SP_SCRATCH_WORDS = 160,
    SP_UNLOAD_WORDS = 8192, /* power of 2 */
    SP_UNLOAD_HEAD_WORDS = 3,
    SP_UNLOAD_PARTS = 8,
    SP_UNLOAD_PATH_BYTES = 352,
    SP_BUILD_ID_BYTES = 32,
    SP_NAMES_BYTES = 512 << 10,
    SP_NAME_BYTES = 1024, /* of a function's name, and of its file's, less than that */
};

/* Stands in a record's pcs for frames that were left out: the stack is deeper than max_depth. No code has this address.
 */
#define SP_PC_GAP ((uint64_t)1)

/*
 * Stands in a record's pcs for a frame of an interpreter's (virtual_stack.h): SP_PC_VIRTUAL | function << 32 | line.
 * The highest byte of no address of a process is like that.
 */
#define SP_PC_VIRTUAL ((uint64_t)0x80 << 56)
enum { SP_VIRTUAL_FUNCTIONS = (1 << 24) - 1 };

static inline uint64_t sp_pc_virtual(uint32_t function, uint32_t line)
{
    return SP_PC_VIRTUAL | (uint64_t)function << 32 | line;
}

static inline bool sp_pc_is_virtual(uint64_t pc)
{
    return pc >> 56 == SP_PC_VIRTUAL >> 56;
}

/* How a stack ended. Part of a sample's identity. */
enum sp_stack_end {
    SP_STACK_COMPLETE = 0,   /* reached the thread's start */
    SP_STACK_CUT_DEPTH = 1,  /* deeper than max_depth */
    SP_STACK_CUT_MEMORY = 2, /* the next frame is not in readable memory of the stack */
    SP_STACK_CUT_RULES = 3,  /* nothing tells where the next frame is */
    SP_STACK_ENDS
};

enum sp_record_kind {
    SP_RECORD_SAMPLE = 0,
    SP_RECORD_END = 1,       /* what a thread still owed when it ended, or when sampling did */
    SP_RECORD_FILTERED = 2,  /* a sample that the host's filter refused: depth is 1, the pc 0 */
    SP_RECORD_TRACEBACK = 3, /* a sample whose stack the host's traceback function gave */
    SP_RECORD_KINDS
};

/* Why a sample was not recorded. */
enum sp_loss {
    SP_LOSS_BUSY = 0,     /* every shard that was tried was locked by another thread's handler */
    SP_LOSS_FULL = 1,     /* no shard had room: the collector came too late */
    SP_LOSS_NO_PLACE = 2, /* CPU time left at a thread's end, and its start routine is not known */
    SP_LOSSES
};

/* What makes a sample due. */
enum sp_trigger {
    SP_TRIGGER_AUTO = 0,  /* timer up to the kernel's tick rate, above it perf where it is permitted */
    SP_TRIGGER_TIMER = 1, /* a CPU timer for each thread: at most one signal a tick, the rest is its overrun */
    SP_TRIGGER_PERF = 2, /* a perf task-clock event for each thread: user code alone, the rest is read from its clock */
    SP_TRIGGERS
};

/* What both sides agree on. Filled by sp_geometry_layout from the first group. */
struct sp_geometry {
    uint32_t version;
    uint32_t max_depth;        /* frames */
    uint32_t n_slots;          /* power of 2 */
    uint32_t n_shards;         /* power of 2 */
    uint32_t n_buckets;        /* per half; power of 2 */
    uint32_t half_words;       /* 64-bit words of records per half */
    uint64_t period_ns;        /* CPU time between two samples of a thread */
    uint64_t backstop_periods; /* the process timer's period, in periods */

    uint32_t n_index; /* power of 2 */
    uint32_t reserved;
    uint64_t index_at, fds_at, unwind_at, slots_at, unloads_at, shards_at, scratch_at, halves_at, half_bytes, names_at,
        bytes;
};

/* Executable memory that no file backs, made at run time: [low, high); low == high: unused. */
struct sp_code_range {
    _Atomic uint64_t low, high;
};

/* What one walk needs beside the handler's stack, which is short: each shard has it for whoever holds its lock. */
struct sp_scratch {
    uint64_t words[SP_SCRATCH_WORDS];
};

/*
 * What walks share. `rules` is the rule cache (rule_cache.h), written by handlers. `code_ranges` is written by the
 * collector, which reads the process's mappings: a return address in one of them is accepted. A range is withdrawn by
 * high = 0 first and published by high last, so that a handler never sees a mixture that covers more than either. Those
 * in use come first. `parts` is where objects keep their unwind tables (object.c), written by handlers.
 */
struct sp_unwind_memory {
    struct sp_code_range code_ranges[SP_CODE_RANGES];
    _Atomic uint64_t parts[SP_PARTS];
    _Atomic uint64_t rules[SP_RULES];
};

/*
 * A function of an interpreter's, in `names`: this, then its name and its file's, and bytes up to a multiple of 8. The
 * first one is function 1. Made present in memory as they come, by ordinary code; names_used grows (release) when an
 * entry is whole, so that it does not matter when the writer is killed.
 */
struct sp_function_name {
    uint32_t bytes; /* with what follows */
    uint32_t start_line;
    uint16_t name_bytes, file_bytes; /* without a NUL */
    uint32_t reserved;
};

enum sp_slot_state {
    SP_SLOT_FREE = 0,
    SP_SLOT_CLAIMED = 1, /* being filled in */
    SP_SLOT_LIVE = 2,
};

/*
 * A thread. Written by the thread itself, or by who arms it, while CLAIMED.
 *
 * Its account, in CPU time of its own clock c:
 *
 *     due(c) = (c − base_ns) / period_ns, rounded down       owed at any time = due(c) − seen
 *
 * base_ns is since_ns less a random part of a period, so that due is right on average for a thread however short. A
 * timer is set to expire exactly when due grows, and its overrun makes seen follow; a perf event is set to half a
 * period later, and the handler reads the clock. What is owed at the thread's end goes into its last record.
 */
struct sp_slot {
    _Atomic uint32_t state;      /* enum sp_slot_state */
    _Atomic uint32_t generation; /* low 24 bits count; a cookie with another generation is stale */
    _Atomic int32_t tid;
    _Atomic int32_t timer; /* kernel timer id, or -1: none */
    /* The thread's own stack [stack_low, stack_high), readable as long as the thread runs on it; 0, 0: not known. */
    _Atomic uint64_t stack_low, stack_high;
    _Atomic uint64_t seen;             /* periods that its samples stand for, lost ones too */
    _Atomic uint64_t start_routine;    /* address; 0: not known */
    char name[SP_THREAD_NAME_BYTES];   /* set when the thread ends; "" before */
    _Atomic int64_t base_ns;           /* see above */
    _Atomic uint64_t since_ns;         /* its CPU clock when it began to be accounted */
    _Atomic int32_t perf_fd;           /* descriptor of its perf event, or -1: none */
    _Atomic uint32_t is_first_pending; /* the perf event still has its first, shorter or longer period */
    _Atomic uint64_t perf_id;          /* PERF_EVENT_IOC_ID: whether the descriptor still is ours */
    _Atomic int32_t error;             /* errno with which the kernel refused its timer or event; 0 */
    /* The perf event's pace; see pace.h. */
    _Atomic uint32_t pace_ns;  /* the period that it has */
    _Atomic uint32_t lateness; /* grows with signals that come late */
    _Atomic uint32_t in_time;  /* signals that did not, since the pace changed */
    _Atomic uint32_t slowings;
    uint32_t reserved0;
    uint64_t reserved1;
};
_Static_assert(sizeof(struct sp_slot) == 128, "a slot is two cache lines");

/* A count of deliveries and of the periods they stand for. */
struct sp_count {
    _Atomic uint64_t deliveries;
    _Atomic uint64_t weight;
};

/* One delivery that stands for `weight`. Any context. */
static inline void sp_count_add(struct sp_count *count, uint64_t weight)
{
    sp_add_relaxed(&count->deliveries, (uint64_t)1);
    sp_add_relaxed(&count->weight, weight);
}

/*
 * A shard: whoever holds `lock` may write the active half. Nobody waits for it in a handler.
 * The collector takes it only to turn `active`, then has the other half to itself.
 */
struct sp_shard {
    _Atomic uint32_t lock;
    _Atomic uint32_t active;  /* 0 or 1 */
    _Atomic uint32_t used[2]; /* words of records in each half */
    /* Written by the lock's holder. */
    _Atomic uint64_t virtual_placed;  /* frames of interpreters in stacks */
    _Atomic uint64_t virtual_dropped; /* no more there, or published beyond their stack's capacity */
    _Atomic uint64_t virtual_damaged; /* made no sense */
    uint64_t reserved0[3];
    struct sp_count recorded;
    _Atomic uint64_t frames;             /* that walks have taken */
    _Atomic uint64_t rules_missed;       /* of these, how many needed a rule that was not in the cache */
    _Atomic uint64_t tracebacks;         /* calls of the host's traceback function, host_traceback.h; and of these: */
    _Atomic uint64_t tracebacks_empty;   /* gave no stack */
    _Atomic uint64_t tracebacks_garbled; /* gave a word that is no address */
    _Atomic uint64_t tracebacks_overrun; /* wrote where they may not */
};
_Static_assert(sizeof(struct sp_shard) == 128, "lock and counters on lines of their own");

/* Counters that many threads add to, one stripe per group of threads so that they seldom share a line. */
enum { SP_STRIPES = 16 };
struct sp_stripe {
    struct sp_count fired; /* samples that were due: = recorded + Σ lost */
    struct sp_count lost[SP_LOSSES];
    struct sp_count settled;        /* of those recorded, what threads still owed at their end */
    struct sp_count brief;          /* threads that ended without owing a period ever, and their CPU time in ns */
    _Atomic uint64_t backstop_idle; /* process timer found a thread that has its own: nothing to do */
    _Atomic uint64_t early;         /* a perf event's signal before a period was due: nothing to record */
    _Atomic uint64_t stray;         /* SIGPROF that is not ours, or a forged cookie */
    uint64_t reserved[1];
};
_Static_assert(sizeof(struct sp_stripe) == 128, "a stripe has lines of its own");

/*
 * Which objects were unloaded, and when: so that an address of a sample is looked for in what was loaded there then,
 * and not in what has taken its place since, however short either has been there.
 *
 * Time is counted in epochs: each dlclose begins a new one before libc's, and another one after it. A thread that runs
 * in an object, or is to return to it, keeps it loaded; so whenever during a handler the epoch is read, all objects of
 * that stack are loaded in it. What comes to the place of an unloaded object does so later than the dlclose has begun.
 *
 * The ring, of which `written` and `taken` count words from the session's beginning, has an entry for each object, in
 * words:
 *
 * - its length in words (bits 0..15) | parts (16..23) | bytes of the build id (24..31) | kind, enum sp_unload_kind
 *   (32..39) | bytes of the path (48..63)
 * - from: it was there in this epoch
 * - until: it is not there in this epoch nor later
 * - for each part start, limit and file offset, as in /proc/PID/maps
 * - the build id
 * - the path, which is left out when it is not known for sure
 *
 * `open` is raised before a dlclose and lowered when what it has unloaded is told: an entry is written soon after its
 * epoch `until` begins, and as long as `open` is not 0, entries may be missing. `untold` counts the times that it could
 * not be, for the ring was full; in epochs before untold_until, anything may have been unloaded.
 */
enum sp_unload_kind {
    SP_UNLOAD_GONE = 0,
    SP_UNLOAD_CONTESTED = 1, /* the same, and something else may have been at its place in [from, until) */
    SP_UNLOAD_PRESENT = 2,   /* it is going to be unloaded, maybe, and was there in `from`; `until` says nothing */
    SP_UNLOAD_KINDS
};

struct sp_unload_log {
    _Atomic uint64_t first_epoch; /* when the session began */
    _Atomic uint64_t epoch;
    _Atomic uint64_t written;
    _Atomic uint64_t untold, untold_until;
    _Atomic uint32_t open;
    _Atomic uint32_t is_present; /* the ring is reserved */
    _Atomic uint64_t taken;      /* by the collector */
};

/* perf_error: a seccomp filter is in force, which might end the process for the attempt. No errno is as large. */
enum { SP_PERF_UNDER_SECCOMP = 4096 };

struct sp_header {
    char magic[8]; /* "sigprof\0" */
    struct sp_geometry geometry;
    /* Written by the collector. */
    _Atomic uint32_t stop_requested;       /* each thread gives its timer back at its next signal */
    _Atomic uint32_t postpone;             /* set with each drain: the next sample postpones the process timer */
    _Atomic int32_t unlisted[SP_UNLISTED]; /* tids that have no slot; the next signal's handler arms them */
    _Atomic uint32_t ended[SP_UNLISTED];   /* slots whose thread is no more; the next signal's handler frees them */
    /* Written by the target. */
    _Atomic uint64_t seed;                      /* of the first expirations */
    _Atomic uint32_t trigger;                   /* enum sp_trigger in use: TIMER or PERF */
    _Atomic uint32_t trigger_asked;             /* enum sp_trigger */
    _Atomic uint32_t triggers_used;             /* set of 1 << enum sp_trigger: those that any thread has had */
    _Atomic int32_t perf_error;                 /* errno of the first perf event that was refused; 0 */
    _Atomic int32_t timer_error;                /* errno of the first timer that was refused; 0 */
    _Atomic uint32_t cpus;                      /* online when the session began */
    _Atomic uint64_t tick_ns;                   /* the kernel's tick: no timer fires more often */
    _Atomic uint32_t perf_fd_low, perf_fd_high; /* descriptors of perf events are in [low, high) */
    _Atomic uint64_t perf_refused;              /* threads that were to have a perf event and have a timer */
    _Atomic uint64_t perf_slowed;               /* threads whose perf event could not keep the rate */
    _Atomic uint32_t slots_ready;               /* slots reserved so far; power of 2 */
    _Atomic uint32_t growing;          /* try-lock of who makes more ready; SP_GROWN_UP: no more are to be had */
    _Atomic uint32_t first_generation; /* of fresh slots, so that a late signal of the last session is stale */
    _Atomic uint32_t cursor;           /* where the next search for a free slot begins */
    _Atomic uint32_t reap_cursor;      /* where the next look for ended threads begins */
    _Atomic uint32_t arming[SP_ARMING_STRIPES]; /* try-locks by tid; see threads.c */
    _Atomic uint32_t threads_live;              /* slots in use */
    _Atomic uint64_t threads_armed;             /* threads that got a slot, ever */
    _Atomic uint64_t slots_full;                /* threads that got none: sampled by the process timer alone */
    _Atomic uint64_t timers_refused;            /* threads with a slot, and neither timer nor perf event */
    struct sp_unload_log unloads;
    _Atomic uint64_t names_used;    /* bytes of `names` that are written, whole entries */
    _Atomic uint64_t names_refused; /* functions for which there was no room */
    struct sp_stripe stripes[SP_STRIPES] __attribute__((aligned(128)));
};

/* The longest record's words. */
static inline uint32_t sp_record_words_limit(const struct sp_geometry *geometry)
{
    return SP_RECORD_HEAD_WORDS + (geometry->max_depth > SP_END_WORDS ? geometry->max_depth : SP_END_WORDS);
}

/*
 * Fills in the second group of `geometry` from the first: the places of everything. Returns false, with the second
 * group undefined, when a number is out of its range. Pure arithmetic; any context.
 */
static inline bool sp_geometry_layout(struct sp_geometry *geometry)
{
    const uint32_t powers[] = {geometry->n_slots, geometry->n_shards, geometry->n_buckets};
    for (unsigned i = 0; i < 3; i++)
        if (powers[i] == 0 || (powers[i] & (powers[i] - 1)) != 0)
            return false;
    if (geometry->version != SP_SEGMENT_VERSION || geometry->max_depth < 1 || geometry->max_depth > SP_DEPTH_LIMIT ||
        geometry->n_slots < 2 || geometry->n_slots > SP_SLOTS_LIMIT || geometry->n_shards > SP_SHARDS_LIMIT ||
        geometry->n_buckets > (1u << 20) || geometry->half_words < sp_record_words_limit(geometry) ||
        geometry->half_words > (1u << 28) || geometry->period_ns == 0 || geometry->backstop_periods == 0)
        return false;
    const uint64_t page = 4096;
    geometry->n_index = 2 * geometry->n_slots < SP_INDEX_PROBE ? SP_INDEX_PROBE : 2 * geometry->n_slots;
    geometry->index_at = (sizeof(struct sp_header) + page - 1) / page * page;
    geometry->fds_at = (geometry->index_at + geometry->n_index * sizeof(uint32_t) + 127) / 128 * 128;
    geometry->unwind_at = (geometry->fds_at + SP_PERF_FDS * sizeof(uint32_t) + 127) / 128 * 128;
    geometry->slots_at = (geometry->unwind_at + sizeof(struct sp_unwind_memory) + page - 1) / page * page;
    geometry->unloads_at = (geometry->slots_at + geometry->n_slots * sizeof(struct sp_slot) + page - 1) / page * page;
    geometry->shards_at = geometry->unloads_at + SP_UNLOAD_WORDS * sizeof(uint64_t);
    geometry->scratch_at = geometry->shards_at + geometry->n_shards * sizeof(struct sp_shard);
    geometry->halves_at = geometry->scratch_at + geometry->n_shards * sizeof(struct sp_scratch);
    geometry->half_bytes =
        (((uint64_t)geometry->n_buckets * SP_BUCKET_WAYS + geometry->half_words) * sizeof(uint64_t) + 127) / 128 * 128;
    const uint64_t end = geometry->halves_at + 2 * geometry->n_shards * geometry->half_bytes;
    geometry->names_at = (end + page - 1) / page * page;
    geometry->bytes = geometry->names_at + SP_NAMES_BYTES;
    return true;
}

/* A mapped segment: its address and a private copy of its geometry. The parts, by number; numbers must be in range. */
struct sp_segment {
    struct sp_header *header;
    struct sp_geometry geometry;
};

static inline char *sp_segment_at(const struct sp_segment *segment, uint64_t offset)
{
    return (char *)segment->header + offset;
}

static inline _Atomic uint32_t *sp_segment_index(const struct sp_segment *segment)
{
    return (_Atomic uint32_t *)(void *)sp_segment_at(segment, segment->geometry.index_at);
}

/* The slot whose thread has the perf event of a descriptor below SP_PERF_FDS, or 0. */
static inline _Atomic uint32_t *sp_segment_fd(const struct sp_segment *segment, uint32_t fd)
{
    return (_Atomic uint32_t *)(void *)sp_segment_at(segment, segment->geometry.fds_at) + fd;
}

static inline struct sp_unwind_memory *sp_segment_unwind(const struct sp_segment *segment)
{
    return (struct sp_unwind_memory *)(void *)sp_segment_at(segment, segment->geometry.unwind_at);
}

/* How many slots are reserved: at most n_slots, whatever the host has written there. */
static inline uint32_t sp_segment_slots(const struct sp_segment *segment)
{
    const uint32_t ready = sp_load_acquire(&segment->header->slots_ready), n = segment->geometry.n_slots;
    return ready < n ? ready : n;
}

static inline struct sp_slot *sp_segment_slot(const struct sp_segment *segment, uint32_t slot)
{
    return (struct sp_slot *)(void *)sp_segment_at(segment, segment->geometry.slots_at) + slot;
}

static inline uint64_t *sp_segment_unloads(const struct sp_segment *segment)
{
    return (uint64_t *)(void *)sp_segment_at(segment, segment->geometry.unloads_at);
}

static inline struct sp_shard *sp_segment_shard(const struct sp_segment *segment, uint32_t shard)
{
    return (struct sp_shard *)(void *)sp_segment_at(segment, segment->geometry.shards_at) + shard;
}

static inline struct sp_scratch *sp_segment_scratch(const struct sp_segment *segment, uint32_t shard)
{
    return (struct sp_scratch *)(void *)sp_segment_at(segment, segment->geometry.scratch_at) + shard;
}

static inline char *sp_segment_names(const struct sp_segment *segment)
{
    return sp_segment_at(segment, segment->geometry.names_at);
}

/* The hash entries of a half: n_buckets × SP_BUCKET_WAYS words, each hash (high 32) | record position + 1, or 0. */
static inline uint64_t *sp_segment_buckets(const struct sp_segment *segment, uint32_t shard, uint32_t half)
{
    const uint64_t number = 2 * (uint64_t)shard + half;
    return (uint64_t *)(void *)sp_segment_at(segment,
                                             segment->geometry.halves_at + number * segment->geometry.half_bytes);
}

static inline uint64_t *sp_segment_records(const struct sp_segment *segment, uint32_t shard, uint32_t half)
{
    return sp_segment_buckets(segment, shard, half) + (uint64_t)segment->geometry.n_buckets * SP_BUCKET_WAYS;
}

/* The slot of thread `tid`, the lowest if there are several, or 0. Any context. */
static inline uint32_t sp_segment_find(const struct sp_segment *segment, int32_t tid)
{
    uint32_t found = 0;
    for (uint32_t probe = 0; probe < SP_INDEX_PROBE; probe++) {
        const uint32_t at = ((uint32_t)tid + probe) & (segment->geometry.n_index - 1);
        const uint32_t slot = sp_load_seq_cst(sp_segment_index(segment) + at);
        if (slot == 0 || slot >= sp_segment_slots(segment) || (found != 0 && slot > found))
            continue;
        if (sp_load_relaxed(&sp_segment_slot(segment, slot)->tid) == tid)
            found = slot;
    }
    return found;
}

/* A record's word 1. */
static inline uint64_t sp_record_slot(uint32_t slot, uint32_t generation)
{
    return (uint64_t)(generation & 0xffffff) << 24 | slot;
}

/* A record's word 2. */
static inline uint64_t sp_record_thread(int32_t tid, uint64_t epoch)
{
    return (uint32_t)tid | epoch << 32;
}

/* The fields of a record's words. */
static inline uint32_t sp_record_depth(uint64_t word0)
{
    return (uint32_t)(word0 >> 16) & 0xffff;
}

static inline uint32_t sp_record_kind(uint64_t word0)
{
    return (uint32_t)(word0 >> 8) & 0xff;
}

static inline uint32_t sp_record_end(uint64_t word0)
{
    return (uint32_t)word0 & 0xff;
}

#endif
