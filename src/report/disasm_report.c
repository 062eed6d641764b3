/*
 * The report `disasm`: the instructions of the functions whose names match, or of the one at an address, with what each
 * took.
 *
 * Layout, numbers and order are those of google/pprof as in Go 1.26 (internal/report/report.go, PrintAssembly). What it
 * does otherwise on purpose is in docs/pprof.md: instructions are objdump's.
 *
 * Place on the way of a sample: profile → graph of addresses → routines.c → *this* → what the user reads.
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"
#include "report/annotated.h"
#include "report/names.h"
#include "report/objdump.h"
#include "report/report_json.h"
#include "report/routines.h"

enum { SHORT = 40, PLACE_COLUMN = 74 };

/* An instruction with its values, and where it is from. */
struct row {
    const struct sp_instruction *instruction;
    int64_t flat, cum, flat_divisor, cum_divisor, line;
    const char *function, *file; /* the file's name without folders */
    int file_length;
};

static void set_file(struct row *row, const char *path)
{
    size_t length;
    row->file = path[0] ? sp_base_name(path, &length) : "";
    row->file_length = path[0] ? (int)length : 0;
}

static void add_node(struct row *row, const struct sp_node *node)
{
    row->flat = sp_wrapping_sum(row->flat, node->flat);
    row->cum = sp_wrapping_sum(row->cum, node->cum);
    row->flat_divisor = sp_wrapping_sum(row->flat_divisor, node->flat_divisor);
    row->cum_divisor = sp_wrapping_sum(row->cum_divisor, node->cum_divisor);
    if (row->file_length == 0)
        set_file(row, node->file);
    if (row->line == 0)
        row->line = node->line;
    if (row->function[0] == '\0')
        row->function = node->name;
}

/* Instruction `i` with the samples up to the next one, from the routine's place `*at` on: some are amid it (pc - 1). */
static void make_row(const struct sp_disassembly *code, size_t i, const struct sp_routine *routine, size_t *at,
                     struct row *row)
{
    const struct sp_instruction *instruction = &code->at[i];
    *row = (struct row){.instruction = instruction, .function = instruction->function, .line = instruction->line};
    set_file(row, instruction->file);
    uint64_t next = i + 1 < code->n ? instruction[1].address : UINT64_MAX;
    for (; *at < routine->n_places && routine->places[*at].address < next; ++*at)
        add_node(row, routine->places[*at].node);
}

static bool is_same_place(const struct row *a, const struct row *b)
{
    return a->line == b->line && a->file_length == b->file_length && strcmp(a->function, b->function) == 0 &&
           strncmp(a->file, b->file, (size_t)a->file_length) == 0;
}

static void print_place(const struct row *row, FILE *out)
{
    fputc(';', out);
    if (row->function[0])
        fprintf(out, "%s ", row->function);
    fprintf(out, "%.*s", row->file_length, row->file);
    if (row->file_length > 0 && row->line != 0)
        fprintf(out, ":%lld", (long long)row->line);
}

/* The place is shown where it differs from the one before: behind the instruction, or above one that is long. */
static void print_row(const struct sp_report *report, const struct row *row, bool has_place, FILE *out)
{
    const char *text = row->instruction->text;
    bool is_short = strlen(text) < SHORT;
    has_place = has_place && (row->function[0] || row->file_length > 0);
    if (has_place && !is_short) {
        fprintf(out, "%*s", PLACE_COLUMN, "");
        print_place(row, out);
        fputc('\n', out);
    }
    sp_print_line_values(report, sp_report_mean(row->flat, row->flat_divisor),
                         sp_report_mean(row->cum, row->cum_divisor), out);
    fprintf(out, "%10llx: ", (unsigned long long)row->instruction->address);
    sp_print_foreign_text(text, strlen(text), out);
    if (has_place && is_short) {
        fprintf(out, "%*s", SHORT - (int)strlen(text), "");
        print_place(row, out);
    }
    fputc('\n', out);
}

static void print_head(const struct sp_report *report, const struct sp_routine *routine, FILE *out)
{
    fprintf(out, "ROUTINE ======================== %s\n", routine->name);
    for (size_t i = 0; i < routine->n_others; i++)
        fprintf(out, "    AKA ======================== %s\n", routine->others[i].name);
    sp_print_routine_values(report, routine->flat, routine->cum, out);
}

