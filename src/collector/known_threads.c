/*
 * Known threads, by key; and their names, from the slot or from /proc.
 *
 * Place: collector. Context: ordinary code, one thread at a time. The slot's memory belongs to another process, which
 * may change it while it is read: it is copied first, and the copy is ended by force.
 */
#include "collector/known_threads.h"

#include <stdlib.h>
#include <string.h>

#include "collector/proc_files.h"

/* So long a thread may take from its last record to its end. */
static const int64_t last_steps_ns = 1000000000;

/* The words of a key. */
enum { SLOT_BITS = 24, SLOT_MASK = 0xffffff, RETURN_SHIFT = 48 };

static size_t home_of(const struct sp_known_threads *threads, struct sp_thread_key key)
{
    const uint64_t mixed =
        ((uint64_t)(uint32_t)key.tid ^ key.slot_generation << 20 ^ key.slot_generation >> 44) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 32) & (threads->table_size - 1);
}

static void enter(struct sp_known_threads *threads, size_t position)
{
    size_t at = home_of(threads, threads->known.at[position].key);
    while (threads->table[at] != 0)
        at = (at + 1) & (threads->table_size - 1);
    threads->table[at] = (uint32_t)position + 1;
}

static void enter_all(struct sp_known_threads *threads)
{
    memset(threads->table, 0, threads->table_size * sizeof *threads->table);
    for (size_t i = 0; i < threads->known.n; i++)
        enter(threads, i);
}

/* Doubles both the list and its table, which is at most half full. */
static bool grow(struct sp_known_threads *threads)
{
    const size_t capacity = threads->known.capacity == 0 ? 64 : 2 * threads->known.capacity;
    struct sp_known_thread *known = reallocarray(threads->known.at, capacity, sizeof *known);
    if (known == NULL)
        return false;
    threads->known.at = known;
    uint32_t *table = reallocarray(threads->table, 2 * capacity, sizeof *table);
    if (table == NULL)
        return false;
    threads->table = table;
    threads->table_size = 2 * capacity;
    threads->known.capacity = capacity;
    enter_all(threads);
    return true;
}

static struct sp_known_thread *find(const struct sp_known_threads *threads, struct sp_thread_key key)
{
    if (threads->table_size == 0)
        return NULL;
    for (size_t at = home_of(threads, key); threads->table[at] != 0; at = (at + 1) & (threads->table_size - 1)) {
        struct sp_known_thread *known = &threads->known.at[threads->table[at] - 1];
        if (known->key.tid == key.tid && known->key.slot_generation == key.slot_generation)
            return known;
    }
    return NULL;
}

static struct sp_known_thread *add(struct sp_known_threads *threads, struct sp_thread_key key)
{
    if (threads->known.n == threads->known.capacity && !grow(threads))
        return NULL;
    struct sp_known_thread *known = &threads->known.at[threads->known.n];
    *known = (struct sp_known_thread){.key = key};
    enter(threads, threads->known.n++);
    return known;
}

/* The key under which the thread is known, or would be. */
static struct sp_thread_key resolve(const struct sp_known_threads *threads, struct sp_thread_key key)
{
    if ((key.slot_generation & SLOT_MASK) != 0)
        return key;
    key.slot_generation = 0;
    for (const struct sp_known_thread *known = find(threads, key); known != NULL && known->ended_ns != 0;
         known = find(threads, key))
        key.slot_generation += (uint64_t)1 << RETURN_SHIFT; /* the tid has come back */
    return key;
}

struct sp_known_thread *sp_known_thread_find(const struct sp_known_threads *threads, struct sp_thread_key key)
{
    return find(threads, resolve(threads, key));
}

struct sp_known_thread *sp_known_thread(struct sp_known_threads *threads, struct sp_thread_key key)
{
    key = resolve(threads, key);
    struct sp_known_thread *known = find(threads, key);
    return known != NULL ? known : add(threads, key);
}

struct sp_known_thread *sp_known_thread_now(struct sp_known_threads *threads, const struct sp_segment *segment,
                                            int32_t tid)
{
    const uint32_t slot = sp_segment_find(segment, tid);
    struct sp_thread_key key = {.tid = tid};
    if (slot != 0) {
        const uint32_t generation = sp_load_acquire(&sp_segment_slot(segment, slot)->generation) & SLOT_MASK;
        key.slot_generation = (uint64_t)generation << SLOT_BITS | slot;
    }
    return sp_known_thread(threads, key);
}

