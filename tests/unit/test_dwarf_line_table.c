/* Line tables that make no sense, or end too early. */
#include "check.h"

#include "line_tables.h"

#include <errno.h>
#include <limits.h>

#define START 0x401000

static int open_at(const struct made *made, uint64_t offset)
{
    const struct sp_dwarf_file file = file_of(made, NULL, NULL);
    const struct sp_dwarf_line_unit unit = {.file = &file, .offset = offset};
    struct sp_dwarf_lines *lines = sp_dwarf_lines_new();
    int error = sp_dwarf_lines_open(lines, &unit);
    sp_dwarf_lines_free(lines);
    return error;
}

static void test_heads_that_make_no_sense(void **state)
{
    struct made *made = *state;
    struct made_table table = {.made = made, .version = 4};
    begin_small_table(&table);
    end_table(&table);
    assert_int_equal(open_at(made, 0), 0);
    assert_int_equal(open_at(made, made->n), -EBADMSG);
    assert_int_equal(open_at(made, UINT64_MAX), -EBADMSG);
    assert_int_equal(open_at(made, 1), -EBADMSG);
    static const uint16_t versions[] = {0, 1, 6, UINT16_MAX};
    for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
        patch(made, table.start, versions[i], 2);
        assert_int_equal(open_at(made, 0), -EBADMSG);
    }
    patch(made, table.start, 4, 2);
    patch(made, table.header - 4, made->n, 4); /* a program behind the table */
    assert_int_equal(open_at(made, 0), -EBADMSG);
    patch(made, table.header - 4, 3, 4); /* one within the head */
    assert_int_equal(open_at(made, 0), -EBADMSG);
    begin_program(&table);
    patch(made, 0, 0xfffffff0, 4); /* a length that means nothing */
    assert_int_equal(open_at(made, 0), -EBADMSG);
}

/* Reads what there is to read, from bytes with nothing behind them. Returns the line of an address. */
static unsigned read_all(const struct made *made)
{
    uint8_t *bytes = malloc(made->n ? made->n : 1);
    assert_non_null(bytes);
    memcpy(bytes, made->bytes, made->n);
    struct sp_dwarf_file file = file_of(made, NULL, NULL);
    file.sections[SP_DWARF_LINE].bytes = bytes;
    const struct sp_dwarf_line_unit unit = {.file = &file, .directory = "/build"};
    struct sp_dwarf_lines *lines = sp_dwarf_lines_new();
    assert_non_null(lines);
    struct sp_dwarf_place places[] = {{.vaddr = START}, {.vaddr = START + 300}};
    char out[PATH_MAX];
    sp_dwarf_lines_open(lines, &unit);
    sp_dwarf_lines_find(lines, places, 2);
    for (uint64_t number = 0; number < 4; number++)
        sp_dwarf_lines_path(lines, number, out);
    sp_dwarf_lines_free(lines);
    free(bytes);
    return places[1].line;
}

/* A table of each kind, cut at each byte, whatever it says of its length; under a sanitizer nothing is read behind. */
static void test_cut_at_every_byte(void **state)
{
    for (uint16_t version = 2; version <= 5; version++) {
        struct made *made = *state;
        made->n = 0;
        struct made_table table = {.made = made, .version = version, .is_64_bit = version == 3};
        begin_small_table(&table);
        put_sequence(made, START, 200, 1000);
        put(made, 9, 1), put(made, 3, 2);
        put(made, 0, 1), put_uleb(made, 6), put(made, 3, 1), put_text(made, "b"), put(made, 0, 3);
        put_sequence(made, START + 200, 200, 2000);
        end_table(&table);
        const size_t n = made->n;
        for (made->n = 0; made->n <= n; made->n++) {
            const unsigned line = read_all(made);
            assert_int_equal(line, made->n == n ? 2000 : 0);
        }
    }
}

/* Bytes of good tables are changed at random; nothing is expected but an end. */
static void test_damage_at_random(void **state)
{
    struct made *made = *state, *good = calloc(1, sizeof(*good));
    uint64_t random = 1;
    assert_non_null(good);
    for (unsigned round = 0; round < 20000; round++) {
        if (round % 5000 == 0) {
            struct made_table table = {.made = good, .version = (uint16_t)(2 + round / 5000)};
            good->n = 0;
            begin_small_table(&table);
            put_sequence(good, START, 200, 1000);
            put(good, 0, 1), put_uleb(good, 6), put(good, 3, 1), put_text(good, "b"), put(good, 0, 3);
            put_sequence(good, START + 200, 200, 2000);
            end_table(&table);
        }
        memcpy(made->bytes, good->bytes, good->n);
        made->n = good->n;
        for (unsigned n = 1 + next_random(&random) % 4; n > 0; n--)
            made->bytes[next_random(&random) % made->n] = (uint8_t)next_random(&random);
        read_all(made);
    }
    free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_heads_that_make_no_sense, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_cut_at_every_byte, set_up_table, tear_down_table),
        cmocka_unit_test_setup_teardown(test_damage_at_random, set_up_table, tear_down_table),
    };
    return cmocka_run_group_tests_name("dwarf_line_table", tests, NULL, NULL);
}
