/*
 * Callgrind's format, which KCachegrind and callgrind_annotate read: costs of instructions and calls, by function.
 *
 *     events: cpu(nanoseconds)
 *     positions: instr line
 *
 *     ob=(1) /usr/bin/program            the function: object, file, name; numbers stand for what was there before
 *     fl=(1) parse.c
 *     fn=(1) parse
 *     0x401136 12 50                     address, line, cost of its own
 *     cob=(2) /usr/lib/libc.so.6         a call from there: whom, ...
 *     cfl=(2) string.c
 *     cfn=(2) memchr
 *     calls=2 0x7f0000001000 7           ... on how many samples' stacks, where to, ...
 *     0x401136 12 30                     ... and what it cost with all that it called
 *
 * As in pprof's -callgrind, an address with its function is one node, inlined functions are called by those that they
 * are inlined into, and a call that a stack has several times counts once. How many calls there were nobody knows;
 * pprof writes 0, but then callgrind_annotate takes what a call cost for the caller's own. So it is the number of
 * samples whose stacks have the call.
 *
 * Place on the way of a sample: see formats.h. Context: ordinary code.
 * Source: Valgrind's manual, "Callgrind Format Specification".
 */
#ifndef SIGPROF_FORMATS_CALLGRIND_H
#define SIGPROF_FORMATS_CALLGRIND_H

#include "formats/formats.h"

extern const struct sp_format sp_format_callgrind;

#endif
