/*
 * The pprof format: what is written is read back, what is hostile is refused with a reason and within its memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/bytes.h"
#include "formats/formats.h"
#include "formats/gzip.h"
#include "formats/pprof.h"

enum {
    FLIP_SEEDS = 20000,
    SMALL_LIMIT = 1 << 20,
    BOMB_BYTES = 64 << 20,
};

/* A message of a profile.proto, built by hand. */
static void put_varint_field(struct sp_bytes *to, unsigned number, uint64_t value)
{
    sp_bytes_put_varint(to, number << 3);
    sp_bytes_put_varint(to, value);
}

static void put_bytes_field(struct sp_bytes *to, unsigned number, const void *data, size_t n)
{
    sp_bytes_put_varint(to, number << 3 | 2);
    sp_bytes_put_varint(to, n);
    sp_bytes_put(to, data, n);
}

/* A message whose fields are the given (number, value) pairs, ended by 0. */
static void put_message(struct sp_bytes *to, unsigned number, const uint64_t *pairs)
{
    struct sp_bytes inner = {0};
    for (; *pairs; pairs += 2)
        put_varint_field(&inner, (unsigned)pairs[0], pairs[1]);
    put_bytes_field(to, number, inner.at, inner.n);
    sp_bytes_done(&inner);
}
#define MESSAGE(to, number, ...) put_message((to), (number), (const uint64_t[]){__VA_ARGS__, 0})

static void put_strings(struct sp_bytes *to)
{
    static const char *const strings[] = {"", "cpu", "ns", "main", "file"};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        put_bytes_field(to, PPROF_STRING, strings[i], strlen(strings[i]));
}

static struct sp_profile *read_good(const struct sp_bytes *bytes)
{
    struct sp_profile *profile = NULL;
    char why[256] = "";
    if (sp_pprof_read(bytes->at, bytes->n, SMALL_LIMIT * 64, &profile, why, sizeof(why)) != 0)
        fail_msg("refused: %s", why);
    if (sp_profile_check(profile, why, sizeof(why)) != 0)
        fail_msg("does not hold together: %s", why);
    return profile;
}

/* The bytes are refused with this error and a reason that contains `expected`; `bytes` is freed. */
static void assert_refused(struct sp_bytes *bytes, int error, const char *expected)
{
    struct sp_profile *untouched = (struct sp_profile *)(uintptr_t)1, *profile = untouched;
    char why[256] = "";
    assert_int_equal(sp_pprof_read(bytes->at, bytes->n, SMALL_LIMIT, &profile, why, sizeof(why)), error);
    if (!strstr(why, expected))
        fail_msg("\"%s\" does not name \"%s\"", why, expected);
    assert_ptr_equal(profile, untouched);
    sp_bytes_done(bytes);
}

static uint32_t add_function(struct sp_profile *profile, const char *name, const char *system_name)
{
    struct sp_function function = {
        .name = sp_profile_string(profile, name),
        .system_name = sp_profile_string(profile, system_name),
        .filename = sp_profile_string(profile, "/src/file.c"),
        .start_line = 12,
    };
    return sp_profile_function(profile, &function);
}

