/*
 * `sigprof info` for people: does it add up?
 *
 * Place: see info_model.h. Context: ordinary code of the command's only thread.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "info_model.h"

enum { ROWS = 20 };

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

/* A time of any size with its unit; two may stand in one call of printf. */
static const char *short_time(double ns, char text[32])
{
    if (ns >= 1e9)
        snprintf(text, 32, "%.4g s", ns / 1e9);
    else if (ns >= 1e6)
        snprintf(text, 32, "%.4g ms", ns / 1e6);
    else
        snprintf(text, 32, "%.4g µs", ns / 1e3);
    return text;
}

static void print_head(const struct sp_info *info, FILE *out)
{
    const struct sp_profile *profile = info->profile;
    const time_t began = (time_t)(profile->time_ns / 1000000000);
    char text[64] = "", duration[32];
    struct tm utc;
    if (profile->time_ns != 0 && gmtime_r(&began, &utc) != NULL)
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc);
    fprintf(out, "file       %s\n", info->file);
    if (text[0] != '\0' || profile->duration_ns > 0)
        fprintf(out, "recorded   %s%s%s\n", text, text[0] != '\0' && profile->duration_ns > 0 ? ", for " : "",
                profile->duration_ns > 0 ? short_time((double)profile->duration_ns, duration) : "");
}

static void print_trigger(const struct sp_ledger *ledger, FILE *out)
{
    char text[SP_REFUSAL_BYTES], period[32];
    fprintf(out, "rate       %.6g Hz asked (each %s of CPU time), %.6g Hz reached\n",
            ledger->period_ns > 0 ? 1e9 / (double)ledger->period_ns : 0, short_time((double)ledger->period_ns, period),
            sp_ledger_achieved_hz(ledger));
    fprintf(out, "trigger    %s (asked: %s)", sp_trigger_used_name(ledger->trigger_used),
            sp_trigger_name(ledger->trigger_asked));
    if (ledger->tick_ns > 0)
        fprintf(out, "; the kernel's tick is %.6g Hz", 1e9 / (double)ledger->tick_ns);
    fputc('\n', out);
    if (ledger->perf_slowed > 0)
        fprintf(out, "           perf events slowed in %" PRIu64 " threads: their signals came late\n",
                ledger->perf_slowed);
    if (sp_perf_refusal(ledger, text) != NULL)
        fprintf(out, "           %s\n", text);
    if (sp_timer_refusal(ledger, text) != NULL)
        fprintf(out, "           %s\n", text);
}

static void print_part(FILE *out, const struct sp_ledger *ledger, uint64_t ns, const char *what, const char *which)
{
    fprintf(out, "           %10.3f s  %5.1f %%  %s%s\n", seconds(ns), percent(ns, ledger->kernel_ns), what, which);
}

/* The equation of the ledger, line by line. */
static void print_cpu(const struct sp_ledger *ledger, FILE *out)
{
    fprintf(out, "\nCPU time   %10.3f s           by the kernel\n", seconds(ledger->kernel_ns));
    print_part(out, ledger, sp_ledger_recorded_ns(ledger), "recorded", "");
    print_part(out, ledger, sp_ledger_lost_ns(ledger), "lost", "");
    for (unsigned i = SP_GAP_NONE + 1; i < SP_GAPS; i++)
        if (ledger->unsampled_ns[i] > 0)
            print_part(out, ledger, ledger->unsampled_ns[i], "unsampled: ", sp_gap_name((enum sp_gap)i));
    if (sp_ledger_unsampled_ns(ledger) == 0)
        print_part(out, ledger, 0, "unsampled", "");
    print_part(out, ledger, sp_ledger_outside_ns(ledger), "outside: before and after, and programs not recorded", "");
}

static void print_loss(FILE *out, const char *name, struct sp_tally tally)
{
    if (tally.deliveries > 0)
        fprintf(out, "lost       %" PRIu64 " (weight %" PRIu64 "): %s\n", tally.deliveries, tally.weight, name);
}

static void print_count(FILE *out, uint64_t count, const char *what)
{
    if (count > 0)
        fprintf(out, "           %" PRIu64 " %s\n", count, what);
}

