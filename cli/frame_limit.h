/*
 * How many frames the stacks of a profile have in all.
 *
 * A location stands for as many frames as functions are inlined at it, and a stack may have it again and again: a file
 * of a few MB can hold more frames than anybody can walk or print, which no producer's does.
 *
 * Place: cli, between select and report. Context: ordinary code of the command's only thread.
 */
#ifndef SIGPROF_CLI_FRAME_LIMIT_H
#define SIGPROF_CLI_FRAME_LIMIT_H

#include <stddef.h>

#include "profile/profile.h"

/* For reports that look at each frame: seconds; and for those that write each: a few GB of text. */
#define SP_MOST_FRAMES (UINT64_C(1) << 31)
#define SP_MOST_WRITTEN_FRAMES (UINT64_C(1) << 28)

/* 0, or -EFBIG with `why` where there are more than `most`. */
int sp_limit_frames(const struct sp_profile *profile, uint64_t most, char *why, size_t why_size);

#endif
