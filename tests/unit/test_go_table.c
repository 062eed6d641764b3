/* Go's table of functions, made by hand: both layouts, what is not in it, and what a damaged one does. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#include "symbolize/go_table.h"

enum {
    TEXT = 0x401000,
    NAMES = 72,
    UNITS = 112,
    FILES = 120,
    PCS = 144,
    FUNCTIONS = 184,
    LIST_BYTES = 8 * 3,
    MADE = 512,
    FRAMES = 4,
};

struct made {
    uint8_t bytes[MADE];
};

static void put(struct made *made, size_t at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        made->bytes[at + i] = (uint8_t)(value >> 8 * i);
}

static void put_bytes(struct made *made, size_t at, const void *bytes, size_t n)
{
    memcpy(made->bytes + at, bytes, n);
}

static void put_function(struct made *made, bool is_new, size_t at, uint32_t name, uint32_t inlined)
{
    put(made, at + 4, name, 4);
    put(made, at + 20, 1, 4); /* programs: of files, of lines */
    put(made, at + 24, 4, 4);
    put(made, at + 28, 3, 4);
    put(made, at + 32, 0, 4);
    if (is_new)
        put(made, at + 36, 9, 4);
    put(made, at + (is_new ? 44 : 40) + 8, inlined, 4);
}

/* Two functions: first [0, 16), of lines 10 and 12; and second [16, 64), which has another inlined from 24 to 32. */
static struct made make(bool is_new)
{
    struct made made = {{0}};
    static const uint8_t pcs[] = {
        0,                        /* none of a function's programs begins at 0 */
        4,  64, 0,                /* at 1: file 1 all along */
        22, 8,  4, 120, 0,        /* at 4: line 10, then 12 */
        0,  24, 2, 8,   1, 32, 0, /* at 9: -1, then 0, then -1 */
    };
    put(&made, 0, is_new ? 0xfffffff1 : 0xfffffff0, 4);
    made.bytes[6] = 1;
    made.bytes[7] = 8;
    put(&made, 8, 2, 8);
    put(&made, 24, TEXT, 8);
    const uint64_t offsets[] = {NAMES, UNITS, FILES, PCS, FUNCTIONS};
    for (unsigned i = 0; i < 5; i++)
        put(&made, 32 + 8 * i, offsets[i], 8);
    put_bytes(&made, NAMES, "\0main.first\0main.second\0main.inner", 35);
    put(&made, UNITS, UINT32_MAX, 4);
    put(&made, UNITS + 4, 1, 4);
    put_bytes(&made, FILES, "\0/work/main.go", 15);
    put_bytes(&made, PCS, pcs, sizeof pcs);
    const uint32_t list[] = {0, LIST_BYTES, 16, LIST_BYTES + 64, 64};
    for (unsigned i = 0; i < 5; i++)
        put(&made, FUNCTIONS + 4 * i, list[i], 4);
    put_function(&made, is_new, FUNCTIONS + LIST_BYTES, 1, 0);
    put_function(&made, is_new, FUNCTIONS + LIST_BYTES + 64, 12, 9);
    return made;
}

/* The tree: one call, of main.inner, made where line 10 is. */
static void put_tree(uint8_t *tree, bool is_new)
{
    memset(tree, 0, 24);
    tree[4 + (is_new ? 4 : 12)] = 24;
    tree[4 + (is_new ? 8 : 16)] = 4;
}

static void expect(const struct sp_go_table *table, uint64_t address, const char *name, int64_t line)
{
    struct sp_named_frame frame = {0}, frames[FRAMES];
    const uint32_t n = sp_go_table_find(table, address, frames, FRAMES);
    assert_int_equal(n, name != NULL);
    if (n != 0)
        frame = frames[0];
    if (name == NULL)
        return;
    assert_string_equal(frame.name, name);
    assert_string_equal(frame.filename, "/work/main.go");
    assert_int_equal(frame.line, line);
}

static void test_go_table_of_both_layouts(void **state)
{
    (void)state;
    for (unsigned is_new = 0; is_new < 2; is_new++) {
        const struct made made = make(is_new);
        struct sp_go_table table;
        struct sp_named_frame frame;
        assert_int_equal(sp_go_table_init(&table, made.bytes, MADE), 0);
        expect(&table, TEXT - 1, NULL, 0);
        expect(&table, TEXT, "main.first", 10);
        expect(&table, TEXT + 7, "main.first", 10);
        expect(&table, TEXT + 8, "main.first", 12);
        expect(&table, TEXT + 15, "main.first", 12);
        expect(&table, TEXT + 16, "main.second", 10);
        expect(&table, TEXT + 40, "main.second", 0); /* inlined */
        expect(&table, TEXT + 48, "main.second", 12);
        expect(&table, TEXT + 63, "main.second", 12);
        expect(&table, TEXT + 64, NULL, 0);
        assert_int_equal(sp_go_table_find(&table, TEXT, &frame, 1), 1);
        assert_int_equal(frame.start_line, is_new ? 9 : 0);
    }
}

