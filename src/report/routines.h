/*
 * The functions that `disasm` shows: symbols of the files of the profile's mappings, with the samples in them.
 *
 * Place on the way of a sample: graph of addresses → *routines* → disasm_report.c.
 *
 * A routine is a symbol in which samples are, and whose name matches, or that of a function that the profile has there,
 * which is demangled and may be known from elsewhere. Names of one and the same code are one routine.
 * Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_ROUTINES_H
#define SIGPROF_REPORT_ROUTINES_H

#include "report/code_file.h"
#include "report/graph.h"

/* A node and its address in the file; and sums over the places before it, so that a symbol's are a subtraction. */
struct sp_place {
    uint64_t address;
    const struct sp_node *node;
    int64_t flat_before, cum_before;
    size_t matches_before;
};

struct sp_routine {
    const char *name, *path;
    uint64_t start, end;                 /* addresses in the file */
    const struct sp_code_symbol *others; /* other names */
    size_t n_others;
    const struct sp_place *places; /* by address */
    size_t n_places;
    int64_t flat, cum;
};

/* Mappings of one file at one base. */
struct sp_code_object {
    uint32_t mapping; /* the first */
    struct sp_code_file *file;
    bool owns_file; /* or an object before it has it, too */
    uint64_t base;
    struct sp_place *places; /* by address; one more than n_places, with all sums */
    size_t n_places, capacity;
};

enum { SP_TROUBLES_MAX = 16 };

struct sp_routines {
    struct sp_graph graph;
    struct sp_routine *at; /* by name, then by address */
    size_t n, capacity;
    struct sp_code_object *objects;
    size_t n_objects, objects_capacity;
    uint32_t *object_of;  /* of each mapping; SP_NONE */
    uint32_t *mapping_of; /* of each node; SP_NONE */
    uint8_t *matches;     /* of each node that is a whole function: whether its name matches; 2: not known yet */
    char *troubles[SP_TROUBLES_MAX]; /* why a file's functions are not among them: "open /a: no such file" */
    size_t n_troubles;
};

/*
 * Finds them: 0; -ENOENT with `why`: none matches; -ENOMEM. To be freed by sp_routines_done in any case.
 */
int sp_routines_init(struct sp_routines *routines, struct sp_report *report, char *why, size_t why_size);
void sp_routines_done(struct sp_routines *routines);

#endif
