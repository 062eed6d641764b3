/*
 * Where a recording's profiles go, and what is said of them.
 *
 * Place: cli, behind the collector: one profile of all processes, or one of each. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_CLI_RECORD_OUTPUT_H
#define SIGPROF_CLI_RECORD_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/collector.h"
#include "collector/images.h"
#include "name_places.h"
#include "util/output_file.h"

/* A profile in the making: of one process, or (pid 0) of all. */
struct sp_record_part {
    struct sp_record_part *next;
    pid_t pid;
    struct sp_collector *collector;
};

/* The first group is the caller's to fill in, the rest zero. Ended by sp_record_output_done. */
struct sp_record_output {
    const char *path;   /* "-": standard output */
    bool is_split;      /* a file for each process */
    bool has_processes; /* samples may come from several processes: each is labelled with its own */
    uint64_t period_ns;
    size_t image_descriptors;            /* for files of programs that are kept within reach */
    const struct sp_name_places *places; /* where debug files are */

    struct sp_images *images;
    struct sp_output_file file;
    struct sp_record_part *parts;
};

/*
 * Makes sure that the output can be written, before anything is started: a recording that cannot be kept is not made.
 * SP_EXIT_OK; or SP_EXIT_FAILED, having complained.
 */
int sp_record_output_open(struct sp_record_output *output);

/* Whether it is standard output that the profile goes to. */
bool sp_record_output_is_stdout(const struct sp_record_output *output);

/* The collector for samples of process `pid`, made when it is the first of its part; NULL without memory. */
struct sp_collector *sp_record_output_collector(struct sp_record_output *output, pid_t pid);

/*
 * Writes every part and says of each what is in it. `duration_ns` was sampled; `cpu_ns` is what the kernel has counted
 * for all processes of the recording, 0 when it cannot be told. SP_EXIT_OK, or SP_EXIT_FAILED, having complained.
 */
int sp_record_output_write(struct sp_record_output *output, int64_t duration_ns, uint64_t cpu_ns);

/* Leaves no temporary file behind. */
void sp_record_output_done(struct sp_record_output *output);

#endif
