/*
 * A program under ptrace, stopped between two instructions. One thread only.
 *
 * Functions that return bool return false when the program is over; then `status` is what waitpid gave.
 */
#ifndef SIGPROF_ORACLE_TRACEE_H
#define SIGPROF_ORACLE_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "oracle_agent.h"

struct tracee {
    pid_t pid;
    int status;
    int pending;    /* a signal to deliver with the next step; 0: none */
    int delivered;  /* with the last step */
    uint64_t entry; /* of the program, behind the dynamic linker's work */
    struct user_regs_struct registers;
    struct oracle_block *block;
};

/*
 * Starts `arguments` with the agent preloaded, up to the agent's constructor. 0 or -errno: EPERM where ptrace is not
 * permitted, ENOEXEC where the program ended before the agent spoke.
 */
int tracee_start(struct tracee *tracee, const char *agent, char *const arguments[]);

/* Executes one instruction, or delivers `pending` and stops before the handler's first. */
bool tracee_step(struct tracee *tracee);

/* Runs at full speed until pc is `address`. Signals are delivered. */
bool tracee_run_to(struct tracee *tracee, uint64_t address);

/* Runs the agent on the registers as they are; the results are in the block. False: it did not come to its end. */
bool tracee_walk(struct tracee *tracee, struct oracle_range thread_stack);

/* Lets the program run to its end. */
void tracee_finish(struct tracee *tracee);

/* The word there, or 0. */
uint64_t tracee_word(const struct tracee *tracee, uint64_t address);

#endif
