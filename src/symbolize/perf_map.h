/*
 * Perf maps: the list that a program with code made at run time writes of it, for profilers to read.
 *
 * Place on the way of a sample: under perf_files.c, which finds the file; the text comes from a stranger.
 * Each line is `START SIZE NAME`, both in hex; where ranges overlap, the later line wins, since code is thrown away and
 * made anew at the same place. What is no such line is passed over, as is a last one without an end: it was being
 * written.
 *
 *   3ef4a0c0 5c4 JS:*fib /srv/app.js:12:13
 *
 * Context: any thread; no state.
 */
#ifndef SIGPROF_SYMBOLIZE_PERF_MAP_H
#define SIGPROF_SYMBOLIZE_PERF_MAP_H

#include <stddef.h>
#include <stdint.h>

/* A longer name is cut. */
#define SP_PERF_MAP_NAME_MAX 4096

/* A name inside the text; not terminated. */
struct sp_perf_map_name {
    const char *at; /* NULL: none */
    size_t length;
};

/*
 * Finds the names of addresses[0..n), which ascend, in text[0..size): `names[i]` is that of `addresses[i]`. The text is
 * gone over once, from its end, however many ranges it has. Returns how many have a name, or -ENOMEM.
 */
int64_t sp_perf_map_find(const char *text, size_t size, const uint64_t *addresses, size_t n,
                         struct sp_perf_map_name *names);

#endif
