/* From an address to its unwind entry; see eh_frame.h for place and context. */
#include "handler/eh_frame.h"

#include "handler/poison.h"

enum { SCANNED_LIMIT = 8192 /* entries, where there is no sorted table */ };

/* The body of the record at `at`, behind its length, and whether there is one. */
static bool open_record(const struct sp_tables *tables, uintptr_t at, struct sp_table_reader *body)
{
    if (at < tables->low || at > tables->high)
        return false;
    struct sp_table_reader reader = {at, tables->high, false};
    uint64_t length = sp_table_u32(&reader);
    if (length == 0xffffffff)
        length = sp_table_u64(&reader);
    if (reader.has_failed || length < 4 || length > reader.end - reader.at)
        return false;
    *body = (struct sp_table_reader){reader.at, reader.at + (uintptr_t)length, false};
    return true;
}

/* The augmentation's letters tell what stands in its data. An unknown one ends what can be known. */
static void read_augmentation(struct sp_table_reader letters, struct sp_table_reader *data, struct sp_fde *fde)
{
    while (letters.at < letters.end) {
        switch (sp_table_u8(&letters)) {
        case 'R':
            fde->pointer_encoding = sp_table_u8(data);
            break;
        case 'L':
            sp_table_u8(data);
            break;
        case 'P':
            sp_table_pointer(data, sp_table_u8(data) & SP_PE_FORMAT, 0);
            break;
        case 'S':
            fde->is_signal_frame = true;
            break;
        case 'B': /* aarch64: return addresses are signed with key B */
        case 'G': /* aarch64: the stack is tagged */
            break;
        default:
            return;
        }
    }
}

/* Reads the CIE at `at` into what an entry needs of it. */
static bool read_cie(const struct sp_tables *tables, uintptr_t at, struct sp_fde *fde)
{
    struct sp_table_reader reader;
    if (!open_record(tables, at, &reader) || sp_table_u32(&reader) != 0)
        return false;
    const uint8_t version = sp_table_u8(&reader);
    struct sp_table_reader letters = reader; /* to their end: the tables may change while they are read */
    while (sp_table_u8(&reader) != '\0') {
    }
    letters.end = reader.at - !reader.has_failed;
    if (reader.has_failed || (version != 1 && version != 3 && version != 4))
        return false;
    if (version == 4)
        sp_table_skip(&reader, 2); /* sizes of an address and of a segment selector */
    fde->code_factor = sp_table_uleb(&reader);
    fde->data_factor = sp_table_sleb(&reader);
    fde->return_column = version == 1 ? sp_table_u8(&reader) : sp_table_uleb(&reader);
    fde->pointer_encoding = SP_PE_ABSPTR;
    fde->is_signal_frame = false;
    const uint8_t first = letters.at < letters.end ? sp_table_u8(&letters) : '\0';
    fde->has_augmentation_data = first == 'z';
    if (fde->has_augmentation_data) {
        const uint64_t bytes = sp_table_uleb(&reader);
        struct sp_table_reader data = reader;
        sp_table_skip(&reader, bytes);
        data.end = reader.at;
        read_augmentation(letters, &data, fde);
        if (data.has_failed)
            return false;
    } else if (first != '\0') {
        return false;
    }
    fde->initial = reader;
    return !reader.has_failed;
}

/* Reads the entry whose body `reader` is at, with the CIE that it refers to unless that is `cie_at` already. */
static bool read_fde(const struct sp_tables *tables, struct sp_table_reader reader, uintptr_t *cie_at,
                     struct sp_fde *fde)
{
    const uintptr_t place = reader.at;
    const uint32_t back = sp_table_u32(&reader);
    if (back == 0 || back > place - tables->low)
        return false;
    if (*cie_at != place - back && !read_cie(tables, place - back, fde))
        return false;
    *cie_at = place - back;
    fde->begin = sp_table_pointer(&reader, fde->pointer_encoding, tables->header);
    fde->end = fde->begin + sp_table_pointer(&reader, fde->pointer_encoding & SP_PE_FORMAT, 0);
    if (fde->has_augmentation_data)
        sp_table_skip(&reader, sp_table_uleb(&reader));
    fde->program = reader;
    return !reader.has_failed;
}

