/*
 * The table of functions, and the list of threads.
 *
 * Place and context: see virtual_stacks.h.
 *
 * Functions stay known for the process's life, and have the same number in each session and in forked children. So the
 * table is kept in memory of our own, as the segment has it, and a segment gets a copy: of what is known when it is
 * made, and then of each function that is added.
 */
#include "session/virtual_stacks.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handler/entry.h"
#include "handler/raw_calls.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; headers of Debian 11 lack it */
#endif

enum { PAGE = 4096, BUCKETS = 1 << 14 }; /* there is room for 512 KiB / 32 bytes = 16384 functions at most */

static struct {
    /* The pid of who changes the table, or 0. A forked child takes the lock of a thread that it does not have. */
    _Atomic int32_t lock;
    char *names; /* SP_NAMES_BYTES; NULL: none yet */
    /* Bytes in use (low 32) and entries: one word, so that a child that was forked meanwhile sees both or none. */
    _Atomic uint64_t extent;
    _Atomic uint64_t refused;
    /* By hash of the entry: its number and its place in `names`; number 0: free. */
    struct {
        uint32_t number, at;
    } buckets[BUCKETS];
} table;

static void lock_table(void)
{
    const int32_t self = sp_raw_process_id();
    for (;;) {
        int32_t holder = sp_load_relaxed(&table.lock);
        if (holder != self && sp_cas_seq_cst(&table.lock, &holder, self))
            return;
        sched_yield();
    }
}

static void unlock_table(void)
{
    sp_store_release(&table.lock, 0);
}

/* An entry, taken together. */
struct entry {
    struct sp_function_name head;
    const char *name, *file;
};

static struct entry make_entry(const char *name, const char *file, uint32_t start_line)
{
    struct entry entry = {.name = name, .file = file != NULL ? file : ""};
    entry.head.start_line = start_line;
    entry.head.name_bytes = (uint16_t)strnlen(entry.name, SP_NAME_BYTES - 1);
    entry.head.file_bytes = (uint16_t)strnlen(entry.file, SP_NAME_BYTES - 1);
    const uint32_t bytes = (uint32_t)sizeof entry.head + entry.head.name_bytes + entry.head.file_bytes;
    entry.head.bytes = (bytes + 7) / 8 * 8;
    return entry;
}

static void write_entry(char *at, const struct entry *entry)
{
    memcpy(at, &entry->head, sizeof entry->head);
    memcpy(at + sizeof entry->head, entry->name, entry->head.name_bytes);
    memcpy(at + sizeof entry->head + entry->head.name_bytes, entry->file, entry->head.file_bytes);
}

static bool is_entry(const char *at, const struct entry *entry)
{
    return memcmp(at, &entry->head, sizeof entry->head) == 0 &&
           memcmp(at + sizeof entry->head, entry->name, entry->head.name_bytes) == 0 &&
           memcmp(at + sizeof entry->head + entry->head.name_bytes, entry->file, entry->head.file_bytes) == 0;
}

static uint32_t hash(const struct entry *entry)
{
    uint64_t hash = entry->head.start_line;
    for (uint32_t i = 0; i < entry->head.name_bytes; i++)
        hash = (hash ^ (unsigned char)entry->name[i]) * 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < entry->head.file_bytes; i++)
        hash = (hash ^ (unsigned char)entry->file[i]) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 40);
}

/* The bucket of an entry, or the free one where it would stand. There is always one, as no entry is below 32 bytes. */
static uint32_t find_bucket(const struct entry *entry)
{
    uint32_t bucket = hash(entry) % BUCKETS;
    while (table.buckets[bucket].number != 0 && !is_entry(table.names + table.buckets[bucket].at, entry))
        bucket = (bucket + 1) % BUCKETS;
    return bucket;
}

static uint32_t used_bytes(void)
{
    return (uint32_t)sp_load_acquire(&table.extent);
}

/*
 * The pages are made present first: where there is no memory, functions are without names in this session, and the
 * program goes on.
 */
void sp_virtual_fill_names(const struct sp_segment *segment)
{
    char *names = sp_segment_names(segment);
    const uint64_t used = used_bytes(), told = sp_load_relaxed(&segment->header->names_used),
                   first = told / PAGE * PAGE;
    sp_store_relaxed(&segment->header->names_refused, sp_load_relaxed(&table.refused));
    if (told >= used || (madvise(names + first, used - first, MADV_POPULATE_WRITE) != 0 && errno != EINVAL))
        return;
    memcpy(names + told, table.names + told, used - told);
    sp_store_release(&segment->header->names_used, used);
}

