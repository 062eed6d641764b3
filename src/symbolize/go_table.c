/*
 * See go_table.h. The layout is that of Go's runtime: runtime/symtab.go and cmd/link/internal/ld/pcln.go.
 */
#include "symbolize/go_table.h"

#include <errno.h>
#include <string.h>

enum {
    MAGIC_1_18 = 0xfffffff0,
    MAGIC_1_20 = 0xfffffff1,
    WORD_BYTES = 8,
    /* A function, as offsets in it. */
    NAME_AT = 4,
    PC_FILE_AT = 20,
    PC_LINE_AT = 24,
    N_PC_DATA_AT = 28,
    UNIT_AT = 32,
    START_LINE_AT = 36,
    PC_DATA_AT_1_18 = 40,
    PC_DATA_AT_1_20 = 44,
    INLINE_TREE_INDEX = 2, /* of a function's programs: -1 where nothing is inlined, else the call's number */
    INLINE_TREE_DATA = 3,  /* of its data, which stand behind the programs: where its tree is */
    N_DATA_AT_1_18 = 39,
    N_DATA_AT_1_20 = 43,
    /* An inlined call, as offsets in it. */
    CALL_BYTES_1_18 = 20,
    CALL_NAME_AT_1_18 = 12,
    CALL_PARENT_AT_1_18 = 16,
    CALL_BYTES_1_20 = 16,
    CALL_NAME_AT_1_20 = 4,
    CALL_PARENT_AT_1_20 = 8,
    CALL_START_LINE_AT_1_20 = 12,
    ENTRY_BYTES = 8, /* of the list by entry: where it begins, where the function is */
    PC_STEPS_LIMIT = 1 << 20,
    HEADER_ALIGN = 8,
};

static uint64_t number_in(const uint8_t *data, size_t size, uint64_t at, unsigned bytes)
{
    uint64_t value = 0;
    if (at > size || size - at < bytes)
        return 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)data[at + i] << 8 * i;
    return value;
}

static uint64_t number(const struct sp_go_table *table, uint64_t at, unsigned bytes)
{
    return number_in(table->bytes, table->size, at, bytes);
}

static bool is_header(const uint8_t *at)
{
    return (at[0] == 0xf0 || at[0] == 0xf1) && at[1] == 0xff && at[2] == 0xff && at[3] == 0xff && at[4] == 0 &&
           at[5] == 0 && (at[6] == 1 || at[6] == 2 || at[6] == 4) && at[7] == WORD_BYTES;
}

size_t sp_go_table_search(const void *bytes, size_t size)
{
    for (size_t at = 0; at + SP_GO_HEADER_BYTES <= size; at += HEADER_ALIGN) {
        struct sp_go_table table;
        if (is_header((const uint8_t *)bytes + at) &&
            sp_go_table_init(&table, (const uint8_t *)bytes + at, size - at) == 0)
            return at;
    }
    return SIZE_MAX;
}

int sp_go_table_init(struct sp_go_table *table, const void *bytes, size_t size)
{
    *table = (struct sp_go_table){.bytes = bytes, .size = size};
    if (size < SP_GO_HEADER_BYTES || !is_header(bytes))
        return -ENOENT;
    table->quantum = table->bytes[6];
    table->has_start_lines = number(table, 0, 4) == MAGIC_1_20;
    table->n_functions = number(table, 8, WORD_BYTES);
    table->text = number(table, 24, WORD_BYTES);
    uint64_t *const offsets[] = {&table->names, &table->units, &table->files, &table->pcs, &table->functions};
    for (unsigned i = 0; i < 5; i++) {
        *offsets[i] = number(table, 32 + WORD_BYTES * i, WORD_BYTES);
        if (*offsets[i] > size)
            return -EBADMSG;
    }
    return table->n_functions < (size - table->functions) / ENTRY_BYTES ? 0 : -EBADMSG;
}

/* The text at an offset that is known to be in the table, or NULL: it has no end. */
static const char *text_at(const struct sp_go_table *table, uint64_t at)
{
    if (at >= table->size || memchr(table->bytes + at, 0, table->size - at) == NULL)
        return NULL;
    return (const char *)table->bytes + at;
}

static uint64_t entry_of(const struct sp_go_table *table, uint64_t i)
{
    return number(table, table->functions + i * ENTRY_BYTES, 4);
}

/* The offset of the function that holds text + `offset`, and where it begins; or false. */
static bool find_function(const struct sp_go_table *table, uint64_t offset, uint64_t *function, uint64_t *entry)
{
    uint64_t low = 0, high = table->n_functions;
    if (high == 0 || offset < entry_of(table, 0) || offset >= entry_of(table, high))
        return false;
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (entry_of(table, middle) <= offset)
            low = middle;
        else
            high = middle;
    }
    *entry = entry_of(table, low);
    *function = table->functions + number(table, table->functions + low * ENTRY_BYTES + 4, 4);
    return true;
}

/* A base-128 number, least significant group first; `*at` goes behind it. 0 where there is none. */
static uint32_t varint(const struct sp_go_table *table, uint64_t *at)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 32 && *at < table->size; shift += 7) {
        const uint8_t byte = table->bytes[(*at)++];
        value |= (uint32_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            break;
    }
    return value;
}

/*
 * What a program of pairs (change of the value, length of code) gives for `distance` bytes behind the function's entry;
 * -1, the value at first, where it does not go so far. The change is in zigzag form; one of 0 ends the program, unless
 * it is the first.
 */
