/*
 * From names and samples to symbols. See routines.h.
 *
 * Work is bounded whatever a profile and its files say: a symbol costs a binary search, a mapping a look at the objects
 * that there are, and a name is matched once.
 * Context: ordinary code of one thread.
 */
#include "report/routines.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"
#include "util/room.h"

enum { OBJECTS_MAX = 4096 };

static bool name_matches(struct sp_routines *routines, const struct sp_node *node)
{
    const struct sp_regex *symbol = routines->graph.report->options.symbol;
    uint8_t *known = &routines->matches[node->function];
    if (*known == 2)
        *known = !symbol || (node->name[0] && sp_regex_matches(symbol, node->name));
    return *known == 1;
}

/* Notes why a file's functions are not among the routines. */
static void note_trouble(struct sp_routines *routines, const char *path, int error)
{
    char reason[128], *text;
    if (routines->n_troubles == SP_TROUBLES_MAX)
        return;
    if (error == -ESTALE)
        snprintf(reason, sizeof(reason), "it is another build than the one that was profiled");
    else if (error == -EBADMSG)
        snprintf(reason, sizeof(reason), "not an ELF program or library");
    else if (error == -ENODATA)
        snprintf(reason, sizeof(reason), "it cannot be what was mapped there");
    else
        snprintf(reason, sizeof(reason), "%s", strerror(-error));
    reason[0] = (char)tolower((unsigned char)reason[0]);
    if (asprintf(&text, "open %s: %s", path, reason) >= 0)
        routines->troubles[routines->n_troubles++] = text;
}

/* An object whose file is that mapping's, for the sake of the file; NULL: there is none yet. */
static const struct sp_code_object *find_file(const struct sp_routines *routines, const struct sp_mapping *mapping)
{
    for (size_t i = 0; i < routines->n_objects; i++) {
        const struct sp_mapping *other = &routines->graph.report->profile->mappings.at[routines->objects[i].mapping];
        if (other->file == mapping->file && other->build_id == mapping->build_id)
            return &routines->objects[i];
    }
    return NULL;
}

static int open_file(const struct sp_routines *routines, const struct sp_mapping *mapping, struct sp_code_file **file)
{
    const struct sp_profile *profile = routines->graph.report->profile;
    *file = malloc(sizeof(**file));
    int error = *file ? sp_code_file_open(*file, sp_profile_text(profile, mapping->file),
                                          sp_profile_text(profile, mapping->build_id))
                      : -ENOMEM;
    if (error) {
        free(*file);
        *file = NULL;
    }
    return error;
}

/* Gives the mapping its object, a new one unless there is one of that file and base: 0, -errno of the file, -ENOMEM. */
static int add_object(struct sp_routines *routines, uint32_t index)
{
    const struct sp_mapping *mapping = &routines->graph.report->profile->mappings.at[index];
    const struct sp_code_object *known = find_file(routines, mapping);
    struct sp_code_object object = {.mapping = index, .owns_file = !known, .file = known ? known->file : NULL};
    int error = known ? 0 : open_file(routines, mapping, &object.file);
    if (!error && sp_code_file_base(object.file, mapping->start, mapping->limit, mapping->file_offset, &object.base))
        error = -ENODATA;
    for (size_t i = 0; !error && i < routines->n_objects; i++)
        if (routines->objects[i].file == object.file && routines->objects[i].base == object.base) {
            routines->object_of[index] = (uint32_t)i;
            return 0;
        }
    void *at = routines->objects;
    if (!error && routines->n_objects == OBJECTS_MAX)
        error = -EMFILE;
    if (!error && !sp_make_room(&at, routines->n_objects, &routines->objects_capacity, sizeof(object)))
        error = -ENOMEM;
    routines->objects = at;
    if (error && object.owns_file && object.file) {
        sp_code_file_close(object.file);
        free(object.file);
    }
    if (error)
        return error;
    routines->object_of[index] = (uint32_t)routines->n_objects;
    routines->objects[routines->n_objects++] = object;
    return 0;
}

static bool has_address(const struct sp_routines *routines, uint32_t index)
{
    const struct sp_mapping *mapping = &routines->graph.report->profile->mappings.at[index];
    uint64_t address = routines->graph.report->options.address;
    return address != 0 && mapping->start <= address && address < mapping->limit;
}

/*
 * Opens the files of mappings in which something may match: a function with a name that does, code without a name, or
 * the address. That a file cannot be opened is said where a name or the address is in it.
 */
