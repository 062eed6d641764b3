/*
 * Steps a program instruction by instruction, walks its stack at each by the genuine sp_unwind inside the program, and
 * compares with the true stack (true_stack.h).
 *
 * usage: single_step [OPTION...] AGENT PROGRAM [ARGUMENT...]
 *   --whole      from the program's entry, instead of from oracle_begin to oracle_end
 *   --limit N    ends the program after N instructions
 *   --tamper N   spoils each Nth result before it is compared, to show that this is noticed
 *
 * Prints one JSON object. Exits with 0 when it has compared, whatever the result: judging is test_oracle.py's. 77:
 * ptrace is not permitted. 1: the program ended before its time, or a walk did not come to its end. 2: wrong use.
 *
 * An instruction that the CPU repeats (rep movs) is stepped once a repetition and counted once.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "handler/segment.h"
#include "inexact.h"
#include "true_stack.h"

enum { CODE_BYTES = 16 }; /* more than the longest instruction */

struct options {
    bool is_whole;
    uint64_t limit, tamper;
    const char *agent;
    char **program;
};

struct tally {
    uint64_t instructions, exact, exact_by_way[ORACLE_WAYS], tampered, frames, misses[ORACLE_WAYS];
    uint32_t deepest;
};

static struct tracee tracee;
static struct true_stack stack;
static struct inexact_table inexact;
static struct tally tally;

static int usage(void)
{
    fputs("usage: single_step [--whole] [--limit N] [--tamper N] AGENT PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
}

static bool parse(int argc, char **argv, struct options *options)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--whole") == 0)
            options->is_whole = true;
        else if (i + 1 < argc && strcmp(argv[i], "--limit") == 0)
            options->limit = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--tamper") == 0)
            options->tamper = strtoull(argv[++i], NULL, 10);
        else
            return false;
    }
    if (argc - i < 2)
        return false;
    options->agent = argv[i];
    options->program = argv + i + 1;
    return true;
}

/* A frame lost, a wrong return address, a frame too many, a wrong end: in turn. */
static void spoil(struct oracle_walk *walk, uint64_t turn)
{
    const uint32_t last = walk->depth - 1;
    switch (turn % 4) {
    case 0:
        walk->depth = last;
        break;
    case 1:
        walk->pcs[last / 2] ^= 1;
        break;
    case 2:
        walk->pcs[walk->depth++] = walk->pcs[last];
        break;
    default:
        walk->end = walk->end == SP_STACK_COMPLETE ? SP_STACK_CUT_RULES : SP_STACK_COMPLETE;
    }
}

static bool is_exact(const struct oracle_walk *walk, const struct true_frame *wanted, uint32_t n)
{
    bool is_same = walk->end == SP_STACK_COMPLETE && walk->depth == n && walk->frames == n;
    for (uint32_t i = 0; i < n && is_same; i++)
        is_same = walk->pcs[i] == wanted[i].value;
    return is_same;
}

/* Walks and compares at the instruction where the program stands. False: the walk did not come to its end. */
static bool compare(const struct options *options)
{
    static struct true_frame wanted[ORACLE_DEPTH];
    if (!tracee_walk(&tracee, stack.lists[0].memory))
        return false;
    const uint32_t n = true_stack_list(&stack, tracee.registers.rip, wanted, ORACLE_DEPTH);
    bool is_all_exact = true;
    tally.instructions++;
    tally.deepest = n > tally.deepest ? n : tally.deepest;
    tally.frames += n;
    if (options->tamper != 0 && tally.instructions % options->tamper == 0)
        spoil(&tracee.block->walks[tally.tampered % ORACLE_WAYS], tally.tampered / ORACLE_WAYS), tally.tampered++;
    for (enum oracle_way way = 0; way < ORACLE_WAYS; way++) {
        const struct oracle_walk *walk = &tracee.block->walks[way];
        tally.misses[way] += walk->misses;
        if (is_exact(walk, wanted, n)) {
            tally.exact_by_way[way]++;
        } else {
            is_all_exact = false;
            inexact_add(&inexact, &tracee, way, wanted, n);
        }
    }
    tally.exact += is_all_exact;
    return true;
}

/* The instruction's bytes, where no walk has brought them. */
static void load_code(uint8_t code[CODE_BYTES])
{
    for (uint32_t i = 0; i < CODE_BYTES / sizeof(uint64_t); i++) {
        const uint64_t word = tracee_word(&tracee, tracee.registers.rip + i * sizeof word);
        memcpy(code + i * sizeof word, &word, sizeof word);
    }
}