/* A profile that uses every field. */
static struct sp_profile *full_profile(void)
{
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_profile_add_sample_type(profile, "samples", "count");
    sp_profile_add_sample_type(profile, "cpu", "nanoseconds");
    struct sp_mapping mapping = {
        .start = 0x400000,
        .limit = UINT64_MAX,
        .file_offset = 0x1000,
        .file = sp_profile_string(profile, "/usr/bin/prog"),
        .build_id = sp_profile_string(profile, "deadbeef"),
        .has_functions = true,
        .has_inline_frames = true,
    };
    uint32_t map = sp_profile_add_mapping(profile, &mapping);
    struct sp_line lines[] = {
        {add_function(profile, "inner", "_Zinner"), 10, 3},
        {add_function(profile, "outer", "outer"), -1, 0},
    };
    struct sp_location folded = {.mapping = SP_NONE, .address = UINT64_MAX, .is_folded = true};
    uint32_t stack[] = {sp_profile_location(profile, map, 0x400010), sp_profile_location(profile, map, 0x400020),
                        sp_profile_add_location(profile, &folded, lines + 1, 1)};
    sp_profile_set_lines(profile, stack[0], lines, 2);
    struct sp_label labels[] = {
        {.key = sp_profile_string(profile, "thread"), .str = sp_profile_string(profile, "worker")},
        {.key = sp_profile_string(profile, "tid"), .num = -7, .unit = sp_profile_string(profile, "id")},
    };
    sp_profile_add_sample(profile, stack, 3, labels, 2, (int64_t[]){1, 10000000});
    sp_profile_add_sample(profile, stack + 1, 2, NULL, 0, (int64_t[]){-1, INT64_MIN});
    sp_profile_add_sample(profile, NULL, 0, NULL, 0, (int64_t[]){0, INT64_MAX});
    sp_profile_add_comment(profile, "ledger: 3 fired, 3 recorded");
    sp_profile_add_comment(profile, "second");
    profile->period_type = profile->sample_types.at[1];
    profile->period = 10000000;
    profile->time_ns = 1700000000000000000;
    profile->duration_ns = 5000000000;
    profile->drop_frames = sp_profile_string(profile, "drop");
    profile->keep_frames = sp_profile_string(profile, "keep");
    profile->default_sample_type = sp_profile_string(profile, "cpu");
    profile->doc_url = sp_profile_string(profile, "https://example.org");
    sp_profile_set_fact(profile, "fired.count", -3, NULL);
    sp_profile_set_fact(profile, "trigger.used", INT64_MAX, "timer");
    struct sp_account account = {
        .pid = 12,
        .tid = INT32_MAX,
        .n_threads = 1,
        .process = sp_profile_string(profile, "prog"),
        .thread = labels[0].str,
        .reason = sp_profile_string(profile, "SIGPROF blocked"),
        .kernel_ns = INT64_MAX,
        .recorded_ns = 1,
        .unsampled_ns = 2,
    };
    sp_profile_add_account(profile, &account);
    sp_profile_add_account(profile, &(struct sp_account){.pid = 12, .n_threads = UINT32_MAX});
    assert_int_equal(sp_profile_error(profile), 0);
    return profile;
}

static struct sp_bytes full_file(void)
{
    struct sp_profile *profile = full_profile();
    struct sp_bytes bytes = {0};
    assert_int_equal(sp_pprof_write_plain(profile, NULL, &bytes), 0);
    sp_profile_free(profile);
    return bytes;
}

#define ASSERT_SAME_ARRAY(a, b, array)                                                            \
    do {                                                                                          \
        assert_int_equal((a)->array.n, (b)->array.n);                                             \
        assert_memory_equal((a)->array.at, (b)->array.at, (a)->array.n * sizeof(*(a)->array.at)); \
    } while (0)

static void assert_same_strings(const struct sp_profile *a, const struct sp_profile *b)
{
    assert_int_equal(a->strings.n, b->strings.n);
    for (size_t i = 0; i < a->strings.n; i++)
        assert_string_equal(a->strings.at[i], b->strings.at[i]);
}

static void assert_same_locations(const struct sp_profile *a, const struct sp_profile *b)
{
    assert_int_equal(a->locations.n, b->locations.n);
    for (size_t i = 0; i < a->locations.n; i++) {
        const struct sp_location *left = &a->locations.at[i], *right = &b->locations.at[i];
        assert_int_equal(left->mapping, right->mapping);
        assert_true(left->address == right->address);
        assert_int_equal(left->is_folded, right->is_folded);
        assert_int_equal(left->n_lines, right->n_lines);
        for (uint32_t line = 0; line < left->n_lines; line++) {
            const struct sp_line *x = &a->lines.at[left->first_line + line];
            const struct sp_line *y = &b->lines.at[right->first_line + line];
            assert_int_equal(x->function, y->function);
            assert_int_equal(x->line, y->line);
            assert_int_equal(x->column, y->column);
        }
    }
}

