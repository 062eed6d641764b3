/*
 * The objects that may be unloaded, as they were when they were last listed.
 *
 * Place and context: see loaded_objects.h. Those that the program was started with are never unloaded and not kept.
 *
 * What is certain of an object, in epochs: it was there at the last listing that had it, and it is not there when a
 * listing does not have it. In between, what another thread has loaded may have come to its place. Then it is listed
 * there now; or it has gone again, and by the dynamic linker's count more was unloaded than is missing: what goes by
 * dlclose is listed before; or it has come between the listing and the next epoch's beginning, and the count of what
 * was loaded is another then. If so, that interval is contested. Otherwise it is the object's own, with its
 * destructors.
 *
 * A lock keeps threads apart. Its holder waits for nobody but, shortly, for the dynamic linker, which calls nothing of
 * ours while it has the lock that dl_iterate_phdr(3) takes. Who does not get it in time gives up, and that is told.
 */
#include "session/loaded_objects.h"

#include <errno.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>

#include "handler/entry.h"
#include "handler/object.h"
#include "session/unload_log.h"
#include "util/elf_notes.h"

enum { OBJECTS = 1024, LOCK_YIELDS = 64, LOCK_TRIES = 20000 /* at least 2 s */ };

struct loaded {
    uintptr_t base;
    uint64_t name_hash; /* of the dynamic linker's name for it */
    bool is_found;      /* by the listing that goes on */
    struct sp_unloaded_object object;
};

static struct {
    _Atomic uint32_t lock;
    struct loaded *at; /* room for OBJECTS, made with the first listing */
    uint32_t n;
    bool is_listed;
    bool is_incomplete;         /* there are more objects, or some with more parts, than there is room for */
    uint64_t adds, subs, epoch; /* at the last listing */
    char path[PATH_MAX];
} the;

/* A listing that goes on. */
struct listing {
    uint64_t adds, subs;
    uint32_t cursor; /* where the next object probably is: the order does not change */
    uint32_t n_before;
    bool is_past_linker;
};

static uint64_t hash_name(const char *name)
{
    uint64_t hash = 0;
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 0x9e3779b97f4a7c15u;
    return hash;
}

static void add_part(struct sp_unloaded_object *object, uintptr_t base, const ElfW(Phdr) * part)
{
    const uint64_t page = getauxval(AT_PAGESZ);
    if (object->n_parts == SP_UNLOAD_PARTS) {
        the.is_incomplete = true;
        return;
    }
    object->parts[object->n_parts++] =
        (struct sp_unloaded_part){.start = (base + part->p_vaddr) & ~(page - 1),
                                  .limit = (base + part->p_vaddr + part->p_filesz + page - 1) & ~(page - 1),
                                  .file_offset = part->p_offset & ~(page - 1)};
}

/* Notes that are loaded to be read. */
static bool are_readable(const struct dl_phdr_info *info, const ElfW(Phdr) * notes)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_R) != 0 && notes->p_vaddr >= part->p_vaddr &&
            notes->p_vaddr - part->p_vaddr <= part->p_filesz &&
            notes->p_filesz <= part->p_filesz - (notes->p_vaddr - part->p_vaddr))
            return true;
    }
    return false;
}

static void find_build_id(const struct dl_phdr_info *info, const ElfW(Phdr) * notes, struct sp_unloaded_object *object)
{
    uint32_t n;
    if (object->build_id_bytes != 0 || !are_readable(info, notes))
        return;
    const uint8_t *at = (const uint8_t *)(info->dlpi_addr + notes->p_vaddr);
    const uint8_t *id = sp_find_build_id(at, notes->p_filesz, SP_BUILD_ID_BYTES, &n);
    if (id == NULL)
        return;
    memcpy(object->build_id, id, n);
    object->build_id_bytes = n;
}

/* All but the path, which costs more. */
static void describe(const struct dl_phdr_info *info, struct loaded *loaded)
{
    *loaded = (struct loaded){.base = info->dlpi_addr, .name_hash = hash_name(info->dlpi_name), .is_found = true};
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0)
            add_part(&loaded->object, info->dlpi_addr, part);
        else if (part->p_type == PT_NOTE)
            find_build_id(info, part, &loaded->object);
    }
}

/* What the dynamic linker calls it, for find_path. */
static void keep_name(const char *name, struct sp_unloaded_object *object)
{
    const size_t n = strlen(name);
    if (object->build_id_bytes > 0 && n < sizeof object->path)
        memcpy(object->path, name, n + 1);
}

/*
 * Makes of its name a path as the kernel would have it. Without a build id nothing could tell that the file was
 * replaced since; then the path is not said, and the collector goes by what it has seen in the process's mappings.
 */
