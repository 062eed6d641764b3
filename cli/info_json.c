/*
 * `sigprof info --json`.
 *
 * Place: see info_model.h. Context: ordinary code of the command's only thread. Strings of a profile are UTF-8 without
 * NUL; the file's name may be anything, and what is not UTF-8 in it goes out as it came.
 */
#include <inttypes.h>

#include "info_model.h"

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void put_string_or_null(FILE *out, const char *text)
{
    if (text == NULL || text[0] == '\0')
        fputs("null", out);
    else
        put_string(out, text);
}

static void put_tally(FILE *out, const char *name, struct sp_tally tally, const char *end)
{
    put_string(out, name);
    fprintf(out, ": {\"count\": %" PRIu64 ", \"weight\": %" PRIu64 "}%s", tally.deliveries, tally.weight, end);
}

static void put_number(FILE *out, const char *name, uint64_t value, const char *end)
{
    put_string(out, name);
    fprintf(out, ": %" PRIu64 "%s", value, end);
}

static double hz(uint64_t ns)
{
    return ns > 0 ? 1e9 / (double)ns : 0;
}

static void put_trigger(FILE *out, const struct sp_ledger *ledger)
{
    char text[SP_REFUSAL_BYTES];
    fprintf(out,
            "  \"trigger\": {\"asked\": \"%s\", \"used\": \"%s\", \"tick_hz\": %.3f, \"achieved_hz\": %.3f,\n"
            "              \"perf_slowed\": %" PRIu64 ", \"perf_refused\": ",
            sp_trigger_name(ledger->trigger_asked), sp_trigger_used_name(ledger->trigger_used), hz(ledger->tick_ns),
            sp_ledger_achieved_hz(ledger), ledger->perf_slowed);
    put_string_or_null(out, sp_perf_refusal(ledger, text));
    fputs(", \"timer_refused\": ", out);
    put_string_or_null(out, sp_timer_refusal(ledger, text));
    fputs("},\n", out);
}

static void put_samples(FILE *out, const struct sp_ledger *ledger)
{
    fputs("  \"samples\": {", out);
    put_tally(out, "fired", ledger->fired, ", ");
    put_tally(out, "recorded", ledger->recorded, ",\n              ");
    put_tally(out, "collected", ledger->collected, ", ");
    put_tally(out, "settled", ledger->settled, ", ");
    put_tally(out, "withheld", ledger->withheld, ", ");
    put_tally(out, "filtered", ledger->filtered, ",\n              \"lost\": {");
    for (unsigned i = 0; i < SP_LOSSES; i++)
        put_tally(out, sp_loss_name((enum sp_loss)i), ledger->lost[i], ",\n                       ");
    put_tally(out, "memory limit", ledger->over_memory, "},\n              ");
    put_number(out, "damaged", ledger->damaged, ", ");
    put_number(out, "stray", ledger->stray, ", ");
    put_number(out, "early", ledger->early, "},\n");
}

static void put_stacks_and_threads(FILE *out, const struct sp_ledger *ledger)
{
    fputs("  \"stacks\": {", out);
    for (unsigned i = 0; i < SP_STACK_ENDS; i++)
        put_number(out, sp_stack_end_name((enum sp_stack_end)i), ledger->ends[i], ", ");
    put_number(out, "frames", ledger->frames, ", ");
    put_number(out, "frames in no mapping", ledger->unmapped_frames, ", ");
    put_number(out, "frames in an unknown library", ledger->unsure_frames, "},\n  \"unloading\": {");
    put_number(out, "untold", ledger->untold_unloads, "},\n  \"unwinding\": {");
    put_number(out, "frames", ledger->frames_walked, ", ");
    put_number(out, "rules missed", ledger->rules_missed, "},\n  \"interpreters\": {");
    put_number(out, "frames", ledger->virtual_placed, ", ");
    put_number(out, "dropped", ledger->virtual_dropped, ", ");
    put_number(out, "damaged", ledger->virtual_damaged, ", ");
    put_number(out, "functions refused", ledger->names_refused, "},\n  \"tracebacks\": {");
    put_number(out, "called", ledger->tracebacks, ", ");
    put_number(out, "empty", ledger->tracebacks_empty, ", ");
    put_number(out, "garbled", ledger->tracebacks_garbled, ", ");
    put_number(out, "overrun", ledger->tracebacks_overrun, "},\n  \"threads\": {");
    put_number(out, "armed", ledger->threads_armed, ", ");
    put_number(out, "sampled", ledger->threads_sampled, ", ");
    put_number(out, "without a slot", ledger->slots_full, ", ");
    put_number(out, "without a timer", ledger->timers_refused, "},\n");
}

