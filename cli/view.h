/*
 * From a command line to a report: read, select, print. What `top`, `tree`, `peek` and their like have in common.
 *
 * Place: cli, over sources, select and report. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_VIEW_H
#define SIGPROF_CLI_VIEW_H

#include "view_options.h"

enum { SP_VIEW_USUAL_NODES = 80 }; /* at most, of graphs */

/* What a command says of its report. */
struct sp_view {
    const struct sp_command *command;
    const struct sp_report_kind *kind; /* or NULL, and then `print` */
    int (*print)(const struct sp_view *view, struct sp_report *report, FILE *out, char *why, size_t why_size);
    bool has_symbol;     /* REGEX stands before FILE */
    bool is_data;        /* for programs: no colours, no cutting, no pager */
    bool is_plain;       /* no colours and no cutting: each line is content */
    bool is_whole;       /* frames that the profile itself asks to drop are kept */
    bool writes_frames;  /* each frame of each stack, and not only what they add up to */
    bool is_untrimmed;   /* nothing is left out for being small */
    bool has_no_inlines; /* whatever the options say */
    int by;              /* granularity + 1 that it needs; 0: the options' */
    size_t node_count;   /* at most, where the options do not say; 0: all */
};

/* Parses the command line and shows it: the exit code. */
int sp_view_run(const struct sp_view *view, int argc, char **argv);

/* Shows it by options that are parsed; they stay the caller's. The exit code. */
int sp_view_show(const struct sp_view *view, const struct sp_view_options *options);

#endif