static void find_path(struct sp_unloaded_object *object)
{
    const bool is_there = realpath(object->path, the.path) != NULL;
    const bool is_deleted = !is_there && errno == ENOENT && object->path[0] == '/';
    const char *path = is_there ? the.path : object->path, *tail = is_deleted ? " (deleted)" : "";
    const size_t n = strlen(path), n_tail = strlen(tail);
    if ((!is_there && !is_deleted) || n + n_tail >= sizeof object->path) {
        object->path[0] = '\0';
        return;
    }
    memmove(object->path, path, n);
    memcpy(object->path + n, tail, n_tail + 1);
}

static bool is_same(const struct loaded *a, const struct loaded *b)
{
    return a->base == b->base && a->name_hash == b->name_hash && a->object.n_parts == b->object.n_parts &&
           a->object.build_id_bytes == b->object.build_id_bytes &&
           memcmp(a->object.parts, b->object.parts, sizeof a->object.parts) == 0 &&
           memcmp(a->object.build_id, b->object.build_id, sizeof a->object.build_id) == 0;
}

/* The place in the list of an object that was there at the last listing, or the.n. */
static uint32_t find(const struct loaded *wanted, uint32_t from)
{
    for (uint32_t i = 0; i < the.n; i++) {
        const uint32_t at = from + i < the.n ? from + i : from + i - the.n;
        if (!the.at[at].is_found && is_same(&the.at[at], wanted))
            return at;
    }
    return the.n;
}

static bool is_linker(const struct dl_phdr_info *info)
{
    return info->dlpi_addr != 0 && info->dlpi_addr == getauxval(AT_BASE);
}

static int list_object(struct dl_phdr_info *info, size_t bytes, void *user)
{
    struct listing *listing = user;
    struct loaded loaded;
    (void)bytes;
    listing->adds = info->dlpi_adds;
    listing->subs = info->dlpi_subs;
    if (!listing->is_past_linker) {
        listing->is_past_linker = is_linker(info);
        return 0;
    }
    describe(info, &loaded);
    const uint32_t at = find(&loaded, listing->cursor);
    listing->cursor = at + 1;
    if (at < the.n) {
        the.at[at].is_found = true;
    } else if (the.n == OBJECTS) {
        the.is_incomplete = true;
    } else {
        keep_name(info->dlpi_name, &loaded.object);
        the.at[the.n++] = loaded;
    }
    return 0;
}

static bool overlap(const struct sp_unloaded_object *a, const struct sp_unloaded_object *b)
{
    for (uint32_t i = 0; i < a->n_parts; i++)
        for (uint32_t k = 0; k < b->n_parts; k++)
            if (a->parts[i].start < b->parts[k].limit && b->parts[k].start < a->parts[i].limit)
                return true;
    return false;
}

/* Whether something that this listing has and the last one has not is where `missing` was. */
static bool is_taken(const struct sp_unloaded_object *missing, const struct listing *listing)
{
    for (uint32_t i = listing->n_before; i < the.n; i++)
        if (overlap(missing, &the.at[i].object))
            return true;
    return false;
}

static uint32_t count_missing(void)
{
    uint32_t missing = 0;
    for (uint32_t i = 0; i < the.n; i++)
        missing += !the.at[i].is_found;
    return missing;
}

static bool make_room(void)
{
    if (the.at != NULL)
        return true;
    void *made = mmap(NULL, OBJECTS * sizeof *the.at, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made != MAP_FAILED)
        the.at = made;
    return made != MAP_FAILED;
}

static int read_counts(struct dl_phdr_info *info, size_t bytes, void *user)
{
    struct listing *listing = user;
    (void)bytes;
    listing->adds = info->dlpi_adds;
    listing->subs = info->dlpi_subs;
    return 1;
}

static void begin_epoch(const struct sp_segment *segment)
{
    sp_store_release(&segment->header->unloads.epoch, sp_objects_changed());
}

static void count(struct listing *listing)
{
    dl_iterate_phdr(read_counts, listing);
}

static enum sp_unload_kind kind_of(const struct loaded *missing, const struct listing *listing, bool is_sure)
{
    return is_sure && !is_taken(&missing->object, listing) ? SP_UNLOAD_GONE : SP_UNLOAD_CONTESTED;
}

/* It is not there in the epoch that begins now; what is loaded until then is not in the listing. */
static void tell_missing(const struct sp_segment *segment, const struct listing *listing)
{
    struct listing later;
    const bool is_complete = !the.is_incomplete && listing->subs - the.subs == count_missing();
    begin_epoch(segment);
    count(&later);
    const uint64_t until = sp_objects_epoch();
    for (uint32_t i = 0; i < the.n; i++)
        if (!the.at[i].is_found)
            sp_unload_log_write(segment, &the.at[i].object,
                                kind_of(&the.at[i], listing, is_complete && later.adds == listing->adds), the.epoch,
                                until);
}