static void assert_same_samples(const struct sp_profile *a, const struct sp_profile *b)
{
    ASSERT_SAME_ARRAY(a, b, samples);
    ASSERT_SAME_ARRAY(a, b, sample_locations);
    ASSERT_SAME_ARRAY(a, b, values);
    assert_int_equal(a->labels.n, b->labels.n);
    for (size_t i = 0; i < a->labels.n; i++) {
        assert_int_equal(a->labels.at[i].key, b->labels.at[i].key);
        assert_int_equal(a->labels.at[i].str, b->labels.at[i].str);
        assert_int_equal(a->labels.at[i].num, b->labels.at[i].num);
        assert_int_equal(a->labels.at[i].unit, b->labels.at[i].unit);
    }
}

static void assert_same_functions(const struct sp_profile *a, const struct sp_profile *b)
{
    assert_int_equal(a->functions.n, b->functions.n);
    for (size_t i = 0; i < a->functions.n; i++) {
        assert_int_equal(a->functions.at[i].name, b->functions.at[i].name);
        assert_int_equal(a->functions.at[i].system_name, b->functions.at[i].system_name);
        assert_int_equal(a->functions.at[i].filename, b->functions.at[i].filename);
        assert_int_equal(a->functions.at[i].start_line, b->functions.at[i].start_line);
    }
}

static void assert_same(const struct sp_profile *a, const struct sp_profile *b)
{
    assert_same_strings(a, b);
    assert_same_locations(a, b);
    assert_same_samples(a, b);
    assert_same_functions(a, b);
    ASSERT_SAME_ARRAY(a, b, sample_types);
    ASSERT_SAME_ARRAY(a, b, comments);
    ASSERT_SAME_ARRAY(a, b, facts);
    ASSERT_SAME_ARRAY(a, b, accounts);
    assert_int_equal(a->mappings.n, b->mappings.n);
    for (size_t i = 0; i < a->mappings.n; i++) {
        const struct sp_mapping *left = &a->mappings.at[i], *right = &b->mappings.at[i];
        assert_true(left->start == right->start && left->limit == right->limit);
        assert_true(left->file_offset == right->file_offset && left->file == right->file);
        assert_true(left->build_id == right->build_id && left->has_functions == right->has_functions);
        assert_true(left->has_filenames == right->has_filenames);
        assert_true(left->has_line_numbers == right->has_line_numbers);
        assert_true(left->has_inline_frames == right->has_inline_frames);
    }
    assert_memory_equal(&a->period_type, &b->period_type, sizeof(a->period_type));
    assert_true(a->period == b->period && a->time_ns == b->time_ns && a->duration_ns == b->duration_ns);
    assert_true(a->drop_frames == b->drop_frames && a->keep_frames == b->keep_frames);
    assert_true(a->default_sample_type == b->default_sample_type && a->doc_url == b->doc_url);
}

static void test_round_trip_keeps_everything(void **state)
{
    (void)state;
    struct sp_profile *profile = full_profile();
    struct sp_bytes plain = {0}, zipped = {0};
    assert_int_equal(sp_pprof_write_plain(profile, NULL, &plain), 0);
    assert_int_equal(sp_format_find("pprof")->write(profile, NULL, &zipped), 0);
    assert_true(sp_is_gzip(zipped.at, zipped.n));
    assert_false(sp_is_gzip(plain.at, plain.n));
    assert_ptr_equal(sp_formats[0], sp_format_find("pprof"));
    assert_null(sp_format_find("nonsense"));
    assert_true(sp_formats[0]->looks_like(plain.at, plain.n));
    assert_true(sp_formats[0]->looks_like(zipped.at, zipped.n));
    struct sp_profile *from_plain = read_good(&plain), *from_zipped = read_good(&zipped);
    assert_same(profile, from_plain);
    assert_same(profile, from_zipped);
    sp_profile_free(from_plain);
    sp_profile_free(from_zipped);
    sp_profile_free(profile);
    sp_bytes_done(&plain);
    sp_bytes_done(&zipped);
}

static void test_write_refuses_a_profile_that_does_not_hold_together(void **state)
{
    (void)state;
    struct sp_profile *profile = full_profile();
    struct sp_bytes bytes = {0};
    profile->sample_locations.at[0] = 1000;
    assert_int_equal(sp_pprof_write(profile, NULL, &bytes), -EINVAL);
    assert_int_equal(bytes.n, 0);
    sp_bytes_done(&bytes);
    sp_profile_free(profile);
}