/* Entries one after another, from the beginning of .eh_frame, until one covers `pc`. */
__attribute__((noinline)) static enum sp_cfi_status scan(const struct sp_tables *tables, uintptr_t at, uintptr_t pc,
                                                         struct sp_fde *fde)
{
    uintptr_t cie_at = 0;
    struct sp_table_reader body;
    for (unsigned i = 0; i < SCANNED_LIMIT && open_record(tables, at, &body); i++) {
        struct sp_table_reader id = body;
        at = body.end;
        fde->scanned++;
        if (sp_table_u32(&id) == 0)
            continue;
        if (!read_fde(tables, body, &cie_at, fde))
            return SP_CFI_MALFORMED;
        if (pc >= fde->begin && pc < fde->end)
            return SP_CFI_FOUND;
    }
    return SP_CFI_NONE;
}

/* The sorted table: pairs {first address, entry}, both relative to .eh_frame_hdr, signed, of `width` bytes each. */
struct index {
    uintptr_t header, pairs;
    uint64_t count;
    unsigned width;
};

static uintptr_t index_value(const struct index *index, uint64_t pair, unsigned which)
{
    typedef int32_t narrow __attribute__((aligned(1), may_alias));
    typedef int64_t wide __attribute__((aligned(1), may_alias));
    const uintptr_t at = index->pairs + (uintptr_t)(2 * pair + which) * index->width;
    return index->header + (uintptr_t)(index->width == 4 ? *(const volatile narrow *)at : *(const volatile wide *)at);
}

/* The last pair that begins at or before `pc`: its number + 1, or 0 when all begin behind it. */
static uint64_t search(const struct index *index, uintptr_t pc)
{
    uint64_t low = 0, high = index->count;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (index_value(index, middle, 0) <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/*
 * Where the entry for `pc` is by the sorted table. FOUND: `*at` is the record that may cover it; `*is_sorted` false:
 * there is no such table, and `*at` is where the records begin.
 */
__attribute__((noinline)) static enum sp_cfi_status locate(const struct sp_tables *tables, uintptr_t pc, uintptr_t *at,
                                                           bool *is_sorted)
{
    *is_sorted = false;
    if (tables->header == 0) {
        *at = tables->frames;
        return *at == 0 ? SP_CFI_NONE : SP_CFI_FOUND;
    }
    if (tables->header < tables->low || tables->header > tables->high)
        return SP_CFI_MALFORMED;
    struct sp_table_reader reader = {tables->header, tables->high, false};
    const uint8_t version = sp_table_u8(&reader), frame_encoding = sp_table_u8(&reader),
                  count_encoding = sp_table_u8(&reader), table_encoding = sp_table_u8(&reader);
    if (reader.has_failed || version != 1)
        return SP_CFI_MALFORMED;
    *at = frame_encoding == SP_PE_OMIT ? 0 : sp_table_pointer(&reader, frame_encoding, tables->header);
    const bool is_wide = table_encoding == (SP_PE_DATAREL | SP_PE_SDATA8);
    *is_sorted = count_encoding != SP_PE_OMIT && (is_wide || table_encoding == (SP_PE_DATAREL | SP_PE_SDATA4));
    if (!*is_sorted)
        return *at == 0 || reader.has_failed ? SP_CFI_NONE : SP_CFI_FOUND;
    struct index index = {.header = tables->header, .width = is_wide ? 8 : 4};
    index.count = sp_table_pointer(&reader, count_encoding, tables->header);
    index.pairs = reader.at;
    if (reader.has_failed || index.count > (reader.end - reader.at) / (2 * index.width))
        return SP_CFI_MALFORMED;
    const uint64_t found = search(&index, pc);
    if (found == 0)
        return SP_CFI_NONE;
    *at = index_value(&index, found - 1, 1);
    return SP_CFI_FOUND;
}

enum sp_cfi_status sp_fde_find(const struct sp_tables *tables, uintptr_t pc, struct sp_fde *fde)
{
    struct sp_table_reader body;
    uintptr_t at, cie_at = 0;
    bool is_sorted;
    fde->scanned = 0;
    const enum sp_cfi_status status = locate(tables, pc, &at, &is_sorted);
    if (status != SP_CFI_FOUND)
        return status;
    if (!is_sorted)
        return scan(tables, at, pc, fde);
    if (!open_record(tables, at, &body) || !read_fde(tables, body, &cie_at, fde))
        return SP_CFI_MALFORMED;
    return pc >= fde->begin && pc < fde->end ? SP_CFI_FOUND : SP_CFI_NONE;
}