static void tell_new(const struct sp_segment *segment, const struct listing *listing, uint64_t epoch)
{
    for (uint32_t i = listing->n_before; i < the.n; i++)
        sp_unload_log_write(segment, &the.at[i].object, SP_UNLOAD_PRESENT, epoch, epoch + 1);
}

static void drop_missing(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < the.n; i++)
        if (the.at[i].is_found && kept++ != i)
            the.at[kept - 1] = the.at[i];
    the.n = kept;
}

/* Lists all and tells what is different from the last listing. */
static void list_anew(const struct sp_segment *segment, struct listing *listing)
{
    const uint64_t epoch = sp_objects_epoch();
    for (uint32_t i = 0; i < the.n; i++)
        the.at[i].is_found = false;
    dl_iterate_phdr(list_object, listing);
    for (uint32_t i = listing->n_before; i < the.n; i++) /* file systems may be slow: without the linker's lock */
        find_path(&the.at[i].object);
    the.is_incomplete |= !listing->is_past_linker;
    if (count_missing() > 0)
        tell_missing(segment, listing);
    tell_new(segment, listing, epoch);
    drop_missing();
    if (the.is_incomplete && listing->subs != the.subs)
        sp_unload_log_give_up(segment, sp_objects_epoch() + 1);
    the.adds = listing->adds;
    the.subs = listing->subs;
    the.is_listed = true;
}

static void list(const struct sp_segment *segment)
{
    struct listing listing = {.n_before = the.n};
    const uint64_t epoch = sp_objects_epoch();
    count(&listing);
    if (!the.is_listed || listing.adds != the.adds || listing.subs != the.subs)
        list_anew(segment, &listing);
    the.epoch = epoch;
}

/* Its holder is quick, but may have lost its CPU. */
static bool take_lock(void)
{
    const struct timespec pause = {.tv_nsec = 100000};
    for (unsigned tries = 0; sp_exchange_acquire(&the.lock, 1u) != 0; tries++) {
        if (tries == LOCK_TRIES)
            return false;
        if (tries < LOCK_YIELDS)
            sched_yield();
        else
            nanosleep(&pause, NULL);
    }
    return true;
}

/* A listing, with another epoch before it or behind it. False: there was none. */
static bool list_and_begin_epoch(const struct sp_segment *segment, bool is_epoch_first)
{
    const bool has_lock = take_lock();
    const bool is_able = has_lock && make_room();
    if (is_epoch_first)
        begin_epoch(segment);
    if (is_able)
        list(segment);
    if (!is_epoch_first)
        begin_epoch(segment);
    if (has_lock)
        sp_store_release(&the.lock, 0u);
    return is_able;
}

/* A number that no other session has, of this process or of one that it was forked from. */
static uint64_t session_number(void)
{
    return (uint64_t)(uint32_t)sp_load_relaxed(&sp_handler.pid) << 32 | sp_handler.generation;
}

void sp_closing_begin(struct sp_closing *closing)
{
    uint32_t stripe;
    const int saved = errno;
    *closing = (struct sp_closing){.is_open = false};
    if (sp_handler_enter(&stripe)) {
        const struct sp_segment *segment = &sp_handler.segment;
        sp_add_seq_cst(&segment->header->unloads.open, 1u);
        *closing = (struct sp_closing){
            .is_open = true, .session = session_number(), .is_blind = !list_and_begin_epoch(segment, true)};
        sp_handler_leave(stripe);
    } else {
        sp_objects_changed();
    }
    errno = saved;
}

/* What was not listed, before or behind, is not known to be unloaded. Of one that began in another session, neither. */
void sp_closing_end(const struct sp_closing *closing)
{
    uint32_t stripe;
    const int saved = errno;
    if (sp_handler_enter(&stripe)) {
        const struct sp_segment *segment = &sp_handler.segment;
        const bool is_of_session = closing->is_open && closing->session == session_number();
        if (!list_and_begin_epoch(segment, false) || closing->is_blind || !is_of_session)
            sp_unload_log_give_up(segment, sp_objects_epoch());
        if (is_of_session)
            sp_sub_release(&segment->header->unloads.open, 1u);
        sp_handler_leave(stripe);
    } else {
        sp_objects_changed();
    }
    errno = saved;
}

void sp_loaded_objects_start(void)
{
    struct sp_unload_log *log = &sp_handler.segment.header->unloads;
    the.n = 0;
    the.is_listed = the.is_incomplete = false;
    sp_store_relaxed(&log->first_epoch, sp_objects_epoch());
    sp_store_release(&log->epoch, sp_objects_epoch());
}

void sp_loaded_objects_in_child(void)
{
    sp_store_relaxed(&the.lock, 0u);
    the.n = 0;
    the.is_listed = false;
}
