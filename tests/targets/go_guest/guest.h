/* The C half of the Go guest: see main.go. Times are CPU time of the calling thread. */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

/* Runs for `ns` in guest_leaf, into which guest_step is inlined, called by guest_middle. Returns what it has computed.
 */
uint64_t guest_work(int64_t ns);

/* Calls Go, which calls C again until `depth` is 0, each time with a little work in C. */
void guest_call_back(int depth);

/* Four threads that take 40, 30, 20 and 10 percent of `ns`: functions guest_40 to guest_10. 0 or an errno value. */
int guest_shares(int64_t ns);

/* `n` threads that call Go for `ns` of wall-clock time each. 0 or an errno value. */
int guest_callers(int n, int64_t ns);

/* A thread that sends itself SIGPROF all the time. 0 or an errno value. */
int guest_signals(int64_t ns);

#endif
