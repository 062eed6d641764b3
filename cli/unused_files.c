/*
 * The lines on files that gave no names.
 *
 * Place and context: see unused_files.h.
 */
#include "unused_files.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "command.h"
#include "printable.h"

static const char *reason(int error)
{
    switch (error) {
    case -ESTALE:
        return "the file is another one than what was recorded: not used";
    case -ENOENT:
        return "the file is missing";
    case -ENODATA:
        return "the file has no symbols";
    case -EBADMSG:
        return "it is no ELF file, or is damaged";
    default:
        return strerror(-error);
    }
}

static bool is_gone(const struct sp_symbolize_problem *problem)
{
    return problem->error == -ESTALE || problem->error == -ENOENT;
}

static const char *addresses(uint64_t n)
{
    return n == 1 ? "address" : "addresses";
}

/* What has no name and no file of its own to blame. */
static void print_rest(const struct sp_symbolize_stats *stats)
{
    if (stats->unused > stats->n_problems)
        sp_complain("no names from %" PRIu64 " more files", stats->unused - stats->n_problems);
    if (stats->uncovered > 0)
        sp_complain("no names for %" PRIu64 " %s in the files that were opened: their symbols do not cover them; are "
                    "the files stripped?",
                    stats->uncovered, addresses(stats->uncovered));
    if (stats->anonymous > 0)
        sp_complain("no names for %" PRIu64 " %s in memory that is no file's", stats->anonymous,
                    addresses(stats->anonymous));
}

void sp_unused_files_print(const struct sp_profile *profile, const struct sp_symbolize_stats *stats, bool only_gone)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < stats->n_problems; i++) {
        const struct sp_symbolize_problem *problem = &stats->problems[i];
        if (only_gone && !is_gone(problem))
            continue;
        sp_complain("no names for %" PRIu64 " %s in %s: %s", problem->locations, addresses(problem->locations),
                    sp_printable(sp_profile_text(profile, problem->file), path, sizeof path), reason(problem->error));
    }
    if (!only_gone)
        print_rest(stats);
}