static void print_rows(const struct sp_report *report, const struct sp_routine *routine,
                       const struct sp_disassembly *code, FILE *out)
{
    struct row row, last = {.function = "", .file = ""};
    for (size_t i = 0, at = 0; i < code->n; i++) {
        make_row(code, i, routine, &at, &row);
        print_row(report, &row, !is_same_place(&row, &last), out);
        last = row;
    }
}

static int disassemble(const struct sp_report *report, const struct sp_routine *routine, struct sp_disassembly *code,
                       char *why, size_t why_size)
{
    const struct sp_disassembly_options options = {.path = routine->path,
                                                   .start = routine->start,
                                                   .end = routine->end,
                                                   .is_intel_syntax = report->options.is_intel_syntax};
    int error = sp_disassemble(code, &options, why, why_size);
    return error == -ENOENT ? -ENOTSUP : error; /* ENOENT: nothing matches */
}

static int print(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    struct sp_routines routines;
    int error = sp_routines_init(&routines, report, why, why_size);
    if (!error) {
        sp_print_total(report, out);
        for (size_t i = 0; i < routines.n_troubles; i++)
            fprintf(out, " Error: %s\n", routines.troubles[i]);
    }
    for (size_t i = 0; !error && i < routines.n; i++) {
        struct sp_disassembly code;
        error = disassemble(report, &routines.at[i], &code, why, why_size);
        if (error)
            break;
        print_head(report, &routines.at[i], out);
        print_rows(report, &routines.at[i], &code, out);
        sp_disassembly_done(&code);
    }
    sp_routines_done(&routines);
    return error;
}

static int put_row(struct sp_json *json, const struct row *row)
{
    sp_json_line(json);
    sp_json_begin(json, '{');
    sp_json_key(json, "address");
    sp_json_hex(json, row->instruction->address);
    sp_put_line_values(json, sp_report_mean(row->flat, row->flat_divisor), sp_report_mean(row->cum, row->cum_divisor));
    int error = sp_put_foreign_text(json, "text", row->instruction->text, strlen(row->instruction->text));
    if (!error)
        error = sp_put_foreign_text(json, "function", row->function, strlen(row->function));
    if (!error)
        error = sp_put_foreign_text(json, "file", row->file, (size_t)row->file_length);
    sp_json_put_int(json, "line", row->line);
    sp_json_end(json, '}');
    return error;
}

static int put_routine(struct sp_json *json, const struct sp_routine *routine, const struct sp_disassembly *code)
{
    int error = sp_put_foreign_text(json, "name", routine->name, strlen(routine->name));
    sp_json_open(json, "others", '[');
    for (size_t i = 0; i < routine->n_others && !error; i++) {
        sp_json_begin(json, '{');
        error = sp_put_foreign_text(json, "name", routine->others[i].name, strlen(routine->others[i].name));
        sp_json_end(json, '}');
    }
    sp_json_end(json, ']');
    sp_json_put_string(json, "object", routine->path);
    sp_put_line_values(json, routine->flat, routine->cum);
    sp_json_open(json, "instructions", '[');
    for (size_t i = 0, at = 0; i < code->n && !error; i++) {
        struct row row;
        make_row(code, i, routine, &at, &row);
        error = put_row(json, &row);
    }
    sp_json_end(json, ']');
    return error;
}

static int print_json(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    struct sp_routines routines;
    struct sp_json json;
    int error = sp_routines_init(&routines, report, why, why_size);
    if (!error) {
        sp_report_json_begin(&json, report, "disasm", out);
        sp_json_open(&json, "routines", '[');
        for (size_t i = 0; !error && i < routines.n; i++) {
            struct sp_disassembly code;
            error = disassemble(report, &routines.at[i], &code, why, why_size);
            if (error)
                break;
            sp_json_line(&json);
            sp_json_begin(&json, '{');
            error = put_routine(&json, &routines.at[i], &code);
            sp_json_end(&json, '}');
            sp_disassembly_done(&code);
        }
        sp_json_end(&json, ']');
        sp_report_json_end(&json);
    }
    sp_routines_done(&routines);
    return error;
}

const struct sp_report_kind sp_report_disasm = {.name = "disasm", .print = print, .print_json = print_json};
