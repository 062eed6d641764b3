/*
 * The instructions at which a walk was not exact, by place, with what was wanted and what was found the first time.
 */
#ifndef SIGPROF_ORACLE_INEXACT_H
#define SIGPROF_ORACLE_INEXACT_H

#include <stdio.h>

#include "true_stack.h"

enum { INEXACT_PLACES = 4096, INEXACT_NEAR = 4, INEXACT_NAME = 256, INEXACT_REGISTERS = 16 };

/* An address as a file's: what a symbol table has. */
struct place {
    char file[INEXACT_NAME]; /* or [vdso] and the like; "" where nothing is mapped */
    uint64_t offset;         /* from the file's first byte in memory */
};

struct inexact {
    uint64_t pc, count;
    uint32_t way, end, depth, first_wrong; /* depth: wanted; first_wrong: the index of the first word that differs */
    struct place wanted[INEXACT_NEAR], found[INEXACT_NEAR]; /* the leaf's side */
    struct place wanted_word, found_word;                   /* at first_wrong */
    struct place caller;                                    /* from where the walk went wrong: one before first_wrong */
    uint64_t slot;                                          /* where the wanted word was pushed */
    bool is_overwritten;                                    /* since then, to return elsewhere */
    uint64_t registers[INEXACT_REGISTERS]; /* of the caller, by DWARF's numbers; of all but the leaf, sp alone or 0 */
    uint32_t code_bytes;
    uint8_t code[ORACLE_CODE_BYTES];
};

struct inexact_table {
    uint32_t n;
    uint64_t others; /* for which there was no room */
    struct inexact places[INEXACT_PLACES];
};

/* Counts that the walk by `way` is not wanted[0..n). */
void inexact_add(struct inexact_table *table, const struct tracee *tracee, enum oracle_way way,
                 const struct true_frame *wanted, uint32_t n);

/* The table as a JSON list, one object a line. */
void inexact_print(const struct inexact_table *table, FILE *out);

#endif