static void test_write_leaves_out_lines_without_function(void **state)
{
    (void)state;
    struct sp_profile *profile = sp_profile_new();
    uint32_t location = sp_profile_location(profile, SP_NONE, 1);
    sp_profile_set_lines(profile, location, &(struct sp_line){.function = SP_NONE, .line = 3}, 1);
    struct sp_bytes bytes = {0};
    assert_int_equal(sp_pprof_write_plain(profile, NULL, &bytes), 0);
    struct sp_profile *copy = read_good(&bytes);
    assert_int_equal(copy->locations.at[0].n_lines, 0);
    sp_profile_free(copy);
    sp_profile_free(profile);
    sp_bytes_done(&bytes);
}

/* Any order of fields, any ids, lists packed and not, fields that nobody knows. */
static void test_read_accepts_what_the_format_allows(void **state)
{
    (void)state;
    struct sp_bytes file = {0}, packed = {0}, sample = {0}, location = {0}, line = {0};
    const uint64_t big = UINT64_MAX - 3;
    sp_bytes_put_varint(&packed, 1);
    sp_bytes_put_varint(&packed, big);
    put_varint_field(&sample, SAMPLE_LOCATION_ID, big);
    put_bytes_field(&sample, SAMPLE_LOCATION_ID, packed.at, packed.n);
    put_bytes_field(&sample, SAMPLE_LOCATION_ID, NULL, 0);
    put_varint_field(&sample, SAMPLE_VALUE, 5);
    put_varint_field(&sample, 99, 1);
    put_bytes_field(&sample, 1000000, "unknown", 7);
    put_bytes_field(&file, PPROF_SAMPLE, sample.at, sample.n);
    put_varint_field(&line, LINE_FUNCTION_ID, big);
    put_varint_field(&location, LOCATION_ID, big);
    put_varint_field(&location, LOCATION_MAPPING_ID, 77); /* no such mapping: none */
    put_bytes_field(&location, LOCATION_LINE, line.at, line.n);
    put_bytes_field(&file, PPROF_LOCATION, location.at, location.n);
    MESSAGE(&file, PPROF_FUNCTION, FUNCTION_ID, big, FUNCTION_NAME, 3);
    MESSAGE(&file, PPROF_LOCATION, LOCATION_ID, 1);
    sp_bytes_put_varint(&file, 20 << 3 | 1); /* an unknown fixed64 */
    sp_bytes_put(&file, "12345678", 8);
    sp_bytes_put_varint(&file, 21 << 3 | 5); /* an unknown fixed32 */
    sp_bytes_put(&file, "1234", 4);
    put_bytes_field(&file, PPROF_COMMENT, "\x03\x04", 2);
    put_varint_field(&file, PPROF_COMMENT, 2);
    put_strings(&file);
    MESSAGE(&file, PPROF_SAMPLE_TYPE, VALUE_TYPE_TYPE, 1, VALUE_TYPE_UNIT, 2);
    struct sp_profile *profile = read_good(&file);
    assert_int_equal(profile->samples.at[0].n_locations, 3);
    assert_int_equal(profile->sample_locations.at[0], 0);
    assert_int_equal(profile->sample_locations.at[1], 1);
    assert_int_equal(profile->sample_locations.at[2], 0);
    assert_true(profile->locations.at[0].mapping == SP_NONE);
    assert_int_equal(profile->values.at[0], 5);
    assert_int_equal(profile->comments.n, 3);
    assert_string_equal(sp_profile_text(profile, profile->functions.at[0].name), "main");
    sp_profile_free(profile);
    sp_bytes_done(&file);
    sp_bytes_done(&packed);
    sp_bytes_done(&sample);
    sp_bytes_done(&location);
    sp_bytes_done(&line);
}