static void put_cpu(FILE *out, const struct sp_ledger *ledger)
{
    fputs("  \"cpu\": {", out);
    put_number(out, "kernel_ns", ledger->kernel_ns, ", ");
    put_number(out, "recorded_ns", sp_ledger_recorded_ns(ledger), ", ");
    put_number(out, "lost_ns", sp_ledger_lost_ns(ledger), ",\n          \"unsampled_ns\": {");
    for (unsigned i = SP_GAP_NONE + 1; i < SP_GAPS; i++)
        put_number(out, sp_gap_name((enum sp_gap)i), ledger->unsampled_ns[i],
                   i + 1 < SP_GAPS ? ", " : "},\n          ");
    put_number(out, "outside_ns", sp_ledger_outside_ns(ledger), "},\n");
}

static void put_times(FILE *out, int64_t kernel_ns, int64_t recorded_ns, int64_t unsampled_ns)
{
    fprintf(out, ", \"kernel_ns\": %" PRId64 ", \"recorded_ns\": %" PRId64 ", \"unsampled_ns\": %" PRId64, kernel_ns,
            recorded_ns, unsampled_ns);
}

static void put_thread(FILE *out, const struct sp_profile *profile, const struct sp_account *account)
{
    fprintf(out, "      {\"tid\": %" PRId32 ", \"name\": ", account->tid);
    put_string(out, sp_profile_text(profile, account->thread));
    put_times(out, account->kernel_ns, account->recorded_ns, account->unsampled_ns);
    fputs(", \"reason\": ", out);
    put_string_or_null(out, sp_profile_text(profile, account->reason));
    fputc('}', out);
}

static void put_process(FILE *out, const struct sp_info *info, const struct sp_info_process *process)
{
    fprintf(out, "    {\"pid\": %" PRId32 ", \"name\": ", process->pid);
    put_string(out, sp_profile_text(info->profile, process->name));
    put_times(out, process->kernel_ns, process->recorded_ns, process->unsampled_ns);
    fputs(",\n     \"threads\": [", out);
    for (size_t i = 0; i < process->n_threads; i++) {
        fputs(i == 0 ? "\n" : ",\n", out);
        put_thread(out, info->profile, info->threads[process->first_thread + i]);
    }
    fputs("]}", out);
}

static void put_ledger(FILE *out, const struct sp_info *info)
{
    put_trigger(out, &info->ledger);
    put_samples(out, &info->ledger);
    put_stacks_and_threads(out, &info->ledger);
    put_cpu(out, &info->ledger);
    fputs("  \"processes\": [", out);
    for (size_t i = 0; i < info->n_processes; i++) {
        fputs(i == 0 ? "\n" : ",\n", out);
        put_process(out, info, &info->processes[i]);
    }
    fputs("]\n", out);
}

/* What any profile has. */
static void put_types(FILE *out, const struct sp_profile *profile)
{
    fputs("  \"sample_types\": [", out);
    for (size_t i = 0; i < profile->sample_types.n; i++) {
        fputs(i == 0 ? "{\"type\": " : ", {\"type\": ", out);
        put_string(out, sp_profile_text(profile, profile->sample_types.at[i].type));
        fputs(", \"unit\": ", out);
        put_string(out, sp_profile_text(profile, profile->sample_types.at[i].unit));
        fprintf(out, ", \"total\": %" PRId64 "}", sp_info_total(profile, i));
    }
    fprintf(out, "],\n  \"sample_count\": %zu,\n", profile->samples.n);
}

static void put_mappings(FILE *out, const struct sp_profile *profile)
{
    fputs("  \"mappings\": [", out);
    for (size_t i = 0; i < profile->mappings.n; i++) {
        fputs(i == 0 ? "{\"file\": " : ",\n               {\"file\": ", out);
        put_string(out, sp_profile_text(profile, profile->mappings.at[i].file));
        fputs(", \"build_id\": ", out);
        put_string_or_null(out, sp_profile_text(profile, profile->mappings.at[i].build_id));
        fputc('}', out);
    }
    fputs("],\n  \"comments\": [", out);
    for (size_t i = 0; i < profile->comments.n; i++) {
        fputs(i == 0 ? "" : ",\n               ", out);
        put_string(out, sp_profile_text(profile, profile->comments.at[i]));
    }
    fputs("],\n", out);
}

void sp_info_print_json(const struct sp_info *info, FILE *out)
{
    const struct sp_profile *profile = info->profile;
    const int64_t period_ns = sp_info_period_ns(profile);
    fputs("{\n  \"file\": ", out);
    put_string(out, info->file);
    fprintf(out, ",\n  \"period_ns\": %" PRId64 ",\n  \"rate_hz\": %.3f,\n  \"duration_ns\": %" PRId64, period_ns,
            hz((uint64_t)period_ns), profile->duration_ns);
    fprintf(out, ",\n  \"time_ns\": %" PRId64 ",\n", profile->time_ns);
    if (info->has_ledger) {
        put_ledger(out, info);
    } else {
        put_types(out, profile);
        put_mappings(out, profile);
        fputs("  \"ledger\": null\n", out);
    }
    fputs("}\n", out);
}
