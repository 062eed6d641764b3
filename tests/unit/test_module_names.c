/*
 * Tests of naming by several threads: what is found does not depend on how many there are.
 *
 * Also run under ThreadSanitizer. The modules are this program and what it is linked to.
 */
#include "symbolize/module_names.h"
#include "symbolize/symbolize.h"

#include <limits.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STRIDE = 40, ADDRESSES_MAX = 4000 };

/* Adds the code of an object, as a mapping, and every so many bytes a location. */
static int add_object(struct dl_phdr_info *info, size_t size, void *opaque)
{
    struct sp_profile *profile = opaque;
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
            continue;
        const char *path = info->dlpi_name[0] != '\0' ? info->dlpi_name : "/proc/self/exe";
        const uint64_t start = info->dlpi_addr + segment->p_vaddr;
        const struct sp_mapping mapping = {.start = start,
                                           .limit = start + segment->p_filesz,
                                           .file_offset = segment->p_offset,
                                           .file = sp_profile_string(profile, path)};
        const uint32_t index = sp_profile_add_mapping(profile, &mapping);
        for (uint64_t at = start, n = 0; at < mapping.limit && n < ADDRESSES_MAX; at += STRIDE, n++)
            sp_profile_location(profile, index, at);
    }
    return 0;
}

static struct sp_profile *make_profile(void)
{
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    dl_iterate_phdr(add_object, profile);
    assert_int_equal(sp_profile_error(profile), 0);
    assert_true(profile->locations.n > ADDRESSES_MAX);
    return profile;
}

static void assert_same_line(const struct sp_profile *a, const struct sp_line *x, const struct sp_line *y)
{
    const struct sp_function *function = &a->functions.at[x->function];
    if (x->function != y->function || x->line != y->line || x->column != y->column)
        fail_msg("%s: line %ld or %ld", sp_profile_text(a, function->name), (long)x->line, (long)y->line);
}

/* All of it, in the same order: a file made of it would be the same byte for byte. */
static void assert_same(const struct sp_profile *a, const struct sp_profile *b)
{
    assert_int_equal(a->strings.n, b->strings.n);
    for (size_t i = 0; i < a->strings.n; i++)
        assert_string_equal(a->strings.at[i], b->strings.at[i]);
    assert_int_equal(a->functions.n, b->functions.n);
    for (size_t i = 0; i < a->functions.n; i++) {
        const struct sp_function *x = &a->functions.at[i], *y = &b->functions.at[i];
        assert_true(x->name == y->name && x->system_name == y->system_name && x->filename == y->filename &&
                    x->start_line == y->start_line);
    }
    assert_int_equal(a->locations.n, b->locations.n);
    for (size_t i = 0; i < a->locations.n; i++) {
        const struct sp_location *x = &a->locations.at[i], *y = &b->locations.at[i];
        assert_int_equal(x->n_lines, y->n_lines);
        for (uint32_t k = 0; k < x->n_lines; k++)
            assert_same_line(a, &a->lines.at[x->first_line + k], &b->lines.at[y->first_line + k]);
    }
}

static void test_threads_make_no_difference(void **state)
{
    (void)state;
    struct sp_profile *alone = make_profile(), *together = make_profile();
    struct sp_symbolize_stats of_one, of_many;
    assert_int_equal(sp_symbolize_profile(alone, &(struct sp_symbolize_options){.threads = 1}, &of_one), 0);
    assert_int_equal(sp_symbolize_profile(together, &(struct sp_symbolize_options){.threads = UINT_MAX}, &of_many), 0);
    assert_true(of_one.named > of_one.locations / 2);
    assert_true(of_one.modules >= 2);
    assert_memory_equal(&of_one, &of_many, sizeof(of_one));
    assert_same(alone, together);
    sp_profile_free(alone);
    sp_profile_free(together);
}

/* Counts calls and remembers the last. */
struct calls {
    size_t n, i, of;
};

static void count_module(void *user, size_t i, size_t n, const char *path)
{
    struct calls *calls = user;
    assert_non_null(path);
    calls->n++;
    calls->i = i;
    calls->of = n;
}

static void test_each_module_is_told_once(void **state)
{
    (void)state;
    struct sp_profile *profile = make_profile();
    struct calls calls = {0};
    const struct sp_symbolize_options options = {.threads = UINT_MAX, .on_module = count_module, .user = &calls};
    assert_int_equal(sp_symbolize_profile(profile, &options, NULL), 0);
    assert_true(calls.n >= 2 && calls.n == calls.i && calls.i == calls.of);
    sp_profile_free(profile);
}

/* No modules, a module without addresses, one that does not exist. */
static void test_nothing_to_name(void **state)
{
    (void)state;
    const struct sp_debug_places places = {.n_directories = 0};
    const struct sp_naming_options options = {.places = &places, .threads = 2};
    struct sp_naming naming = {.n = 0};
    assert_int_equal(sp_name_modules(&naming, NULL, 0, &options), 0);
    sp_naming_done(&naming);
    struct sp_module_address address = {.file_offset = 1};
    struct sp_found_name name = {.found = 0};
    struct sp_module_names modules[] = {
        {.id = {.path = "/proc/self/exe", .build_id = ""}, .addresses = &address, .names = &name},
        {.id = {.path = "/nowhere", .build_id = ""}, .addresses = &address, .n = 1, .names = &name},
    };
    assert_int_equal(sp_name_modules(&naming, modules, 2, &options), 0);
    assert_true(modules[0].is_open);
    assert_false(modules[1].is_open);
    assert_int_equal(name.found, SP_NONE);
    sp_naming_done(&naming);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_make_no_difference),
        cmocka_unit_test(test_each_module_is_told_once),
        cmocka_unit_test(test_nothing_to_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