static void test_read_many_sparse_ids(void **state)
{
    (void)state;
    struct sp_bytes file = {0};
    put_strings(&file);
    MESSAGE(&file, PPROF_SAMPLE_TYPE, VALUE_TYPE_TYPE, 1);
    for (uint64_t i = 1; i <= 5000; i++) {
        MESSAGE(&file, PPROF_LOCATION, LOCATION_ID, i * 0x100000001, LOCATION_ADDRESS, i);
        MESSAGE(&file, PPROF_SAMPLE, SAMPLE_LOCATION_ID, i * 0x100000001, SAMPLE_VALUE, i);
    }
    struct sp_profile *profile = read_good(&file);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(profile->sample_locations.at[i], i);
    sp_profile_free(profile);
    MESSAGE(&file, PPROF_LOCATION, LOCATION_ID, 4000 * UINT64_C(0x100000001));
    struct sp_profile *refused;
    char why[256];
    assert_int_equal(sp_pprof_read(file.at, file.n, SIZE_MAX, &refused, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "two locations have the same id"));
    sp_bytes_done(&file);
}

static struct sp_bytes start_file(void)
{
    struct sp_bytes file = {0};
    put_strings(&file);
    MESSAGE(&file, PPROF_SAMPLE_TYPE, VALUE_TYPE_TYPE, 1, VALUE_TYPE_UNIT, 2);
    return file;
}

static void test_read_refuses_ids_and_references_that_are_wrong(void **state)
{
    (void)state;
    static const unsigned kinds[] = {PPROF_MAPPING, PPROF_FUNCTION, PPROF_LOCATION};
    static const char *const doubled[] = {"two mappings have the same id", "two functions have the same id",
                                          "two locations have the same id"};
    struct sp_bytes file;
    for (size_t i = 0; i < 3; i++) {
        file = start_file();
        MESSAGE(&file, kinds[i], 1, 5);
        MESSAGE(&file, kinds[i], 1, 5);
        assert_refused(&file, -EINVAL, doubled[i]);
        file = start_file();
        MESSAGE(&file, kinds[i], 2, 0);
        assert_refused(&file, -EINVAL, "id is 0");
    }
    file = start_file();
    MESSAGE(&file, PPROF_SAMPLE, SAMPLE_LOCATION_ID, 1, SAMPLE_VALUE, 1);
    assert_refused(&file, -EINVAL, "location that does not exist");
    file = start_file();
    put_bytes_field(&file, PPROF_LOCATION, "\x08\x01\x22\x02\x08\x09", 6);
    assert_refused(&file, -EINVAL, "no function");
    file = start_file();
    put_bytes_field(&file, PPROF_LOCATION, "\x08\x01\x22\x00", 4);
    assert_refused(&file, -EINVAL, "no function");
}

static void test_read_refuses_values_and_strings_that_are_wrong(void **state)
{
    (void)state;
    struct sp_bytes file = start_file();
    MESSAGE(&file, PPROF_SAMPLE, SAMPLE_VALUE, 1, SAMPLE_VALUE, 2);
    assert_refused(&file, -EINVAL, "number of values");
    file = start_file();
    put_bytes_field(&file, PPROF_SAMPLE, NULL, 0);
    assert_refused(&file, -EINVAL, "number of values");
    file = (struct sp_bytes){0};
    put_strings(&file);
    put_bytes_field(&file, PPROF_SAMPLE, NULL, 0);
    assert_refused(&file, -EINVAL, "number of values");
    file = start_file();
    MESSAGE(&file, PPROF_FUNCTION, FUNCTION_ID, 1, FUNCTION_NAME, 5);
    assert_refused(&file, -EINVAL, "string index");
    file = start_file();
    put_varint_field(&file, PPROF_COMMENT, UINT64_MAX);
    assert_refused(&file, -EINVAL, "string index");
    file = (struct sp_bytes){0};
    put_bytes_field(&file, PPROF_STRING, "x", 1);
    assert_refused(&file, -EINVAL, "string 0");
    file = (struct sp_bytes){0};
    put_varint_field(&file, PPROF_PERIOD, 1);
    assert_refused(&file, -EINVAL, "no string table");
    file = start_file();
    put_varint_field(&file, PPROF_TIME_NANOS, 1);
    put_varint_field(&file, PPROF_TIME_NANOS, 1);
    assert_refused(&file, -EINVAL, "second profile");
    file = (struct sp_bytes){0};
    assert_refused(&file, -EINVAL, "empty");
}

