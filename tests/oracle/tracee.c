/* ptrace(2), see tracee.h. */
#include "tracee.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NO_PTRACE = 120, EXIT_NO_EXEC = 121, WITHOUT_FLAGS = 0x202 };

static bool wait_for_stop(struct tracee *tracee)
{
    if (waitpid(tracee->pid, &tracee->status, 0) != tracee->pid || !WIFSTOPPED(tracee->status))
        return false;
    return ptrace(PTRACE_GETREGS, tracee->pid, NULL, &tracee->registers) == 0;
}

/* Lets it go on with `signal` (0: none) and waits for the next stop. */
static bool resume(struct tracee *tracee, enum __ptrace_request request, int signal)
{
    return ptrace(request, tracee->pid, NULL, (void *)(intptr_t)signal) == 0 && wait_for_stop(tracee);
}

static bool is_trap(const struct tracee *tracee)
{
    return WSTOPSIG(tracee->status) == SIGTRAP;
}

/* Both on one CPU: a switch is cheaper than waking another. */
static void stay_on_one_cpu(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)sched_getcpu(), &set);
    sched_setaffinity(0, sizeof set, &set);
}

static _Noreturn void become(const char *agent, int fd, char *const arguments[])
{
    char number[16];
    snprintf(number, sizeof number, "%d", fd);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(EXIT_NO_PTRACE);
    setenv("ORACLE_FD", number, 1);
    setenv("LD_PRELOAD", agent, 1);
    execvp(arguments[0], arguments);
    _exit(EXIT_NO_EXEC);
}

static uint64_t entry_of(pid_t pid)
{
    Elf64_auxv_t entry = {0};
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/auxv", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fread(&entry, sizeof entry, 1, file) == 1 && entry.a_type != AT_ENTRY)
        ;
    fclose(file);
    return entry.a_type == AT_ENTRY ? entry.a_un.a_val : 0;
}

static int start_error(const struct tracee *tracee)
{
    return WIFEXITED(tracee->status) && WEXITSTATUS(tracee->status) == EXIT_NO_PTRACE ? -EPERM : -ENOEXEC;
}

int tracee_start(struct tracee *tracee, const char *agent, char *const arguments[])
{
    const int fd = memfd_create("oracle", 0);
    if (fd < 0 || ftruncate(fd, sizeof *tracee->block) != 0)
        return -errno;
    *tracee = (struct tracee){.block = mmap(NULL, sizeof *tracee->block, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)};
    if (tracee->block == MAP_FAILED)
        return -errno;
    stay_on_one_cpu();
    tracee->pid = fork();
    if (tracee->pid < 0)
        return -errno;
    if (tracee->pid == 0)
        become(agent, fd, arguments);
    close(fd);
    if (!wait_for_stop(tracee))
        return start_error(tracee);
    if (ptrace(PTRACE_SETOPTIONS, tracee->pid, NULL, (void *)PTRACE_O_EXITKILL) != 0)
        return -errno;
    tracee->entry = entry_of(tracee->pid);
    if (!resume(tracee, PTRACE_CONT, 0) || !is_trap(tracee) || tracee->block->enter == 0)
        return -ENOEXEC;
    return 0;
}

bool tracee_step(struct tracee *tracee)
{
    const int signal = tracee->pending;
    tracee->pending = 0;
    if (!resume(tracee, PTRACE_SINGLESTEP, signal))
        return false;
    tracee->delivered = signal;
    if (!is_trap(tracee))
        tracee->pending = WSTOPSIG(tracee->status);
    return true;
}

bool tracee_run_to(struct tracee *tracee, uint64_t address)
{
    const long word = ptrace(PTRACE_PEEKTEXT, tracee->pid, (void *)address, NULL);
    const long trap = (word & ~0xffL) | 0xcc;
    int signal = 0;
    ptrace(PTRACE_POKETEXT, tracee->pid, (void *)address, (void *)trap);
    do {
        if (!resume(tracee, PTRACE_CONT, signal))
            return false;
        signal = WSTOPSIG(tracee->status);
    } while (signal != SIGTRAP || tracee->registers.rip != address + 1);
    ptrace(PTRACE_POKETEXT, tracee->pid, (void *)address, (void *)word);
    tracee->registers.rip = address;
    return ptrace(PTRACE_SETREGS, tracee->pid, NULL, &tracee->registers) == 0;
}

static void write_context(struct tracee *tracee, const struct user_regs_struct *from)
{
    greg_t *to = tracee->block->context.uc_mcontext.gregs;
    const struct {
        int index;
        unsigned long long value;
    } all[] = {
        {REG_R8, from->r8},   {REG_R9, from->r9},   {REG_R10, from->r10},    {REG_R11, from->r11}, {REG_R12, from->r12},
        {REG_R13, from->r13}, {REG_R14, from->r14}, {REG_R15, from->r15},    {REG_RDI, from->rdi}, {REG_RSI, from->rsi},
        {REG_RBP, from->rbp}, {REG_RBX, from->rbx}, {REG_RDX, from->rdx},    {REG_RAX, from->rax}, {REG_RCX, from->rcx},
        {REG_RSP, from->rsp}, {REG_RIP, from->rip}, {REG_EFL, from->eflags},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        to[all[i].index] = (greg_t)all[i].value;
}

bool tracee_walk(struct tracee *tracee, struct oracle_range thread_stack)
{
    const struct user_regs_struct saved = tracee->registers;
    struct user_regs_struct changed = saved;
    write_context(tracee, &saved);
    tracee->block->thread_stack = thread_stack;
    changed.rip = tracee->block->enter;
    changed.rsp = tracee->block->agent_stack;
    changed.orig_rax = UINT64_MAX;  /* no system call to begin anew */
    changed.eflags = WITHOUT_FLAGS; /* the ABI wants the direction forwards */
    if (ptrace(PTRACE_SETREGS, tracee->pid, NULL, &changed) != 0 || !resume(tracee, PTRACE_CONT, 0))
        return false;
    /* A signal that came with the last instruction is reported now, and has to wait for the next step. */
    if (!is_trap(tracee) && tracee->registers.rip == tracee->block->enter) {
        tracee->pending = WSTOPSIG(tracee->status);
        if (!resume(tracee, PTRACE_CONT, 0))
            return false;
    }
    if (!is_trap(tracee) || tracee->registers.rip != tracee->block->left)
        return false;
    tracee->registers = saved;
    return ptrace(PTRACE_SETREGS, tracee->pid, NULL, &saved) == 0;
}

void tracee_finish(struct tracee *tracee)
{
    int signal = tracee->pending;
    while (resume(tracee, PTRACE_CONT, signal))
        signal = is_trap(tracee) ? 0 : WSTOPSIG(tracee->status);
}

uint64_t tracee_word(const struct tracee *tracee, uint64_t address)
{
    errno = 0;
    const long word = ptrace(PTRACE_PEEKDATA, tracee->pid, (void *)address, NULL);
    return errno == 0 ? (uint64_t)word : 0;
}
