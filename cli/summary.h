/*
 * What `sigprof record` says on stderr when a profile is written: how much it has, and what it lacks and why.
 *
 * Place: cli; the ledger in a few lines. Context: ordinary code of one thread.
 */
#ifndef SIGPROF_CLI_SUMMARY_H
#define SIGPROF_CLI_SUMMARY_H

#include "collector/ledger.h"
#include "profile/profile.h"

/* One line, and one for each kind of loss, each reason of unsampled time, and a rate that was not reached. */
void sp_summary_print(const struct sp_ledger *ledger, const struct sp_profile *profile);

#endif
