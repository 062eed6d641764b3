/*
 * What a perf map's text says of a function, taken apart: each runtime has its own way to put name, file and line
 * there.
 *
 *   JS:*fib /srv/app.js:12:13                     fib                    /srv/app.js         12
 *   JS:~ file:///srv/a%20b.mjs:1:1                (anonymous)            /srv/a b.mjs         1
 *   py::Server.run:/srv/app.py                    Server.run             /srv/app.py
 *   int java.lang.String.hashCode()               java.lang.String.hashCode
 *   Ljava/lang/String;::hashCode(String.java:99)  java.lang.String.hashCode  String.java     99
 *   TRACE_3::app.lua:12                           TRACE_3                app.lua             12
 *
 * Place on the way of a sample: under perf_files.c, for the texts that perf_map.c finds; they come from a stranger.
 * Context: any thread; no state.
 */
#ifndef SIGPROF_SYMBOLIZE_PERF_MAP_NAME_H
#define SIGPROF_SYMBOLIZE_PERF_MAP_NAME_H

#include "symbolize/perf_map.h"

#include <stdint.h>

struct sp_perf_map_parts {
    char name[SP_PERF_MAP_NAME_MAX + 1]; /* of the function; the whole text where its shape is none of these */
    char file[SP_PERF_MAP_NAME_MAX + 1]; /* "": not told */
    int64_t start_line;                  /* the function's first, 0: not told */
};

/* Takes text[0..length) apart, of which SP_PERF_MAP_NAME_MAX bytes count. A NUL byte ends a part. */
void sp_perf_map_name_split(const char *text, size_t length, struct sp_perf_map_parts *parts);

#endif
