/*
 * One walk over a unit's entries. See dwarf_functions.h for the place and the picture.
 *
 * Entries are met parents first, so an address gets its function, then the calls inlined there from the outermost to
 * the innermost.
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/dwarf_functions.h"

#include "symbolize/symbol_source.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

/* Entries in entries. Real code has a few of these to each inlined call. */
#define DEPTH_MAX 256
/* How many entries may claim an address, in the mean over a unit; beyond that the file is hostile. */
#define CLAIMS_PER_WANT (4 * SP_FRAMES_MAX)
#define NO_SCOPE UINT32_MAX

struct walk {
    struct sp_dwarf_functions *functions;
    struct sp_dwarf_entries entries;
    const struct sp_elf_image *image;
    struct sp_dwarf_want *wants;
    size_t n;
    uint64_t *work;
    size_t claims_left;
    bool is_thorough; /* also looks into functions and types without any of the addresses */
    int error;
};

/* Where in the tree an entry is. */
struct place {
    uint32_t owner; /* the scope of the function around it, NO_SCOPE where no address is in it */
    uint32_t level; /* of an inlined call here */
};

/* Adds an entry as a scope. Returns its index, or NO_SCOPE. */
static uint32_t add_scope(struct walk *walk, uint64_t offset)
{
    struct sp_dwarf_functions *functions = walk->functions;
    if (functions->n_scopes == functions->scopes_capacity) {
        size_t larger = functions->scopes_capacity ? 2 * functions->scopes_capacity : 64;
        uint64_t *moved = larger < NO_SCOPE ? reallocarray(functions->scopes, larger, sizeof(*moved)) : NULL;
        if (!moved) {
            walk->error = -ENOMEM;
            return NO_SCOPE;
        }
        functions->scopes = moved;
        functions->scopes_capacity = larger;
    }
    functions->scopes[functions->n_scopes] = offset;
    return (uint32_t)functions->n_scopes++;
}

static void add_node(struct walk *walk, struct sp_dwarf_want *want, const struct sp_dwarf_node *node)
{
    struct sp_dwarf_functions *functions = walk->functions;
    if (functions->n_nodes == functions->nodes_capacity) {
        size_t larger = functions->nodes_capacity ? 2 * functions->nodes_capacity : 64;
        struct sp_dwarf_node *moved =
            larger < SP_DWARF_NO_NODE ? reallocarray(functions->nodes, larger, sizeof(*moved)) : NULL;
        if (!moved) {
            walk->error = -ENOMEM;
            return;
        }
        functions->nodes = moved;
        functions->nodes_capacity = larger;
    }
    functions->nodes[functions->n_nodes] = *node;
    want->top = (uint32_t)functions->n_nodes++;
}

/* Puts a scope over an address, if its function is the one there: the first that claims it has it. */
static bool claim(struct walk *walk, struct sp_dwarf_want *want, uint32_t scope, const struct place *place)
{
    const struct sp_dwarf_node *nodes = walk->functions->nodes;
    struct sp_dwarf_node node = {.scope = scope, .next = want->top, .level = place->level, .owner = place->owner};
    if (walk->claims_left == 0)
        return false;
    walk->claims_left--;
    if (place->level == 0) {
        if (want->top != SP_DWARF_NO_NODE)
            return false;
        node.owner = scope;
    } else {
        if (want->top == SP_DWARF_NO_NODE || nodes[want->top].owner != place->owner)
            return false;
        /* Of two calls side by side that claim one address, the later has it. */
        while (nodes[node.next].level >= place->level)
            node.next = nodes[node.next].next;
    }
    add_node(walk, want, &node);
    return !walk->error;
}