void sp_known_thread_settle(struct sp_known_threads *threads, struct sp_known_thread *thread, uint64_t since_ns,
                            uint64_t clock_ns, int64_t now_ns)
{
    thread->since_ns = since_ns;
    thread->clock_ns = clock_ns;
    thread->ended_ns = threads->settled_ns = now_ns;
    thread->is_settled = true;
    thread->asked_ns = 0; /* the slot has its last name */
}

void sp_known_thread_end_slotless(struct sp_known_threads *threads, int32_t tid, uint64_t until_ns, int64_t now_ns)
{
    struct sp_known_thread *slotless = sp_known_thread_find(threads, (struct sp_thread_key){.tid = tid});
    if (slotless == NULL || slotless->ended_ns != 0)
        return;
    if (slotless->clock_ns > until_ns)
        slotless->clock_ns = until_ns;
    slotless->ended_ns = now_ns;
}

bool sp_known_threads_has_settled(const struct sp_known_threads *threads, int32_t tid, int64_t now_ns)
{
    if (threads->settled_ns == 0 || now_ns - threads->settled_ns > last_steps_ns)
        return false;
    for (size_t i = 0; i < threads->known.n; i++) {
        const struct sp_known_thread *known = &threads->known.at[i];
        if (known->key.tid == tid && known->is_settled && now_ns - known->ended_ns <= last_steps_ns)
            return true;
    }
    return false;
}

const struct sp_slot *sp_known_thread_slot(const struct sp_known_thread *thread, const struct sp_segment *segment)
{
    const uint32_t slot = (uint32_t)thread->key.slot_generation & SLOT_MASK;
    const uint32_t generation = (uint32_t)(thread->key.slot_generation >> SLOT_BITS) & SLOT_MASK;
    if (slot == 0 || slot >= sp_segment_slots(segment))
        return NULL;
    const struct sp_slot *at = sp_segment_slot(segment, slot);
    return (sp_load_acquire(&at->generation) & SLOT_MASK) == generation ? at : NULL;
}

/* Copies the name that the thread left in its slot: whether there was one. */
static bool read_slot(const struct sp_slot *slot, char name[SP_THREAD_NAME_BYTES + 1])
{
    if (slot == NULL)
        return false;
    memcpy(name, slot->name, SP_THREAD_NAME_BYTES);
    name[SP_THREAD_NAME_BYTES] = '\0';
    return name[0] != '\0';
}

uint32_t sp_known_thread_name(struct sp_known_thread *thread, const struct sp_segment *segment, pid_t pid,
                              int64_t now_ns, struct sp_profile *profile)
{
    char text[SP_THREAD_NAME_BYTES + 1];
    if (thread->asked_ns == now_ns)
        return thread->name;
    thread->asked_ns = now_ns;
    if (read_slot(sp_known_thread_slot(thread, segment), text) ||
        sp_proc_thread_name(pid, thread->key.tid, text, sizeof text))
        thread->name = sp_profile_string(profile, text);
    return thread->name;
}

uint64_t sp_known_thread_kernel_ns(const struct sp_known_thread *thread)
{
    return thread->clock_ns > thread->since_ns ? thread->clock_ns - thread->since_ns : 0;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

uint64_t sp_known_thread_recorded_ns(const struct sp_known_thread *thread, uint64_t period_ns)
{
    return times(thread->weight, period_ns);
}

uint64_t sp_known_thread_filtered_ns(const struct sp_known_thread *thread, uint64_t period_ns)
{
    return times(thread->filtered, period_ns);
}

bool sp_known_thread_is_brief(const struct sp_known_thread *thread, const struct sp_segment *segment)
{
    if ((thread->key.slot_generation & SLOT_MASK) == 0 || thread->is_settled || thread->weight > 0 ||
        thread->filtered > 0 || sp_known_thread_kernel_ns(thread) > segment->geometry.period_ns)
        return false;
    const struct sp_slot *slot = sp_known_thread_slot(thread, segment);
    return slot == NULL || sp_load_acquire(&slot->state) != SP_SLOT_LIVE;
}

void sp_known_threads_keep(struct sp_known_threads *threads,
                           bool (*is_kept)(void *user, const struct sp_known_thread *thread), void *user)
{
    size_t n = 0;
    for (size_t i = 0; i < threads->known.n; i++)
        if (is_kept(user, &threads->known.at[i]))
            threads->known.at[n++] = threads->known.at[i];
    if (n == threads->known.n)
        return;
    threads->known.n = n;
    enter_all(threads);
}

void sp_known_threads_done(struct sp_known_threads *threads)
{
    free(threads->known.at);
    free(threads->table);
    *threads = (struct sp_known_threads){0};
}