static int32_t value_at(const struct sp_go_table *table, uint64_t program, uint64_t distance)
{
    uint64_t at = table->pcs + program, reached = 0;
    uint32_t value = UINT32_MAX;
    if (program == 0)
        return -1;
    for (unsigned step = 0; step < PC_STEPS_LIMIT && at < table->size; step++) {
        const uint32_t change = varint(table, &at);
        if (change == 0 && step > 0)
            return -1;
        value += (change & 1) != 0 ? ~(change >> 1) : change >> 1;
        reached += (uint64_t)varint(table, &at) * table->quantum;
        if (distance < reached)
            return (int32_t)value;
    }
    return -1;
}

static const char *file_at(const struct sp_go_table *table, uint64_t function, uint64_t distance)
{
    const int32_t file = value_at(table, number(table, function + PC_FILE_AT, 4), distance);
    if (file < 0)
        return NULL;
    const uint64_t unit = number(table, function + UNIT_AT, 4);
    const uint64_t place = number(table, table->units + 4 * (unit + (uint64_t)file), 4);
    return place != UINT32_MAX ? text_at(table, table->files + place) : NULL;
}

/* The number of the inlined call at a place of the function, or -1. */
static int32_t call_at(const struct sp_go_table *table, uint64_t function, uint64_t distance)
{
    const uint64_t programs = function + (table->has_start_lines ? PC_DATA_AT_1_20 : PC_DATA_AT_1_18);
    if (number(table, function + N_PC_DATA_AT, 4) <= INLINE_TREE_INDEX)
        return -1;
    return value_at(table, number(table, programs + 4 * INLINE_TREE_INDEX, 4), distance);
}

/* Where the function's tree is among the trees, or SIZE_MAX. */
static uint64_t tree_of(const struct sp_go_table *table, uint64_t function)
{
    const bool is_new = table->has_start_lines;
    const uint64_t n_programs = number(table, function + N_PC_DATA_AT, 4);
    const uint64_t data = function + (is_new ? PC_DATA_AT_1_20 : PC_DATA_AT_1_18) + 4 * n_programs;
    if (table->trees == NULL ||
        number(table, function + (is_new ? N_DATA_AT_1_20 : N_DATA_AT_1_18), 1) <= INLINE_TREE_DATA)
        return SIZE_MAX;
    const uint64_t tree = number(table, data + 4 * INLINE_TREE_DATA, 4);
    return tree < table->trees_size ? tree : SIZE_MAX;
}

static const char *name_at(const struct sp_go_table *table, uint64_t place)
{
    const char *name = text_at(table, table->names + place);
    return name != NULL && name[0] != '\0' ? name : NULL;
}

static struct sp_named_frame frame_at(const struct sp_go_table *table, uint64_t function, uint64_t distance,
                                      const char *name, uint64_t start_line)
{
    const int32_t line = value_at(table, number(table, function + PC_LINE_AT, 4), distance);
    return (struct sp_named_frame){.system_name = name,
                                   .name = name,
                                   .filename = file_at(table, function, distance),
                                   .start_line = (int32_t)start_line,
                                   .line = line > 0 ? line : 0};
}

/*
 * The inlined call `call` of the function, and in *distance the place of a caller's instruction. False: it makes no
 * sense.
 */
static bool read_call(const struct sp_go_table *table, uint64_t tree, int32_t call, uint64_t *distance,
                      const char **name, uint64_t *start_line)
{
    const bool is_new = table->has_start_lines;
    const uint64_t bytes = is_new ? CALL_BYTES_1_20 : CALL_BYTES_1_18, at = tree + (uint64_t)call * bytes;
    if (tree == SIZE_MAX || at > table->trees_size || table->trees_size - at < bytes)
        return false;
    const uint8_t *const trees = table->trees;
    const size_t size = table->trees_size;
    *name = name_at(table, number_in(trees, size, at + (is_new ? CALL_NAME_AT_1_20 : CALL_NAME_AT_1_18), 4));
    *distance = number_in(trees, size, at + (is_new ? CALL_PARENT_AT_1_20 : CALL_PARENT_AT_1_18), 4);
    *start_line = is_new ? number_in(trees, size, at + CALL_START_LINE_AT_1_20, 4) : 0;
    return *name != NULL;
}

uint32_t sp_go_table_find(const struct sp_go_table *table, uint64_t address, struct sp_named_frame *frames,
                          uint32_t max)
{
    uint64_t function, entry, start_line;
    const char *name;
    uint32_t n = 0;
    if (address < table->text || !find_function(table, address - table->text, &function, &entry))
        return 0;
    uint64_t distance = address - table->text - entry;
    const uint64_t tree = tree_of(table, function);
    bool is_known = true;
    for (int32_t call; is_known && (call = call_at(table, function, distance)) >= 0;) {
        const uint64_t place = distance;
        is_known = n + 1 < max && read_call(table, tree, call, &distance, &name, &start_line);
        if (is_known)
            frames[n++] = frame_at(table, function, place, name, start_line);
    }
    name = name_at(table, number(table, function + NAME_AT, 4));
    if (name == NULL)
        return 0;
    start_line = table->has_start_lines ? number(table, function + START_LINE_AT, 4) : 0;
    frames[n] = frame_at(table, function, is_known ? distance : 0, name, start_line);
    if (!is_known)
        frames[n].line = 0;
    return n + 1;
}