static void test_read_refuses_facts_and_accounts_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        unsigned message;
        uint64_t field, value;
        const char *expected;
    } wrong[] = {
        {PPROF_FACT, FACT_KEY, 5, "string index"},
        {PPROF_FACT, FACT_TEXT, UINT64_MAX, "string index"},
        {PPROF_ACCOUNT, ACCOUNT_PROCESS, 5, "string index"},
        {PPROF_ACCOUNT, ACCOUNT_THREAD, 5, "string index"},
        {PPROF_ACCOUNT, ACCOUNT_REASON, 5, "string index"},
        {PPROF_ACCOUNT, ACCOUNT_PID, (uint64_t)INT32_MAX + 1, "out of range"},
        {PPROF_ACCOUNT, ACCOUNT_TID, UINT64_MAX, "out of range"},
        {PPROF_ACCOUNT, ACCOUNT_N_THREADS, (uint64_t)UINT32_MAX + 1, "out of range"},
        {PPROF_ACCOUNT, ACCOUNT_KERNEL_NS, UINT64_MAX, "out of range"},
        {PPROF_ACCOUNT, ACCOUNT_RECORDED_NS, UINT64_MAX, "out of range"},
        {PPROF_ACCOUNT, ACCOUNT_UNSAMPLED_NS, (uint64_t)INT64_MAX + 1, "out of range"},
    };
    struct sp_bytes file;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        file = start_file();
        MESSAGE(&file, wrong[i].message, wrong[i].field, wrong[i].value);
        assert_refused(&file, -EINVAL, wrong[i].expected);
    }
    for (unsigned message = PPROF_FACT; message <= PPROF_ACCOUNT; message++) {
        file = start_file();
        put_varint_field(&file, message, 1);
        assert_refused(&file, -EINVAL, "another wire type");
        file = start_file();
        put_bytes_field(&file, message, "\x0a\x00", 2); /* a text where a number stands */
        assert_refused(&file, -EINVAL, "wire type");
        file = start_file();
        put_bytes_field(&file, message, "\x18\x80", 2);
        assert_refused(&file, -EINVAL, "end");
    }
}