static void print_samples(const struct sp_ledger *ledger, FILE *out)
{
    fprintf(out,
            "\nsamples    %" PRIu64 " fired (weight %" PRIu64 "), %" PRIu64 " recorded (%" PRIu64 "), %" PRIu64
            " in the profile (%" PRIu64 ")\n",
            ledger->fired.deliveries, ledger->fired.weight, ledger->recorded.deliveries, ledger->recorded.weight,
            ledger->collected.deliveries, ledger->collected.weight);
    if (ledger->settled.weight > 0)
        fprintf(out, "           weight %" PRIu64 " of them was settled when threads ended\n", ledger->settled.weight);
    if (ledger->withheld.weight > 0)
        fprintf(out, "           weight %" PRIu64 " of that is not in the profile: the threads could not be sampled\n",
                ledger->withheld.weight);
    if (ledger->filtered.weight > 0)
        fprintf(out, "           weight %" PRIu64 " was refused by the program's filter, and is not in the profile\n",
                ledger->filtered.weight);
    for (unsigned i = 0; i < SP_LOSSES; i++)
        print_loss(out, sp_loss_name((enum sp_loss)i), ledger->lost[i]);
    print_loss(out, "memory limit", ledger->over_memory);
    print_count(out, ledger->damaged, "damaged records skipped: the program has overwritten the profiler's memory");
    print_count(out, ledger->stray, "stray signals, not ours");
}

static void print_stacks(const struct sp_ledger *ledger, FILE *out)
{
    const uint64_t all = ledger->ends[SP_STACK_COMPLETE] + sp_ledger_cut(ledger);
    const char *separator = "stacks     ";
    for (unsigned i = 0; i < SP_STACK_ENDS; i++) {
        if (ledger->ends[i] == 0)
            continue;
        fprintf(out, "%s%.1f %% %s", separator, percent(ledger->ends[i], all), sp_stack_end_name((enum sp_stack_end)i));
        separator = ", ";
    }
    if (all > 0)
        fprintf(out, "; %.1f %% of frames in no mapping\n", percent(ledger->unmapped_frames, ledger->frames));
    print_count(out, ledger->unsure_frames, "frames in libraries that came or went: which one it was is not known");
    print_count(out, ledger->untold_unloads, "times that libraries were unloaded and nobody could be told which");
    if (ledger->frames_walked > 0)
        fprintf(out, "unwinding  %" PRIu64 " frames, %.2f %% of their rules not in the cache\n", ledger->frames_walked,
                percent(ledger->rules_missed, ledger->frames_walked));
    if (ledger->virtual_placed > 0)
        fprintf(out, "interpreted %" PRIu64 " frames of interpreters\n", ledger->virtual_placed);
    print_count(out, ledger->virtual_dropped,
                "published and left by a jump, or without room in their stack: not shown");
    print_count(out, ledger->virtual_damaged, "published that make no sense: not shown");
    print_count(out, ledger->names_refused, "functions of interpreters without a name: there is no room for more");
    if (ledger->tracebacks > 0)
        fprintf(out, "tracebacks %" PRIu64 " calls of the program's function\n", ledger->tracebacks);
    print_count(out, ledger->tracebacks_empty, "gave no stack: walked by sigprof");
    print_count(out, ledger->tracebacks_garbled, "gave a word that is no address: the stack ends before it");
    print_count(out, ledger->tracebacks_overrun, "wrote behind their buffer: not called any more, walked by sigprof");
    fprintf(out, "threads    %" PRIu64 " armed, %" PRIu64 " sampled\n", ledger->threads_armed, ledger->threads_sampled);
    print_count(out, ledger->brief.deliveries, "ended before a sample was due: samples of others stand for them");
    print_count(out, ledger->slots_full, "without a slot: there were more threads than slots");
    print_count(out, ledger->timers_refused, "without a timer of their own: sampled by the process's timer");
}

static void print_times(FILE *out, int64_t kernel_ns, int64_t recorded_ns)
{
    const double difference = ((double)recorded_ns - (double)kernel_ns) / 1e9;
    const bool is_zero = difference > -0.0005 && difference < 0.0005; /* else printed as -0.000 */
    fprintf(out, "%10.3f s %10.3f s %+10.3f s", (double)kernel_ns / 1e9, (double)recorded_ns / 1e9,
            is_zero ? 0 : difference);
}

static void print_process(const struct sp_info *info, const struct sp_info_process *process, FILE *out)
{
    print_times(out, process->kernel_ns, process->recorded_ns);
    fprintf(out, " %8" PRId32 "          %s", process->pid, sp_profile_text(info->profile, process->name));
    if (process->unsampled_ns > 0)
        fprintf(out, "  %.3f s unsampled", (double)process->unsampled_ns / 1e9);
    fputc('\n', out);
}

