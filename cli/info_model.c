/*
 * A profile's accounts by process, and its sums.
 *
 * Place: see info_model.h. Context: ordinary code of the command's only thread.
 */
#include "info_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int64_t sum(int64_t a, int64_t b)
{
    int64_t result;
    if (!__builtin_add_overflow(a, b, &result))
        return result;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

int64_t sp_info_period_ns(const struct sp_profile *profile)
{
    const bool is_time = strcmp(sp_profile_text(profile, profile->period_type.unit), "nanoseconds") == 0;
    return is_time && profile->period > 0 ? profile->period : 0;
}

int64_t sp_info_total(const struct sp_profile *profile, size_t type)
{
    int64_t total = 0;
    for (size_t i = 0; i < profile->samples.n; i++)
        total = sum(total, profile->values.at[i * profile->sample_types.n + type]);
    return total;
}

/* By process; the accounts of the process itself before those of threads, which are by CPU time. */
static int by_process(const void *a, const void *b)
{
    const struct sp_account *left = *(const struct sp_account *const *)a;
    const struct sp_account *right = *(const struct sp_account *const *)b;
    if (left->pid != right->pid)
        return left->pid < right->pid ? -1 : 1;
    if ((left->n_threads == 0) != (right->n_threads == 0))
        return left->n_threads == 0 ? -1 : 1;
    if (left->kernel_ns != right->kernel_ns)
        return left->kernel_ns > right->kernel_ns ? -1 : 1;
    return (left > right) - (left < right);
}

static int by_cpu(const void *a, const void *b)
{
    const struct sp_info_process *left = a, *right = b;
    if (left->kernel_ns != right->kernel_ns)
        return left->kernel_ns > right->kernel_ns ? -1 : 1;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

static void add_account(struct sp_info_process *process, const struct sp_account *account)
{
    process->kernel_ns = sum(process->kernel_ns, account->kernel_ns);
    process->recorded_ns = sum(process->recorded_ns, account->recorded_ns);
    process->unsampled_ns = sum(process->unsampled_ns, account->unsampled_ns);
}

/*
 * The process whose accounts begin at `*at`, which moves behind them. It has an account of its own for each program
 * that it ran; where it has none, its threads make it up.
 */
static struct sp_info_process take_process(const struct sp_account **accounts, size_t n, size_t *at)
{
    struct sp_info_process process = {.pid = accounts[*at]->pid, .name = accounts[*at]->process};
    const bool has_own = accounts[*at]->n_threads == 0;
    for (; *at < n && accounts[*at]->pid == process.pid && accounts[*at]->n_threads == 0; ++*at)
        add_account(&process, accounts[*at]);
    process.first_thread = *at;
    for (; *at < n && accounts[*at]->pid == process.pid; ++*at)
        if (!has_own)
            add_account(&process, accounts[*at]);
    process.n_threads = *at - process.first_thread;
    return process;
}

static int group(struct sp_info *info)
{
    const size_t n = info->profile->accounts.n;
    info->threads = calloc(n + 1, sizeof *info->threads);
    info->processes = calloc(n + 1, sizeof *info->processes);
    if (info->threads == NULL || info->processes == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        info->threads[i] = &info->profile->accounts.at[i];
    qsort(info->threads, n, sizeof *info->threads, by_process);
    for (size_t at = 0; at < n;) {
        info->processes[info->n_processes] = take_process(info->threads, n, &at);
        info->n_threads += info->processes[info->n_processes++].n_threads;
    }
    qsort(info->processes, info->n_processes, sizeof *info->processes, by_cpu);
    return 0;
}

int sp_info_init(struct sp_info *info, const char *file, const struct sp_profile *profile)
{
    *info = (struct sp_info){.file = file, .profile = profile};
    info->has_ledger = sp_ledger_read_facts(profile, &info->ledger);
    const int error = group(info);
    if (error != 0)
        sp_info_done(info);
    return error;
}

void sp_info_done(struct sp_info *info)
{
    free(info->threads);
    free(info->processes);
    *info = (struct sp_info){0};
}