static size_t first_at(const struct walk *walk, uint64_t vaddr)
{
    size_t low = 0, high = walk->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (walk->wants[middle].vaddr < vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Puts an entry over all wanted addresses in a range. */
static void claim_range(struct walk *walk, const struct sp_dwarf_range *range, const struct sp_dwarf_entry *entry,
                        const struct place *place, uint32_t *scope)
{
    size_t i = first_at(walk, range->start);
    if (i == walk->n || walk->wants[i].vaddr >= range->end ||
        !sp_elf_image_has_range(walk->image, range->start, range->end))
        return;
    for (; !walk->error && walk->claims_left > 0 && i < walk->n && walk->wants[i].vaddr < range->end; i++) {
        uint32_t candidate = *scope != NO_SCOPE ? *scope : (uint32_t)walk->functions->n_scopes;
        if (claim(walk, &walk->wants[i], candidate, place) && *scope == NO_SCOPE)
            *scope = add_scope(walk, entry->offset);
    }
}

/* Puts an entry over all wanted addresses in its ranges. Returns its scope, NO_SCOPE when there are none. */
static uint32_t claim_ranges(struct walk *walk, const struct sp_dwarf_entry *entry, const struct place *place)
{
    uint32_t scope = NO_SCOPE;
    struct sp_dwarf_ranges ranges;
    struct sp_dwarf_range range;
    sp_dwarf_ranges_init(&ranges, walk->entries.unit, &entry->extent, walk->work);
    while (!walk->error && sp_dwarf_ranges_next(&ranges, &range))
        claim_range(walk, &range, entry, place, &scope);
    return scope;
}

static bool visit_function(struct walk *walk, const struct sp_dwarf_entry *entry, struct place *inside)
{
    *inside = (struct place){.owner = NO_SCOPE, .level = 0};
    inside->owner = claim_ranges(walk, entry, inside);
    inside->level = 1;
    return inside->owner != NO_SCOPE || walk->is_thorough;
}

static bool visit_inlined(struct walk *walk, const struct sp_dwarf_entry *entry, struct place *inside)
{
    if (inside->owner == NO_SCOPE || inside->level >= SP_FRAMES_MAX || claim_ranges(walk, entry, inside) == NO_SCOPE)
        return false;
    inside->level++;
    return true;
}

/* Looks at an entry. Returns whether its children are looked at; `*inside`, its own place, becomes theirs. */
static bool visit(struct walk *walk, const struct sp_dwarf_entry *entry, struct place *inside)
{
    switch (entry->abbrev->tag) {
    case DW_TAG_subprogram:
        return visit_function(walk, entry, inside);
    case DW_TAG_inlined_subroutine:
        return visit_inlined(walk, entry, inside);
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
    case DW_TAG_with_stmt:
    case DW_TAG_common_block:
    case DW_TAG_namespace:
    case DW_TAG_module:
        return true;
    default:
        return walk->is_thorough;
    }
}

/* Goes over all entries, parents first. */
static void walk_entries(struct walk *walk)
{
    struct place places[DEPTH_MAX];
    struct sp_dwarf_entry entry;
    size_t depth = 0;
    places[0] = (struct place){.owner = NO_SCOPE, .level = 0};
    while (!walk->error && sp_dwarf_entries_next(&walk->entries, &entry)) {
        if (!entry.abbrev) {
            if (depth-- == 0)
                return;
            continue;
        }
        struct place inside = places[depth];
        const bool is_wanted = visit(walk, &entry, &inside);
        if (is_wanted && entry.abbrev->has_children && depth + 1 < DEPTH_MAX)
            places[++depth] = inside;
        else
            sp_dwarf_entries_skip_children(&walk->entries, &entry);
    }
}

static bool all_have_functions(const struct walk *walk)
{
    for (size_t i = 0; i < walk->n; i++)
        if (walk->wants[i].top == SP_DWARF_NO_NODE)
            return false;
    return true;
}

int sp_dwarf_functions_read(struct sp_dwarf_functions *functions, const struct sp_dwarf_entries *entries,
                            const struct sp_elf_image *image, struct sp_dwarf_want *wants, size_t n, uint64_t *work)
{
    struct walk walk = {.functions = functions,
                        .entries = *entries,
                        .image = image,
                        .wants = wants,
                        .n = n,
                        .work = work,
                        .claims_left = n * CLAIMS_PER_WANT};
    functions->n_scopes = functions->n_nodes = 0;
    for (size_t i = 0; i < n; i++)
        wants[i].top = SP_DWARF_NO_NODE;
    walk_entries(&walk);
    /* Methods may stand in their types (Rust), functions in functions (C as gcc has it, Ada): a second, wider look. */
    walk.is_thorough = !walk.error && !all_have_functions(&walk);
    walk.entries = *entries;
    if (walk.is_thorough)
        walk_entries(&walk);
    return walk.error;
}

void sp_dwarf_functions_done(struct sp_dwarf_functions *functions)
{
    free(functions->scopes);
    free(functions->nodes);
    *functions = (struct sp_dwarf_functions){.n_scopes = 0};
}
