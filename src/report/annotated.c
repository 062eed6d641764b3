/*
 * Lines with values before them. See annotated.h.
 * Context: ordinary code.
 */
#include "report/annotated.h"

#include <errno.h>
#include <stdlib.h>

#include "profile/utf8.h"

enum { VALUE_WIDTH = 10 };

void sp_print_total(const struct sp_report *report, FILE *out)
{
    fputs("Total: ", out);
    sp_report_print_value(report, report->total, 0, out);
    fputc('\n', out);
}

void sp_print_routine_values(const struct sp_report *report, int64_t flat, int64_t cum, FILE *out)
{
    sp_report_print_value(report, flat, VALUE_WIDTH, out);
    fputc(' ', out);
    sp_report_print_value(report, cum, VALUE_WIDTH, out);
    fputs(" (flat, cum) ", out);
    sp_report_print_percent(cum, report->total, out);
    fputs(" of Total\n", out);
}

static void print_value_or_dot(const struct sp_report *report, int64_t value, FILE *out)
{
    if (value == 0)
        fprintf(out, "%*s", VALUE_WIDTH, ".");
    else
        sp_report_print_value(report, value, VALUE_WIDTH, out);
    fputc(' ', out);
}

void sp_print_line_values(const struct sp_report *report, int64_t flat, int64_t cum, FILE *out)
{
    print_value_or_dot(report, flat, out);
    print_value_or_dot(report, cum, out);
}

void sp_put_line_values(struct sp_json *json, int64_t flat, int64_t cum)
{
    sp_json_put_int(json, "flat", flat);
    sp_json_put_int(json, "cum", cum);
}

void sp_print_foreign_text(const char *text, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)text[i];
        fputc((byte < ' ' && byte != '\t' && byte != '\f') || byte == 0x7f ? '?' : byte, out);
    }
}

int sp_put_foreign_text(struct sp_json *json, const char *key, const char *text, size_t n)
{
    char *repaired = malloc(SP_UTF8_REPAIRED_MAX(n) + 1);
    if (!repaired)
        return -ENOMEM;
    repaired[sp_utf8_repair(repaired, text, n)] = '\0';
    sp_json_put_string(json, key, repaired);
    free(repaired);
    return 0;
}
