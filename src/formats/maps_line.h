/*
 * One line of a memory map.
 *
 * Place on the way of a sample: inside the reader of legacy profiles.
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_MAPS_LINE_H
#define SIGPROF_FORMATS_MAPS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of a line; NULL where there is none. */
struct sp_piece {
    const char *at;
    size_t n;
};

/* What the expressions of pprof take for white space. */
static inline bool sp_maps_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* The line without what glog puts before it: "... file.cc:123] ". */
struct sp_piece sp_maps_without_log_prefix(struct sp_piece line);

struct sp_maps_line {
    uint64_t start, limit, offset;
    struct sp_piece permissions, file, build_id;
};

/* Whether the line at[0..n) tells a mapping, which then is in `*line`. */
bool sp_maps_line_parse(const char *at, size_t n, struct sp_maps_line *line);

#endif