static void test_go_table_with_inlined_calls(void **state)
{
    (void)state;
    for (unsigned is_new = 0; is_new < 2; is_new++) {
        struct made made = make(is_new);
        struct sp_named_frame frames[FRAMES];
        struct sp_go_table table;
        uint8_t tree[24];
        const size_t function = FUNCTIONS + LIST_BYTES + 64, data = function + (is_new ? 44 : 40) + 12;
        put_tree(tree, is_new);
        made.bytes[function + (is_new ? 43 : 39)] = 4;
        put(&made, data + 12, 4, 4);
        assert_int_equal(sp_go_table_init(&table, made.bytes, MADE), 0);
        table.trees = tree;
        table.trees_size = sizeof tree;
        assert_int_equal(sp_go_table_find(&table, TEXT + 40, frames, FRAMES), 2);
        assert_string_equal(frames[0].name, "main.inner");
        assert_int_equal(frames[0].line, 12);
        assert_string_equal(frames[1].name, "main.second");
        assert_int_equal(frames[1].line, 10);
        assert_int_equal(sp_go_table_find(&table, TEXT + 48, frames, FRAMES), 1);
        assert_int_equal(sp_go_table_find(&table, TEXT + 40, frames, 1), 1);
        assert_string_equal(frames[0].name, "main.second");
        tree[4 + (is_new ? 8 : 16)] = 28; /* its caller is itself */
        assert_int_equal(sp_go_table_find(&table, TEXT + 40, frames, FRAMES), FRAMES);
        table.trees_size = 8;
        assert_int_equal(sp_go_table_find(&table, TEXT + 40, frames, FRAMES), 1);
        assert_int_equal(frames[0].line, 0);
    }
}

static void test_go_table_within_other_bytes(void **state)
{
    (void)state;
    const struct made made = make(true);
    uint8_t bytes[2 * MADE] = {0};
    assert_int_equal(sp_go_table_search(bytes, sizeof bytes), SIZE_MAX);
    memcpy(bytes + 64, made.bytes, MADE);
    assert_int_equal(sp_go_table_search(bytes, sizeof bytes), 64);
    assert_int_equal(sp_go_table_search(bytes, 64 + SP_GO_HEADER_BYTES - 1), SIZE_MAX);
}

static void test_go_table_of_other_versions(void **state)
{
    (void)state;
    struct sp_go_table table;
    struct made made = make(true);
    made.bytes[0] = 0xfb; /* Go 1.2 */
    assert_int_equal(sp_go_table_init(&table, made.bytes, MADE), -ENOENT);
    assert_int_equal(sp_go_table_init(&table, made.bytes, 0), -ENOENT);
    made = make(true);
    put(&made, 8, UINT64_MAX, 8);
    assert_int_equal(sp_go_table_init(&table, made.bytes, MADE), -EBADMSG);
    made = make(true);
    put(&made, 56, MADE + 1, 8);
    assert_int_equal(sp_go_table_init(&table, made.bytes, MADE), -EBADMSG);
}

static void ask_all(const uint8_t *bytes, size_t size)
{
    struct sp_go_table table;
    struct sp_named_frame frames[FRAMES];
    static uint8_t tree[24];
    if (sp_go_table_init(&table, bytes, size) != 0)
        return;
    table.trees = tree;
    table.trees_size = sizeof tree;
    for (uint64_t address = table.text - 1; address != table.text + 70; address++)
        for (uint32_t n = sp_go_table_find(&table, address, frames, FRAMES); n > 0; n--) {
            assert_true(strlen(frames[n - 1].name) < MADE);
            assert_true(frames[n - 1].filename == NULL || strlen(frames[n - 1].filename) < MADE);
        }
}

/* Cut anywhere, and each byte changed in a few ways: no load is outside. */
static void test_go_table_damaged(void **state)
{
    (void)state;
    const struct made made = make(true);
    for (size_t size = 0; size <= MADE; size++) {
        uint8_t *copy = malloc(size != 0 ? size : 1);
        assert_non_null(copy);
        memcpy(copy, made.bytes, size);
        ask_all(copy, size);
        for (unsigned i = 0; size == MADE && i < MADE; i++) {
            static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
            for (unsigned j = 0; j < sizeof values; j++) {
                copy[i] = values[j];
                ask_all(copy, size);
            }
            copy[i] = made.bytes[i];
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_go_table_of_both_layouts),
        cmocka_unit_test(test_go_table_with_inlined_calls),
        cmocka_unit_test(test_go_table_within_other_bytes),
        cmocka_unit_test(test_go_table_of_other_versions),
        cmocka_unit_test(test_go_table_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