static void test_read_refuses_wrong_wire_types_and_lengths(void **state)
{
    (void)state;
    for (unsigned number = PPROF_SAMPLE_TYPE; number <= PPROF_DOC_URL; number++) {
        struct sp_bytes file = start_file();
        bool is_number = number >= PPROF_DROP_FRAMES && number != PPROF_PERIOD_TYPE;
        if (number == PPROF_COMMENT)
            put_bytes_field(&file, number, "\x80", 1);
        else if (is_number)
            put_bytes_field(&file, number, "\0", 1);
        else
            put_varint_field(&file, number, 0);
        assert_refused(&file, -EINVAL, "at byte");
    }
    struct sp_bytes file = start_file();
    sp_bytes_put(&file, "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11); /* a sample of 2^64 - 1 bytes */
    assert_refused(&file, -EINVAL, "longer than what is left");
    file = start_file();
    sp_bytes_put(&file, "\x13", 1); /* a group */
    assert_refused(&file, -EINVAL, "wire type");
}

static void test_read_error_names_the_byte(void **state)
{
    (void)state;
    struct sp_bytes file = start_file();
    char expected[64];
    snprintf(expected, sizeof(expected), "at byte %zu ", file.n);
    MESSAGE(&file, PPROF_SAMPLE, SAMPLE_VALUE, 1, SAMPLE_VALUE, 2);
    assert_refused(&file, -EINVAL, expected);
}

/* Reads what may be anything: no crash, and either a profile that holds together or a reason. */
static int read_anything(const uint8_t *data, size_t size)
{
    /* An exact copy on the heap, so that a sanitizer sees a read beyond its end. */
    uint8_t *copy = malloc(size + !size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    struct sp_profile *profile = NULL;
    char why[256] = "";
    int error = sp_pprof_read(copy, size, SMALL_LIMIT, &profile, why, sizeof(why));
    if (error) {
        assert_true(why[0] != '\0' && profile == NULL);
        assert_true(error == -EINVAL || error == -EFBIG || error == -ENOMEM);
    } else {
        assert_int_equal(sp_profile_check(profile, why, sizeof(why)), 0);
        sp_profile_free(profile);
    }
    free(copy);
    return error;
}

static void test_read_every_truncation(void **state)
{
    (void)state;
    struct sp_bytes plain = full_file(), zipped = {0};
    assert_int_equal(sp_gzip(plain.at, plain.n, &zipped), 0);
    for (size_t n = 0; n < plain.n; n++)
        read_anything(plain.at, n);
    for (size_t n = 0; n < zipped.n; n++)
        assert_int_equal(read_anything(zipped.at, n), -EINVAL);
    assert_int_equal(read_anything(zipped.at, zipped.n), 0);
    sp_bytes_done(&plain);
    sp_bytes_done(&zipped);
}

static void test_read_flipped_bytes(void **state)
{
    (void)state;
    struct sp_bytes plain = full_file(), zipped = {0};
    assert_int_equal(sp_gzip(plain.at, plain.n, &zipped), 0);
    uint64_t random = 1;
    for (int seed = 0; seed < FLIP_SEEDS; seed++) {
        struct sp_bytes *from = seed % 4 ? &plain : &zipped, changed = {0};
        sp_bytes_put(&changed, from->at, from->n);
        for (int flips = seed % 7; flips >= 0; flips--) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            changed.at[(random >> 33) % changed.n] ^= (uint8_t)(1U << (random >> 29 & 7));
        }
        read_anything(changed.at, changed.n);
        sp_bytes_done(&changed);
    }
    sp_bytes_done(&plain);
    sp_bytes_done(&zipped);
}

static void test_gzip_bomb_stops_at_the_limit(void **state)
{
    (void)state;
    uint8_t *zeroes = calloc(1, BOMB_BYTES);
    struct sp_bytes bomb = {0}, out = {0};
    assert_int_equal(sp_gzip(zeroes, BOMB_BYTES, &bomb), 0);
    free(zeroes);
    char why[256];
    assert_int_equal(sp_gunzip(bomb.at, bomb.n, SMALL_LIMIT, &out, why, sizeof(why)), -EFBIG);
    assert_true(out.capacity <= 2 * SMALL_LIMIT);
    sp_bytes_done(&out);
    /* The same with a trailer that claims a single byte: the claim is not believed. */
    memcpy(bomb.at + bomb.n - 4, "\1\0\0\0", 4);
    assert_int_equal(sp_gunzip(bomb.at, bomb.n, SMALL_LIMIT, &out, why, sizeof(why)), -EFBIG);
    sp_bytes_done(&out);
    assert_refused(&bomb, -EFBIG, "limit");
}

static void test_gzip_exactly_the_limit_is_enough(void **state)
{
    (void)state;
    struct sp_bytes zipped = {0}, out = {0};
    uint8_t data[10000];
    char why[256];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * i >> 3);
    assert_int_equal(sp_gzip(data, sizeof(data), &zipped), 0);
    assert_int_equal(sp_gunzip(zipped.at, zipped.n, sizeof(data), &out, why, sizeof(why)), 0);
    assert_int_equal(out.n, sizeof(data));
    assert_memory_equal(out.at, data, sizeof(data));
    sp_bytes_done(&out);
    assert_int_equal(sp_gunzip(zipped.at, zipped.n, sizeof(data) - 1, &out, why, sizeof(why)), -EFBIG);
    sp_bytes_done(&out);
    sp_bytes_done(&zipped);
}

static void test_gzip_of_several_members_is_one_profile(void **state)
{
    (void)state;
    struct sp_bytes plain = full_file(), zipped = {0};
    for (size_t at = 0; at < plain.n; at += 10)
        assert_int_equal(sp_gzip(plain.at + at, plain.n - at < 10 ? plain.n - at : 10, &zipped), 0);
    assert_int_equal(sp_gzip(NULL, 0, &zipped), 0);
    struct sp_profile *profile = full_profile(), *copy = read_good(&zipped);
    assert_same(profile, copy);
    sp_profile_free(profile);
    sp_profile_free(copy);
    sp_bytes_put(&zipped, "garbage", 7);
    assert_refused(&zipped, -EINVAL, "not gzip");
    sp_bytes_done(&plain);
}

