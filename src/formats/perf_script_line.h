/*
 * The lines of perf script: headers and frames.
 *
 * Place on the way of a sample: inside the reader of perf script's text.
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_PERF_SCRIPT_LINE_H
#define SIGPROF_FORMATS_PERF_SCRIPT_LINE_H

#include "formats/text_lines.h"

struct sp_perf_header {
    struct sp_span comm;
    int64_t pid, tid;     /* pid: -1 when it was not printed */
    int64_t time_ns;      /* -1: not printed */
    int64_t period;       /* -1: not printed */
    struct sp_span event; /* without its colon; empty: not printed */
    struct sp_span rest;  /* behind it: a frame, or what a tracepoint tells */
    bool is_sample;       /* not one of the other records that perf script can be told to print */
};

/* Whether a line is a sample's header. */
bool sp_perf_header_parse(struct sp_span line, struct sp_perf_header *header);

struct sp_perf_frame {
    uint64_t address;
    struct sp_span symbol; /* without its offset; empty: unknown */
    struct sp_span module; /* without its offset; empty: not printed */
    bool is_inlined;       /* into the next frame, which has the module */
};

/* Whether a line is a frame. */
bool sp_perf_frame_parse(struct sp_span line, struct sp_perf_frame *frame);

#endif