/* Into the segment of the session that runs, if one does: the next one begins with all of them. */
static void tell_session(void)
{
    uint32_t stripe;
    if (!sp_handler_enter(&stripe))
        return;
    sp_virtual_fill_names(&sp_handler.segment);
    sp_handler_leave(stripe);
}

static bool has_table(void)
{
    if (table.names != NULL)
        return true;
    void *at = mmap(NULL, SP_NAMES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return false;
    table.names = at;
    return true;
}

static uint32_t add_entry(const struct entry *entry, uint32_t bucket)
{
    const uint64_t extent = sp_load_relaxed(&table.extent);
    const uint32_t used = (uint32_t)extent, number = (uint32_t)(extent >> 32) + 1;
    if (SP_NAMES_BYTES - used < entry->head.bytes || number >= BUCKETS) {
        sp_add_relaxed(&table.refused, (uint64_t)1);
        tell_session();
        return 0;
    }
    write_entry(table.names + used, entry);
    sp_store_release(&table.extent, (uint64_t)number << 32 | (used + entry->head.bytes));
    table.buckets[bucket].at = used;
    table.buckets[bucket].number = number;
    tell_session();
    return number;
}

uint32_t sp_virtual_function(const char *name, const char *file, uint32_t start_line)
{
    if (name == NULL || name[0] == '\0')
        return 0;
    const int saved = errno;
    const struct entry entry = make_entry(name, file, start_line);
    uint32_t number = 0;
    lock_table();
    if (has_table()) {
        const uint32_t bucket = find_bucket(&entry);
        number = table.buckets[bucket].number != 0 ? table.buckets[bucket].number : add_entry(&entry, bucket);
    }
    unlock_table();
    errno = saved;
    return number;
}

void sp_virtual_names_told(void)
{
    lock_table();
    tell_session();
    unlock_table();
}

/* The calling thread's place in the list; a forked child's thread has another tid than its parent's. */
static __thread struct sp_virtual_thread *own_place __attribute__((tls_model("initial-exec")));

static pthread_key_t end_key;
static bool has_end_key;

static void give_up_place(void *place)
{
    struct sp_virtual_thread *thread = place;
    sp_store_relaxed(&thread->stack, NULL);
    sp_store_release(&thread->tid, 0);
    own_place = NULL;
}

/* The only thread of a child: the others' places are free, and its own is under its tid. */
static void begin_child(void)
{
    const int32_t tid = sp_raw_thread_id();
    const struct sp_virtual_stack *stack = own_place != NULL ? sp_load_relaxed(&own_place->stack) : NULL;
    if (sp_load_relaxed(&sp_virtual_threads.is_used) == 0)
        return;
    for (uint32_t i = 0; i < SP_VIRTUAL_THREADS; i++)
        if (sp_load_relaxed(&sp_virtual_threads.at[i].tid) != 0)
            sp_store_relaxed(&sp_virtual_threads.at[i].tid, 0);
    if (own_place == NULL)
        return;
    own_place = &sp_virtual_threads.at[(uint32_t)tid % SP_VIRTUAL_THREADS];
    sp_store_relaxed(&own_place->stack, stack);
    sp_store_release(&own_place->tid, tid);
    if (has_end_key)
        pthread_setspecific(end_key, own_place);
}

static void prepare(void)
{
    has_end_key = pthread_key_create(&end_key, give_up_place) == 0;
    pthread_atfork(NULL, NULL, begin_child);
}

static int take_place(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
    const int32_t tid = sp_raw_thread_id();
    for (uint32_t probe = 0; probe < SP_VIRTUAL_PROBES; probe++) {
        struct sp_virtual_thread *thread = &sp_virtual_threads.at[((uint32_t)tid + probe) % SP_VIRTUAL_THREADS];
        int32_t nobody = 0;
        if (!sp_cas_seq_cst(&thread->tid, &nobody, tid))
            continue;
        own_place = thread;
        sp_store_relaxed(&sp_virtual_threads.is_used, 1u);
        if (has_end_key)
            pthread_setspecific(end_key, thread);
        return 0;
    }
    return -ENOSPC;
}

int sp_virtual_attach(const struct sp_virtual_stack *stack)
{
    if (own_place == NULL && stack != NULL) {
        const int error = take_place();
        if (error != 0)
            return error;
    }
    if (own_place != NULL)
        sp_store_release(&own_place->stack, stack);
    return 0;
}