/* Small files that would take much memory: every location costs the file four bytes, an empty label or string two. */
static void test_read_stays_within_its_memory(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct sp_bytes file = start_file(), strings = start_file(), labels = start_file(), sample = {0};
    for (uint64_t i = 1; i <= N; i++)
        MESSAGE(&file, PPROF_LOCATION, LOCATION_ID, i);
    assert_refused(&file, -EFBIG, "limit");
    for (size_t i = 0; i < SMALL_LIMIT; i++)
        put_bytes_field(&strings, PPROF_STRING, "", 0);
    assert_refused(&strings, -EFBIG, "limit");
    put_varint_field(&sample, SAMPLE_VALUE, 1);
    for (size_t i = 0; i < N; i++)
        put_bytes_field(&sample, SAMPLE_LABEL, "", 0);
    put_bytes_field(&labels, PPROF_SAMPLE, sample.at, sample.n);
    sp_bytes_done(&sample);
    assert_refused(&labels, -EFBIG, "limit");
}

static void test_looks_like_tells_profiles_from_other_files(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         "\n",
                                         "#!/bin/sh\n",
                                         "\177ELF\2\1\1",
                                         "{\"a\": 1}",
                                         "--- heap\n",
                                         "PERFILE2",
                                         "hello",
                                         "heap profile: 1: 2 [3: 4] @ heap/512\n"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(sp_format_pprof.looks_like((const uint8_t *)others[i], strlen(others[i])));
}

/* Writes bytes to a new file whose name goes to `path`, a template of mkstemp. */
static void write_file(char *path, const void *data, size_t n)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, n), n);
    close(fd);
}

static void test_read_file(void **state)
{
    (void)state;
    char why[256], good[] = "/tmp/test_pprof_format_XXXXXX", bad[] = "/tmp/test_pprof_format_XXXXXX",
                   empty[] = "/tmp/test_pprof_format_XXXXXX";
    struct sp_profile *expected = full_profile(), *profile = NULL;
    struct sp_bytes bytes = {0};
    assert_int_equal(sp_pprof_write(expected, NULL, &bytes), 0);
    write_file(good, bytes.at, bytes.n);
    write_file(bad, "hello", 5);
    write_file(empty, "", 0);
    assert_int_equal(sp_profile_read_file(good, &profile, why, sizeof(why)), 0);
    assert_same(expected, profile);
    sp_profile_free(profile);
    assert_int_equal(sp_profile_read_file(bad, &profile, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "it is not a profile of a known format");
    assert_int_equal(sp_profile_read_file(empty, &profile, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "it is empty");
    assert_int_equal(sp_profile_read_file("/nonexistent/file", &profile, why, sizeof(why)), -ENOENT);
    assert_non_null(strstr(why, "No such file"));
    assert_int_equal(sp_profile_read_file("/", &profile, why, sizeof(why)), -EISDIR);
    unlink(good);
    unlink(bad);
    unlink(empty);
    sp_profile_free(expected);
    sp_bytes_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_keeps_everything),
        cmocka_unit_test(test_write_refuses_a_profile_that_does_not_hold_together),
        cmocka_unit_test(test_write_leaves_out_lines_without_function),
        cmocka_unit_test(test_read_accepts_what_the_format_allows),
        cmocka_unit_test(test_read_many_sparse_ids),
        cmocka_unit_test(test_read_refuses_ids_and_references_that_are_wrong),
        cmocka_unit_test(test_read_refuses_values_and_strings_that_are_wrong),
        cmocka_unit_test(test_read_refuses_facts_and_accounts_that_are_wrong),
        cmocka_unit_test(test_read_refuses_wrong_wire_types_and_lengths),
        cmocka_unit_test(test_read_error_names_the_byte),
        cmocka_unit_test(test_read_every_truncation),
        cmocka_unit_test(test_read_flipped_bytes),
        cmocka_unit_test(test_gzip_bomb_stops_at_the_limit),
        cmocka_unit_test(test_gzip_exactly_the_limit_is_enough),
        cmocka_unit_test(test_gzip_of_several_members_is_one_profile),
        cmocka_unit_test(test_read_stays_within_its_memory),
        cmocka_unit_test(test_looks_like_tells_profiles_from_other_files),
        cmocka_unit_test(test_read_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