static int open_objects(struct sp_routines *routines)
{
    const struct sp_graph *graph = &routines->graph;
    const struct sp_profile *profile = graph->report->profile;
    for (size_t i = 0; i < graph->n_shown; i++) {
        const struct sp_node *node = &graph->nodes[graph->order[i]];
        uint32_t mapping = routines->mapping_of[graph->order[i]];
        if (mapping == SP_NONE || routines->object_of[mapping] != SP_NONE)
            continue;
        bool matches = name_matches(routines, node) || has_address(routines, mapping);
        const char *path = sp_profile_text(profile, profile->mappings.at[mapping].file);
        if (path[0] == '\0' || (!matches && node->name[0]))
            continue;
        int error = add_object(routines, mapping);
        if (error == -ENOMEM)
            return error;
        if (error && matches)
            note_trouble(routines, path, error);
        if (error && matches)
            routines->object_of[mapping] = OBJECTS_MAX; /* none, and it has been said */
    }
    return 0;
}

/* A node is of the mapping of the first location that is it: addresses do not repeat in others. */
static void find_mappings(struct sp_routines *routines)
{
    const struct sp_graph *graph = &routines->graph;
    const struct sp_profile *profile = graph->report->profile;
    memset(routines->mapping_of, 0xff, graph->n_nodes * sizeof(*routines->mapping_of));
    for (size_t i = 0; i < profile->locations.n; i++)
        for (size_t frame = graph->first_frame[i]; frame < graph->first_frame[i + 1]; frame++) {
            uint32_t node = graph->frames[frame];
            if (node != SP_NONE && graph->nodes[node].address != 0 && routines->mapping_of[node] == SP_NONE)
                routines->mapping_of[node] = profile->locations.at[i].mapping;
        }
}

static int take_places(struct sp_routines *routines)
{
    const struct sp_graph *graph = &routines->graph;
    for (size_t i = 0; i < graph->n_shown; i++) {
        const struct sp_node *node = &graph->nodes[graph->order[i]];
        uint32_t mapping = routines->mapping_of[graph->order[i]];
        uint32_t index = mapping == SP_NONE ? SP_NONE : routines->object_of[mapping];
        if (index >= routines->n_objects)
            continue;
        struct sp_code_object *object = &routines->objects[index];
        void *at = object->places;
        if (!sp_make_room(&at, object->n_places + 1, &object->capacity, sizeof(*object->places)))
            return -ENOMEM;
        object->places = at;
        object->places[object->n_places++] = (struct sp_place){.address = node->address - object->base, .node = node};
    }
    return 0;
}

static int compare_places(const void *left, const void *right)
{
    const struct sp_place *a = left, *b = right;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return sp_node_compare_names(a->node, b->node);
}

static void sum_up(struct sp_routines *routines, struct sp_code_object *object)
{
    struct sp_place *at = object->places, sums = {0};
    if (object->n_places == 0)
        return;
    qsort(at, object->n_places, sizeof(*at), compare_places);
    for (size_t i = 0; i <= object->n_places; i++) {
        at[i].flat_before = sums.flat_before;
        at[i].cum_before = sums.cum_before;
        at[i].matches_before = sums.matches_before;
        if (i == object->n_places)
            break;
        sums.flat_before = sp_wrapping_sum(sums.flat_before, at[i].node->flat);
        sums.cum_before = sp_wrapping_sum(sums.cum_before, at[i].node->cum);
        sums.matches_before += name_matches(routines, at[i].node);
    }
}

