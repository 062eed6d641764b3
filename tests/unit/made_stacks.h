/*
 * Profiles for tests of reports, written as stacks: add(profile, 1, 30, "leaf<caller main").
 */
#ifndef SIGPROF_TESTS_MADE_STACKS_H
#define SIGPROF_TESTS_MADE_STACKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

enum { MOST_FRAMES = 8 };

static inline struct sp_profile *new_profile(void)
{
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_profile_add_sample_type(profile, "samples", "count");
    sp_profile_add_sample_type(profile, "cpu", "nanoseconds");
    struct sp_mapping mapping = {.file = sp_profile_string(profile, "/usr/bin/prog")};
    sp_profile_add_mapping(profile, &mapping);
    return profile;
}

/* The line of "name" or "name@file:12". */
static inline struct sp_line made_line(struct sp_profile *profile, const char *text, size_t length)
{
    char name[128];
    snprintf(name, sizeof(name), "%.*s", (int)length, text);
    char *file = strchr(name, '@'), *number = file ? strrchr(file, ':') : NULL;
    if (number)
        *number = '\0';
    if (file)
        *file = '\0';
    struct sp_function function = {.name = sp_profile_string(profile, name)};
    function.system_name = function.name;
    function.filename = sp_profile_string(profile, file ? file + 1 : "");
    return (struct sp_line){.function = sp_profile_function(profile, &function), .line = number ? atoi(number + 1) : 0};
}

/* The location of a frame: names separated by "<" are inlined into each other, innermost first. */
static inline uint32_t frame(struct sp_profile *profile, const char *names)
{
    struct sp_line lines[MOST_FRAMES] = {0};
    uint32_t n = 0;
    for (const char *at = names; at; at = strchr(at, '<')) {
        at += *at == '<';
        lines[n++] = made_line(profile, at, strcspn(at, "<"));
    }
    struct sp_location location = {.mapping = 0};
    return sp_profile_add_location(profile, &location, lines, n);
}

/* Adds a sample; the frames, leaf first, are separated by spaces. */
static inline void add(struct sp_profile *profile, int64_t count, int64_t ns, const char *stack)
{
    uint32_t locations[MOST_FRAMES], n = 0;
    char *frames = strdup(stack), *rest = NULL;
    for (char *name = strtok_r(frames, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        locations[n++] = frame(profile, name);
    free(frames);
    sp_profile_append_sample(profile, locations, n, NULL, 0, (int64_t[]){count, ns});
}

/* pprof's defaults, for the second sample type. */
static inline struct sp_report_options usual_options(void)
{
    return (struct sp_report_options){
        .value_index = 1,
        .mean_index = SP_NO_VALUE,
        .divide_by = 1,
        .node_fraction = 0.005,
        .edge_fraction = 0.001,
    };
}

/* What the report prints, as text or JSON, of the profile, which is freed, is `expected`. */
static inline void assert_printed(const struct sp_report_kind *kind, bool is_json, struct sp_profile *profile,
                                  const struct sp_report_options *options, const char *expected)
{
    char *text = NULL, why[256] = "";
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct sp_report report;
    assert_int_equal(sp_profile_check(profile, NULL, 0), 0);
    assert_int_equal(sp_report_init(&report, profile, options), 0);
    int error = (is_json ? kind->print_json : kind->print)(&report, out, why, sizeof(why));
    assert_int_equal(error, 0);
    sp_report_done(&report);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
    sp_profile_free(profile);
}

static inline void assert_prints(const struct sp_report_kind *kind, struct sp_profile *profile,
                                 const struct sp_report_options *options, const char *expected)
{
    assert_printed(kind, false, profile, options, expected);
}

#endif
