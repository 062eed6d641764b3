/*
 * The collector: samples out of segments, into a profile.
 *
 * Place on the way of a sample: shard → *collector* → profile. One implementation for both homes: a thread of the
 * profiled process (src/library) and `sigprof record` (cli), which collects from any number of processes.
 * Context: ordinary code, one thread at a time; it may allocate and lock. It shares nothing with the handler but the
 * segment, and trusts nothing that it reads there.
 */
#ifndef SIGPROF_COLLECTOR_COLLECTOR_H
#define SIGPROF_COLLECTOR_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/images.h"
#include "collector/ledger.h"
#include "handler/segment.h"
#include "profile/profile.h"

/* How often to drain. */
enum { SP_COLLECTOR_INTERVAL_MS = 100 };

/* The name in a profile of what stands between the leaf's side and the root's side of a stack that was too deep. */
#define SP_OMITTED_FRAMES "[frames omitted]"

struct sp_collector;
struct sp_target; /* a process that is collected from; owned by its collector */

/*
 * A new collector for samples every `period_ns` of CPU time, or NULL without memory. Its profile may take about
 * `memory_limit` bytes (0: 256 MiB); samples beyond that are counted as lost.
 */
struct sp_collector *sp_collector_new(uint64_t period_ns, uint64_t memory_limit);
void sp_collector_free(struct sp_collector *collector);

/*
 * Keeps the files of all targets within reach in `images`, which lives longer than the collector and may be others',
 * too. To be told before the first target.
 */
void sp_collector_use_images(struct sp_collector *collector, struct sp_images *images);

/*
 * Gives each sample labels "pid" and "process" (its name), unless there is but one process in the end. To be told
 * before the first sample.
 */
void sp_collector_label_processes(struct sp_collector *collector);

/*
 * The sessions have a filter of samples (handler/entry.h). What a thread owes at its end nobody has asked it for: that
 * is in the profile only if the filter has wanted all samples of the thread before. To be told before the first sample.
 */
void sp_collector_expect_filter(struct sp_collector *collector);

/*
 * Starts to collect from process `pid`, whose segment is mapped at `segment`. The segment must stay mapped until
 * sp_collector_detach. Reads the process's mappings; or, where it was forked from `parent` (a target of this or another
 * collector; NULL: it was not), takes over what is known of the parent's.
 * Returns the target, or NULL without memory.
 */
struct sp_target *sp_collector_attach(struct sp_collector *collector, const struct sp_segment *segment, pid_t pid,
                                      struct sp_target *parent);

/*
 * Maps the segment behind `fd` (a memfd), of which another process says that it has `geometry`, after checking that it
 * can be read safely to its end whatever that process does. 0 and `*segment` set, unmapped by sp_collector_unmap;
 * -EINVAL: not sealed, not of that size, or a geometry that makes no sense; or the error of mmap(2).
 */
int sp_collector_map(int fd, const struct sp_geometry *geometry, struct sp_segment *segment);
void sp_collector_unmap(struct sp_segment *segment);

/* Turns every shard over and takes in what it held. Cheap when there is nothing. */
void sp_collector_drain(struct sp_target *target);

/* Drains, and looks at each thread of the process: to be called when it is about to end or to stop sampling. */
void sp_collector_look(struct sp_target *target);

/* The process is gone or has stopped sampling: takes in all that its segment still holds, locked or not. */
void sp_collector_drain_last(struct sp_target *target);

/* Reads the process's mappings again, now. Keeps what it knew when they cannot be read. */
void sp_collector_read_maps(struct sp_target *target);

/* The same at the process's normal end, unless no sample has come since they were read. */
void sp_collector_read_last_maps(struct sp_target *target);

/*
 * CPU time in ns by the kernel: of the target's process since its birth, ended threads included (where nobody tells,
 * its CPU clock is read at each drain); and of all processes together, recorded or not, as far as it is known.
 */
void sp_collector_process_cpu(struct sp_target *target, uint64_t cpu_ns);
void sp_collector_tree_cpu(struct sp_collector *collector, uint64_t cpu_ns);

/* The process is about to end: files that it had mapped need not be held for it any longer. */
void sp_collector_release_files(struct sp_target *target);

/* The last drain must have been made. The target's part of the ledger stays. */
void sp_collector_detach(struct sp_target *target);

/*
 * Which locations of the profile stand in a stack that the host's traceback function gave: is_foreign[0..*n), for those
 * behind it false. Valid until the next drain.
 */
const bool *sp_collector_foreign(const struct sp_collector *collector, size_t *n);

/* The sum of all targets so far, detached ones too. */
void sp_collector_ledger(const struct sp_collector *collector, struct sp_ledger *ledger);

/*
 * The profile so far, owned by the collector and growing with the next drain; its comments, facts and accounts are the
 * ledger of now.
 * `duration_ns` is the time sampled. NULL when memory ran out on the way.
 */
struct sp_profile *sp_collector_profile(struct sp_collector *collector, int64_t duration_ns);

#endif
