/*
 * The instructions of a function, by objdump.
 *
 * Place on the way of a sample: under the report `disasm`. objdump is what people read and what google/pprof shows; it
 * is the only program that a report runs. It is started without a shell, its output, its time and its messages are
 * bounded, and it is gone when a function here returns.
 *
 * Context: ordinary code of one thread, which may have no other children that it waits for by "any".
 */
#ifndef SIGPROF_REPORT_OBJDUMP_H
#define SIGPROF_REPORT_OBJDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The texts belong to the disassembly. */
struct sp_instruction {
    uint64_t address; /* in the file */
    const char *text;
    const char *function, *file; /* "" where objdump does not know */
    int64_t line;                /* 0, too */
};

struct sp_disassembly {
    char *output; /* of objdump, cut into texts */
    struct sp_instruction *at;
    size_t n, capacity;
};

struct sp_disassembly_options {
    const char *path; /* of the file, which has been looked at: a regular one, ELF */
    uint64_t start, end;
    bool is_intel_syntax; /* or AT&T's, where there is a choice */
};

/*
 * Disassembles [start, end) of the file: 0; -ENOENT: there is no objdump; -ENOMEM; or another -errno, all with one line
 * in `why`. To be freed by sp_disassembly_done where it succeeded.
 */
int sp_disassemble(struct sp_disassembly *disassembly, const struct sp_disassembly_options *options, char *why,
                   size_t why_size);
void sp_disassembly_done(struct sp_disassembly *disassembly);

/* Takes what objdump has printed (NUL-terminated, from malloc; its own in any case): 0 or -ENOMEM. */
int sp_disassembly_parse(struct sp_disassembly *disassembly, char *output);

#endif
