/*
 * Thread names by slot and by /proc.
 *
 * Place: collector. Context: ordinary code, one thread at a time. The slot's memory belongs to another process, which
 * may change it while it is read: it is copied first, and the copy is ended by force.
 */
#include "collector/thread_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t ask_again_ns = 1000000000;

static size_t home_of(const struct sp_thread_names *names, struct sp_thread_key key)
{
    const uint64_t mixed = ((uint64_t)(uint32_t)key.tid ^ key.slot_generation << 20) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 32) & (names->table_size - 1);
}

static void enter(struct sp_thread_names *names, uint32_t position)
{
    size_t at = home_of(names, names->known.at[position].key);
    while (names->table[at] != 0)
        at = (at + 1) & (names->table_size - 1);
    names->table[at] = position + 1;
}

/* Doubles both the list and its table, which is at most half full. */
static bool grow(struct sp_thread_names *names)
{
    const size_t capacity = names->known.capacity == 0 ? 64 : 2 * names->known.capacity;
    struct sp_known_thread *known = reallocarray(names->known.at, capacity, sizeof *known);
    if (known == NULL)
        return false;
    names->known.at = known;
    uint32_t *table = calloc(2 * capacity, sizeof *table);
    if (table == NULL)
        return false;
    free(names->table);
    names->table = table;
    names->table_size = 2 * capacity;
    names->known.capacity = capacity;
    for (uint32_t i = 0; i < names->known.n; i++)
        enter(names, i);
    return true;
}

static struct sp_known_thread *find(const struct sp_thread_names *names, struct sp_thread_key key)
{
    if (names->table_size == 0)
        return NULL;
    for (size_t at = home_of(names, key); names->table[at] != 0; at = (at + 1) & (names->table_size - 1)) {
        struct sp_known_thread *known = &names->known.at[names->table[at] - 1];
        if (known->key.tid == key.tid && known->key.slot_generation == key.slot_generation)
            return known;
    }
    return NULL;
}

/* Copies the name that the thread left in its slot, if the slot is still its: whether there was one. */
static bool read_slot(const struct sp_segment *segment, struct sp_thread_key key, char name[SP_THREAD_NAME_BYTES + 1])
{
    const uint32_t slot = (uint32_t)key.slot_generation & 0xffffff;
    const uint32_t generation = (uint32_t)(key.slot_generation >> 24) & 0xffffff;
    if (slot == 0 || slot >= segment->geometry.n_slots)
        return false;
    const struct sp_slot *at = sp_segment_slot(segment, slot);
    if ((sp_load_acquire(&at->generation) & 0xffffff) != generation)
        return false;
    memcpy(name, at->name, SP_THREAD_NAME_BYTES);
    name[SP_THREAD_NAME_BYTES] = '\0';
    return name[0] != '\0';
}

static bool read_proc(pid_t pid, int32_t tid, char name[SP_THREAD_NAME_BYTES + 1])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", (int)pid, (int)tid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, name, SP_THREAD_NAME_BYTES);
    close(fd);
    if (got <= 0)
        return false;
    name[got] = '\0';
    name[strcspn(name, "\n")] = '\0';
    return true;
}

uint32_t sp_thread_name(struct sp_thread_names *names, const struct sp_segment *segment, pid_t pid,
                        struct sp_thread_key key, int64_t now_ns, struct sp_profile *profile, bool *is_new)
{
    char text[SP_THREAD_NAME_BYTES + 1];
    struct sp_known_thread *known = find(names, key);
    *is_new = known == NULL;
    if (known != NULL && now_ns - known->asked_ns < ask_again_ns)
        return known->name;
    if (known == NULL) {
        if (names->known.n == names->known.capacity && !grow(names))
            return 0;
        known = &names->known.at[names->known.n];
        *known = (struct sp_known_thread){.key = key};
        enter(names, (uint32_t)names->known.n++);
    }
    known->asked_ns = now_ns;
    if (read_slot(segment, key, text) || read_proc(pid, key.tid, text))
        known->name = sp_profile_string(profile, text);
    return known->name;
}

void sp_thread_names_done(struct sp_thread_names *names)
{
    free(names->known.at);
    free(names->table);
    *names = (struct sp_thread_names){0};
}
