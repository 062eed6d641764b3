/*
 * What all reports in JSON begin and end with. See report_json.h.
 * Context: ordinary code.
 */
#include "report/report_json.h"

#include "report/label_lines.h"

static int write_to(void *out, const void *data, size_t n)
{
    fwrite(data, 1, n, out);
    return 0;
}

void sp_report_json_begin(struct sp_json *json, const struct sp_report *report, const char *name, FILE *out)
{
    sp_json_init(json, write_to, out);
    sp_json_begin(json, '{');
    sp_json_put_string(json, "report", name);
    sp_json_put_string(json, "type", report->type);
    sp_json_put_string(json, "unit", report->unit);
    sp_json_put_int(json, "total", sp_report_divided(report, report->total));
}

void sp_report_json_end(struct sp_json *json)
{
    sp_json_end(json, '}');
    sp_json_finish(json);
}

static void put_label(struct sp_json *json, const struct sp_report *report, const struct sp_label *label)
{
    sp_json_begin(json, '{');
    sp_json_put_string(json, "key", sp_profile_text(report->profile, label->key));
    if (sp_label_is_text(label)) {
        sp_json_put_string(json, "text", sp_profile_text(report->profile, label->str));
    } else {
        sp_json_put_int(json, "number", label->num);
        sp_json_put_string(json, "unit", sp_label_unit(report->label_units, label->key));
    }
    sp_json_end(json, '}');
}

void sp_report_json_labels(struct sp_json *json, const struct sp_report *report, const struct sp_sample *sample)
{
    const struct sp_label *labels = report->profile->labels.at + sample->first_label;
    sp_json_open(json, "labels", '[');
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        if (sp_label_is_text(&labels[i]) || sp_label_is_number(&labels[i]))
            put_label(json, report, &labels[i]);
    }
    sp_json_end(json, ']');
}