static bool follow(const uint8_t *code, uint32_t code_bytes)
{
    const struct user_regs_struct before = tracee.registers;
    if (!tracee_step(&tracee))
        return false;
    true_stack_follow(&stack, &tracee, &before, code, code_bytes);
    return true;
}

/* From the program's entry to `address`, without walks. */
static bool follow_to(uint64_t address)
{
    while (tracee.registers.rip != address) {
        uint8_t code[CODE_BYTES];
        load_code(code);
        if (!follow(code, sizeof code))
            return false;
    }
    return true;
}

static bool go_to_begin(const struct options *options)
{
    if (!tracee_run_to(&tracee, tracee.entry))
        return false;
    true_stack_init(&stack, &tracee);
    if (options->is_whole)
        return true;
    if (!follow_to(tracee.block->prepare) || !tracee_run_to(&tracee, tracee.block->begin))
        return false;
    true_stack_resume(&stack, &tracee);
    return true;
}

enum outcome { REACHED_END, REACHED_LIMIT, PROGRAM_OVER, WALK_FAILED };

static enum outcome step_and_compare(const struct options *options)
{
    struct user_regs_struct last = {0};
    while (tracee.registers.rip != tracee.block->end) {
        const bool is_repeated = tracee.registers.rip == last.rip && tracee.registers.rsp == last.rsp;
        if (options->limit != 0 && tally.instructions == options->limit)
            return REACHED_LIMIT;
        if (!is_repeated && !compare(options))
            return WALK_FAILED;
        last = tracee.registers;
        if (!follow(tracee.block->code, tracee.block->code_bytes))
            return PROGRAM_OVER;
    }
    return REACHED_END;
}

static void print(void)
{
    printf(
        "{\"instructions\": %lu, \"exact\": %lu, \"exact_warm\": %lu, \"exact_cold\": %lu, "
        "\"tampered\": %lu,\n"
        "\"calls\": %lu, \"returns\": %lu, \"elsewhere\": %lu, \"signals\": %lu, \"switches\": %lu,\n"
        "\"frames\": %lu, \"misses_warm\": %lu, \"misses_cold\": %lu, \"deepest\": %u, \"others\": %lu, \"inexact\": ",
        tally.instructions, tally.exact, tally.exact_by_way[ORACLE_WARM], tally.exact_by_way[ORACLE_COLD],
        tally.tampered, stack.calls, stack.returns, stack.elsewhere, stack.signals, stack.switches, tally.frames,
        tally.misses[ORACLE_WARM], tally.misses[ORACLE_COLD], tally.deepest, inexact.others);
    inexact_print(&inexact, stdout);
    puts("}");
}

static int failed(const char *why)
{
    fprintf(stderr, "single_step: %s: pc %#llx, sp %#llx, wait status %#x, after %lu instructions\n", why,
            tracee.registers.rip, tracee.registers.rsp, (unsigned)tracee.status, tally.instructions);
    return 1;
}

/* The program's exit is part of the result: it checks what it computes. */
static int finish(const struct options *options, enum outcome outcome)
{
    if (outcome == WALK_FAILED)
        return failed("a walk did not come to its end");
    if (outcome == PROGRAM_OVER && !options->is_whole)
        return failed("the program ended before oracle_end");
    if (outcome == REACHED_LIMIT)
        return kill(tracee.pid, SIGKILL), 0;
    if (outcome == REACHED_END)
        tracee_finish(&tracee);
    return WIFEXITED(tracee.status) && WEXITSTATUS(tracee.status) == 0 ? 0 : failed("the program failed");
}

int main(int argc, char **argv)
{
    struct options options = {0};
    if (!parse(argc, argv, &options))
        return usage();
    const int error = tracee_start(&tracee, options.agent, options.program);
    if (error == -EPERM) {
        puts("ptrace is not permitted here");
        return 77;
    }
    if (error != 0) {
        fprintf(stderr, "single_step: cannot start '%s': %s\n", options.program[0], strerror(-error));
        return 1;
    }
    if (!go_to_begin(&options))
        return failed("the program ended before oracle_begin");
    const int status = finish(&options, step_and_compare(&options));
    print();
    return status;
}