static void print_thread(const struct sp_info *info, const struct sp_account *account, FILE *out)
{
    const char *reason = sp_profile_text(info->profile, account->reason);
    print_times(out, account->kernel_ns, account->recorded_ns);
    if (account->tid != 0)
        fprintf(out, " %8s %8" PRId32, "", account->tid);
    else
        fprintf(out, " %8s %8s", "", "");
    fprintf(out, "   %s", sp_profile_text(info->profile, account->thread));
    if (account->n_threads > 1)
        fprintf(out, " (%" PRIu32 " threads)", account->n_threads);
    if (account->unsampled_ns > 0)
        fprintf(out, "  %.3f s unsampled: %s", (double)account->unsampled_ns / 1e9, reason);
    fputc('\n', out);
}

static void print_table(const struct sp_info *info, bool has_all_rows, FILE *out)
{
    const size_t all = info->n_processes + info->n_threads, limit = has_all_rows ? all : ROWS;
    size_t rows = 0;
    if (all == 0)
        return;
    fprintf(out, "\n%12s %12s %12s %8s %8s %s\n", "kernel", "recorded", "difference", "pid", "tid", "name");
    for (size_t i = 0; i < info->n_processes && rows < limit; i++) {
        const struct sp_info_process *process = &info->processes[i];
        print_process(info, process, out);
        rows++;
        for (size_t k = 0; k < process->n_threads && rows < limit; k++, rows++)
            print_thread(info, info->threads[process->first_thread + k], out);
    }
    if (rows < all)
        fprintf(out, "and %zu more; --all shows them\n", all - rows);
}

static void print_types(const struct sp_profile *profile, FILE *out)
{
    const int64_t period_ns = sp_info_period_ns(profile);
    char text[32];
    if (period_ns > 0)
        fprintf(out, "period     %s of %s\n", short_time((double)period_ns, text),
                sp_profile_text(profile, profile->period_type.type));
    fprintf(out, "samples    %zu different\n", profile->samples.n);
    for (size_t i = 0; i < profile->sample_types.n; i++)
        fprintf(out, "total      %" PRId64 " %s of type %s\n", sp_info_total(profile, i),
                sp_profile_text(profile, profile->sample_types.at[i].unit),
                sp_profile_text(profile, profile->sample_types.at[i].type));
}

static bool has_ledger_comment(const struct sp_profile *profile)
{
    for (size_t i = 0; i < profile->comments.n; i++)
        if (strncmp(sp_profile_text(profile, profile->comments.at[i]), "sigprof samples", 15) == 0)
            return true;
    return false;
}

/* A profile that is not ours, or of whose ledger only the comments are left. */
static void print_foreign(const struct sp_info *info, bool has_all_rows, FILE *out)
{
    const struct sp_profile *profile = info->profile;
    const size_t limit = has_all_rows ? profile->mappings.n : ROWS;
    print_types(profile, out);
    fputs(has_ledger_comment(profile)
              ? "ledger     only in the comments: the profile went through a tool that dropped sigprof's own fields\n"
              : "ledger     none: the profile is not sigprof's, so nothing tells what it lacks\n",
          out);
    for (size_t i = 0; i < profile->mappings.n && i < limit; i++) {
        const struct sp_mapping *mapping = &profile->mappings.at[i];
        fprintf(out, "mapping    %s  %s\n", sp_profile_text(profile, mapping->file),
                mapping->build_id != 0 ? sp_profile_text(profile, mapping->build_id) : "(no build id)");
    }
    if (limit < profile->mappings.n)
        fprintf(out, "           and %zu more; --all shows them\n", profile->mappings.n - limit);
    for (size_t i = 0; i < profile->comments.n; i++)
        fprintf(out, "comment    %s\n", sp_profile_text(profile, profile->comments.at[i]));
}

void sp_info_print_text(const struct sp_info *info, bool has_all_rows, FILE *out)
{
    print_head(info, out);
    if (!info->has_ledger) {
        print_foreign(info, has_all_rows, out);
        return;
    }
    print_trigger(&info->ledger, out);
    print_cpu(&info->ledger, out);
    print_samples(&info->ledger, out);
    print_stacks(&info->ledger, out);
    print_table(info, has_all_rows, out);
}
