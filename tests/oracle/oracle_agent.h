/*
 * What a stepped program and the tool that steps it have in common: one block of shared memory.
 *
 *   single_step ──ptrace──▶ the program, stopped between two instructions
 *        │                      │ at `enter`, on the agent's own stack
 *        └────── block ─────────┘ sp_unwind, the genuine code in the genuine process
 *
 * The tool makes the block (a memfd whose number is in the environment as ORACLE_FD) and starts the program with the
 * agent preloaded. The agent's constructor maps the block, fills in the first group and stops at a breakpoint. From
 * then on the tool steps, and for each instruction writes the second group, lets the program run from `enter` to
 * `left`, and reads the third.
 */
#ifndef SIGPROF_ORACLE_AGENT_H
#define SIGPROF_ORACLE_AGENT_H

#include <stdint.h>
#include <ucontext.h>

enum {
    ORACLE_DEPTH = 512,
    ORACLE_STACKS = 8,
    ORACLE_CODE_BYTES = 15, /* the longest instruction */
};

/* How sp_unwind is called. Each instruction sees both. */
enum oracle_way {
    ORACLE_WARM = 0, /* the thread's stack is known, rules are remembered from one instruction to the next */
    ORACLE_COLD = 1, /* neither: each page is probed, each frame's rule is found anew */
    ORACLE_WAYS
};

struct oracle_walk {
    uint32_t depth, end, frames, misses; /* end, frames, misses: struct sp_walk_facts */
    uint64_t pcs[ORACLE_DEPTH];
};

struct oracle_range {
    uint64_t low, high;
};

struct oracle_block {
    /* Written by the agent. Addresses in the program. */
    uint64_t enter, left, agent_stack; /* left: where the breakpoint behind a walk stops */
    uint64_t prepare, begin, end;      /* of the functions of oracle.h */
    uint64_t n_stacks;                 /* in use of `stacks` */
    struct oracle_range stacks[ORACLE_STACKS];

    /* Written by the tool. */
    ucontext_t context; /* general registers only */
    struct oracle_range thread_stack;

    /* Written by the agent for each instruction. */
    uint32_t code_bytes;
    uint8_t code[ORACLE_CODE_BYTES]; /* at the stopped pc */
    struct oracle_walk walks[ORACLE_WAYS];
};

#endif