/* The first place at or behind an address. */
static size_t find_place(const struct sp_code_object *object, uint64_t address)
{
    size_t low = 0, high = object->n_places;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (object->places[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Which of the n names of one code is the one that was asked for by name; n: none is. */
static size_t find_name(const struct sp_routines *routines, const struct sp_code_symbol *symbols, size_t n)
{
    const struct sp_regex *symbol = routines->graph.report->options.symbol;
    for (size_t i = 0; i < n; i++)
        if (!symbol || sp_regex_matches(symbol, symbols[i].name))
            return i;
    return n;
}

/* The name as people write it, where the profile has it and the file's is mangled. */
static const char *shown_name(const char *name, const struct sp_place *places, size_t n)
{
    if (strncmp(name, "_Z", 2) != 0 && strncmp(name, "_R", 2) != 0)
        return name;
    for (size_t i = 0; i < n; i++)
        if (places[i].node->name[0])
            return places[i].node->name;
    return name;
}

/* Adds the code that n symbols name, when samples are in it and it was asked for. */
static int add_routine(struct sp_routines *routines, const struct sp_code_object *object,
                       struct sp_code_symbol *symbols, size_t n)
{
    const struct sp_report *report = routines->graph.report;
    const struct sp_code_symbol first = symbols[0];
    size_t from = find_place(object, first.start), to = find_place(object, first.end);
    if (from == to)
        return 0;
    const struct sp_place *a = &object->places[from], *b = &object->places[to];
    uint64_t address = report->options.address - object->base;
    bool has_it = report->options.address != 0 && first.start <= address && address < first.end;
    size_t named = find_name(routines, symbols, n);
    if (named == n && !has_it && a->matches_before == b->matches_before)
        return 0;
    if (named < n) {
        symbols[0] = symbols[named];
        symbols[named] = first;
    }
    void *at = routines->at;
    if (!sp_make_room(&at, routines->n, &routines->capacity, sizeof(*routines->at)))
        return -ENOMEM;
    routines->at = at;
    routines->at[routines->n++] = (struct sp_routine){
        .name = shown_name(symbols[0].name, a, to - from),
        .path = sp_profile_text(report->profile, report->profile->mappings.at[object->mapping].file),
        .start = first.start,
        .end = first.end,
        .others = symbols + 1,
        .n_others = n - 1,
        .places = a,
        .n_places = to - from,
        .flat = (int64_t)((uint64_t)b->flat_before - (uint64_t)a->flat_before),
        .cum = (int64_t)((uint64_t)b->cum_before - (uint64_t)a->cum_before),
    };
    return 0;
}

static int add_routines(struct sp_routines *routines, struct sp_code_object *object)
{
    struct sp_code_symbol *symbols = object->file->symbols;
    size_t next;
    sum_up(routines, object);
    for (size_t i = 0; object->n_places > 0 && i < object->file->n_symbols; i = next) {
        for (next = i + 1; next < object->file->n_symbols && symbols[next].start == symbols[i].start &&
                           symbols[next].end == symbols[i].end;)
            next++;
        int error = add_routine(routines, object, &symbols[i], next - i);
        if (error)
            return error;
    }
    return 0;
}

static int compare_routines(const void *left, const void *right)
{
    const struct sp_routine *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    if (order == 0 && a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return order ? order : strcmp(a->path, b->path);
}

static void say_none(const struct sp_routines *routines, char *why, size_t why_size)
{
    const struct sp_report_options *options = &routines->graph.report->options;
    if (routines->n_troubles > 0)
        snprintf(why, why_size, "%s", routines->troubles[0]);
    else if (options->address)
        snprintf(why, why_size, "no matches found for address %#llx", (unsigned long long)options->address);
    else
        snprintf(why, why_size, "no matches found for regexp %s",
                 options->symbol ? sp_regex_pattern(options->symbol) : "");
}

int sp_routines_init(struct sp_routines *routines, struct sp_report *report, char *why, size_t why_size)
{
    *routines = (struct sp_routines){0};
    int error = sp_graph_init(&routines->graph, report, false);
    if (error)
        return error;
    size_t n_nodes = routines->graph.n_nodes, n_mappings = report->profile->mappings.n;
    routines->matches = malloc(n_nodes + 1);
    routines->mapping_of = reallocarray(NULL, n_nodes + 1, sizeof(*routines->mapping_of));
    routines->object_of = reallocarray(NULL, n_mappings + 1, sizeof(*routines->object_of));
    if (!routines->matches || !routines->mapping_of || !routines->object_of)
        return -ENOMEM;
    memset(routines->matches, 2, n_nodes + 1);
    memset(routines->object_of, 0xff, (n_mappings + 1) * sizeof(*routines->object_of));
    find_mappings(routines);
    error = open_objects(routines);
    if (!error)
        error = take_places(routines);
    for (size_t i = 0; !error && i < routines->n_objects; i++)
        error = add_routines(routines, &routines->objects[i]);
    if (error)
        return error;
    if (routines->n > 0)
        qsort(routines->at, routines->n, sizeof(*routines->at), compare_routines);
    else
        say_none(routines, why, why_size);
    return routines->n > 0 ? 0 : -ENOENT;
}

void sp_routines_done(struct sp_routines *routines)
{
    for (size_t i = 0; i < routines->n_objects; i++) {
        free(routines->objects[i].places);
        if (routines->objects[i].owns_file) {
            sp_code_file_close(routines->objects[i].file);
            free(routines->objects[i].file);
        }
    }
    for (size_t i = 0; i < routines->n_troubles; i++)
        free(routines->troubles[i]);
    free(routines->at);
    free(routines->objects);
    free(routines->object_of);
    free(routines->mapping_of);
    free(routines->matches);
    sp_graph_done(&routines->graph);
}
