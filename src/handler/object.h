/*
 * Which loaded object an address is in, and where its unwind tables are.
 *
 * Place: handler, below unwind. Context: signal handler, except where noted; any number of calls overlap.
 *
 * glibc from 2.35 on tells by _dl_find_object, which is async-signal-safe. Elsewhere, and in static programs, of which
 * that knows only the code, there is a list that ordinary code publishes (session/object_list.c).
 */
#ifndef SIGPROF_HANDLER_OBJECT_H
#define SIGPROF_HANDLER_OBJECT_H

#include "handler/cfi.h"
#include "handler/loader.h"
#include "handler/segment.h"

#pragma GCC visibility push(hidden)

enum { SP_LASTING_OBJECTS = 64 };

struct sp_object {
    uintptr_t low, high;     /* where it is loaded: [low, high) */
    struct sp_tables tables; /* header and frames 0: it has none that can be used */
    uint64_t identity;       /* of what is loaded there; well mixed */
};

static inline bool sp_object_has(const struct sp_object *object, uintptr_t address)
{
    return address - object->low < object->high - object->low;
}

/*
 * The object that holds `address`. False when there is none: code made at run time, or no code at all. That the tables
 * can be read has been made sure; `memory`, which may be NULL, keeps what was found.
 *
 * The identity is made of the addresses, the first bytes of .eh_frame_hdr (which tell how many entries there are and
 * where the first is), and a count of dlclose calls: so of two objects that are loaded at one place, one after the
 * other, neither is taken for the other, and one that stays has the same identity each time.
 */
bool sp_object_find(uintptr_t address, struct sp_unwind_memory *memory, struct sp_loader *loader,
                    struct sp_object *object);

/*
 * The object of `address` is never unloaded: it is found by its place alone from now on, and its rules outlive every
 * dlclose. Ordinary code, before handlers walk; those beyond SP_LASTING_OBJECTS are found as all others are.
 */
void sp_objects_keep(uintptr_t address);

/* An object is going to be unloaded, or has been: a new epoch begins, and is returned. Any thread. */
uint64_t sp_objects_changed(void);

/* The epoch (struct sp_unload_log). Any context. */
uint64_t sp_objects_epoch(void);

/* Objects, sorted by address. */
struct sp_object_list {
    uint32_t n;
    struct sp_listed_object {
        uintptr_t low, high;
        struct sp_tables tables;
    } at[];
};

/* Whether the C library tells of the object that holds `address`, and of its tables: then no list is needed. Any
 * thread. */
bool sp_objects_are_told(uintptr_t address);

/* Publishes `list` for handlers that begin from now on, and returns the one before. Any thread. NULL: none. */
const struct sp_object_list *sp_objects_publish(const struct sp_object_list *list);

#pragma GCC visibility pop

#endif
