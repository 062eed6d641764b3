/*
 * Reads the directories and files of a line table (DWARF 5, 6.2.4; DWARF 4, 6.2.4). See dwarf_line_names.h.
 *
 * Each field takes a byte at the least, so a list is no longer than its bytes, whatever it says of itself.
 * Context: ordinary code; one thread at a time.
 */
#include "symbolize/dwarf_line_names.h"

#include "symbolize/normal_path.h"
#include "util/reader.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_PER_MARK 16
/* Bytes from a mark on that are looked at for one path: honest entries have no more, hostile ones could be huge. */
#define WALK_MAX (ENTRIES_PER_MARK * PATH_MAX)

enum content { CONTENT_PATH = 1, CONTENT_DIRECTORY = 2, CONTENT_OTHER = 3 };

enum form {
    FORM_BLOCK2 = 0x03,
    FORM_BLOCK4 = 0x04,
    FORM_DATA2 = 0x05,
    FORM_DATA4 = 0x06,
    FORM_DATA8 = 0x07,
    FORM_STRING = 0x08,
    FORM_BLOCK = 0x09,
    FORM_BLOCK1 = 0x0a,
    FORM_DATA1 = 0x0b,
    FORM_FLAG = 0x0c,
    FORM_SDATA = 0x0d,
    FORM_STRP = 0x0e,
    FORM_UDATA = 0x0f,
    FORM_SEC_OFFSET = 0x17,
    FORM_STRX = 0x1a,
    FORM_STRP_SUP = 0x1d,
    FORM_DATA16 = 0x1e,
    FORM_LINE_STRP = 0x1f,
    FORM_STRX1 = 0x25,
    FORM_STRX2 = 0x26,
    FORM_STRX3 = 0x27,
    FORM_STRX4 = 0x28,
    FORM_GNU_STRP_ALT = 0x1f21,
};

/* Entries of version 2 to 4. */
static const struct sp_dwarf_line_field old_fields[] = {{CONTENT_PATH, FORM_STRING},
                                                        {CONTENT_DIRECTORY, FORM_UDATA},
                                                        {CONTENT_OTHER, FORM_UDATA},
                                                        {CONTENT_OTHER, FORM_UDATA}};
#define N_OLD_FILE_FIELDS 4
#define N_OLD_DIRECTORY_FIELDS 1

struct entry {
    uint64_t path_form;
    const char *text; /* of FORM_STRING */
    uint64_t value;   /* of other forms: where the text is */
    uint64_t directory;
};

void sp_dwarf_line_names_reset(struct sp_dwarf_line_names *names)
{
    names->directories.n = names->files.n = 0;
    names->n_defined = 0;
    names->are_read = false;
}

void sp_dwarf_line_names_done(struct sp_dwarf_line_names *names)
{
    free(names->directories.marks);
    free(names->files.marks);
    free(names->defined);
    sp_dwarf_window_done(&names->directory_window);
    sp_dwarf_window_done(&names->file_window);
    *names = (struct sp_dwarf_line_names){.are_read = false};
}

/* Makes `at` hold `n` numbers and one more. */
static bool has_room(uint32_t **at, size_t n, size_t *capacity)
{
    if (n < *capacity)
        return true;
    size_t larger = *capacity ? 2 * *capacity : 64;
    uint32_t *moved = reallocarray(*at, larger, sizeof(*moved));
    if (!moved)
        return false;
    *at = moved;
    *capacity = larger;
    return true;
}

/* The text at the reader, which goes on behind its end; NULL: it has none. */
static const char *read_string(struct sp_reader *reader)
{
    const char *text = (const char *)reader->at;
    const uint8_t *end = memchr(reader->at, '\0', sp_reader_left(reader));
    if (!end) {
        sp_reader_fail(reader, sp_reader_position(reader), "a text does not end");
        return NULL;
    }
    reader->at = end + 1;
    return text;
}

static uint64_t skip_block(struct sp_reader *reader, uint64_t size)
{
    sp_reader_sub(reader, size);
    return 0;
}

/* The number that a field has; of a text, where that is. 0 for what is no number. */
static uint64_t read_number(struct sp_reader *reader, uint64_t form, size_t offset_size)
{
    switch (form) {
    case FORM_DATA1:
    case FORM_FLAG:
    case FORM_STRX1:
        return sp_reader_fixed(reader, 1);
    case FORM_DATA2:
    case FORM_STRX2:
        return sp_reader_fixed(reader, 2);
    case FORM_STRX3:
        return sp_reader_fixed(reader, 3);
    case FORM_DATA4:
    case FORM_STRX4:
        return sp_reader_fixed(reader, 4);
    case FORM_DATA8:
        return sp_reader_fixed(reader, 8);
    case FORM_UDATA:
    case FORM_SDATA:
    case FORM_STRX:
        return sp_reader_varint(reader);
    case FORM_STRP:
    case FORM_LINE_STRP:
    case FORM_STRP_SUP:
    case FORM_GNU_STRP_ALT:
    case FORM_SEC_OFFSET:
        return sp_reader_fixed(reader, offset_size);
    case FORM_DATA16:
        return skip_block(reader, 16);
    case FORM_BLOCK:
        return skip_block(reader, sp_reader_varint(reader));
    case FORM_BLOCK1:
        return skip_block(reader, sp_reader_fixed(reader, 1));
    case FORM_BLOCK2:
        return skip_block(reader, sp_reader_fixed(reader, 2));
    case FORM_BLOCK4:
        return skip_block(reader, sp_reader_fixed(reader, 4));
    default:
        sp_reader_fail(reader, sp_reader_position(reader), "a form of unknown size");
        return 0;
    }
}

static struct entry read_entry(struct sp_reader *reader, const struct sp_dwarf_line_list *list, size_t offset_size)
{
    struct entry entry = {.path_form = 0};
    for (size_t i = 0; i < list->n_fields && !reader->error; i++) {
        const struct sp_dwarf_line_field *field = &list->fields[i];
        const char *text = field->form == FORM_STRING ? read_string(reader) : NULL;
        const uint64_t value = field->form == FORM_STRING ? 0 : read_number(reader, field->form, offset_size);
        if (field->content == CONTENT_PATH) {
            entry.path_form = field->form;
            entry.text = text;
            entry.value = value;
        } else if (field->content == CONTENT_DIRECTORY) {
            entry.directory = value;
        }
    }
    return entry;
}

/* Walks over the entries, at most `max`; before version 5 an empty name ends them. */
static void read_entries(struct sp_reader *reader, struct sp_dwarf_line_list *list,
                         const struct sp_dwarf_line_table *table, uint64_t max)
{
    for (list->n = 0; list->n < max && list->n_fields > 0; list->n++) {
        if (table->version < 5 && sp_reader_left(reader) > 0 && *reader->at == '\0') {
            reader->at++;
            return;
        }
        const size_t mark = (size_t)(list->n / ENTRIES_PER_MARK);
        if (list->n % ENTRIES_PER_MARK == 0) {
            if (!has_room(&list->marks, mark, &list->marks_capacity))
                return;
            list->marks[mark] = (uint32_t)sp_reader_position(reader);
        }
        read_entry(reader, list, table->offset_size);
        if (reader->error)
            return;
    }
}

static void read_list(struct sp_reader *reader, struct sp_dwarf_line_list *list,
                      const struct sp_dwarf_line_table *table, size_t n_old_fields)
{
    if (table->version < 5) {
        list->n_fields = n_old_fields;
        memcpy(list->fields, old_fields, n_old_fields * sizeof(*old_fields));
        read_entries(reader, list, table, UINT64_MAX);
        return;
    }
    list->n_fields = (size_t)sp_reader_fixed(reader, 1);
    for (size_t i = 0; i < list->n_fields; i++) {
        list->fields[i].content = sp_reader_varint(reader);
        list->fields[i].form = sp_reader_varint(reader);
    }
    read_entries(reader, list, table, sp_reader_varint(reader));
}

static void read_lists(struct sp_dwarf_line_names *names, const struct sp_dwarf_line_table *table)
{
    struct sp_reader reader;
    if (names->are_read)
        return;
    names->are_read = true;
    sp_reader_init(&reader, table->bytes, table->program);
    reader.at += table->names;
    read_list(&reader, &names->directories, table, N_OLD_DIRECTORY_FIELDS);
    read_list(&reader, &names->files, table, N_OLD_FILE_FIELDS);
}

void sp_dwarf_line_names_define(struct sp_dwarf_line_names *names, const struct sp_dwarf_line_table *table,
                                size_t offset)
{
    if (table->version < 5 && has_room(&names->defined, names->n_defined, &names->defined_capacity))
        names->defined[names->n_defined++] = (uint32_t)offset;
}

/* Reads the entry `skipped` behind the one at `mark`. */
static bool read_at(const struct sp_dwarf_line_list *list, const struct sp_dwarf_line_table *table, uint32_t mark,
                    unsigned skipped, struct entry *out)
{
    struct sp_reader reader;
    const size_t left = table->size - mark;
    sp_reader_init(&reader, table->bytes + mark, left < WALK_MAX ? left : WALK_MAX);
    for (unsigned i = 0; i < skipped; i++)
        read_entry(&reader, list, table->offset_size);
    *out = read_entry(&reader, list, table->offset_size);
    return !reader.error;
}

static bool find_entry(const struct sp_dwarf_line_list *list, const struct sp_dwarf_line_table *table, uint64_t index,
                       struct entry *entry)
{
    return index < list->n &&
           read_at(list, table, list->marks[index / ENTRIES_PER_MARK], (unsigned)(index % ENTRIES_PER_MARK), entry);
}

/* The entry of a file by its number: from 0 in version 5, before that from 1. */
static bool find_file(const struct sp_dwarf_line_names *names, const struct sp_dwarf_line_table *table, uint64_t number,
                      struct entry *entry)
{
    const struct sp_dwarf_line_list *files = &names->files;
    const uint64_t index = table->version < 5 ? number - 1 : number;
    if (table->version < 5 && number == 0)
        return false;
    if (index >= files->n && index - files->n < names->n_defined)
        return read_at(files, table, names->defined[index - files->n], 0, entry);
    return find_entry(files, table, index, entry);
}

/* The text of an entry, or NULL where it is in a file that is not at hand. */
static const char *text_of(const struct sp_dwarf_file *file, const struct entry *entry, struct sp_dwarf_window *window)
{
    switch (entry->path_form) {
    case FORM_STRING:
        return entry->text;
    case FORM_LINE_STRP:
        return sp_dwarf_text(file, SP_DWARF_LINE_STR, entry->value, window);
    case FORM_STRP:
        return sp_dwarf_text(file, SP_DWARF_STR, entry->value, window);
    default:
        return NULL;
    }
}

/* The text of directory `number`; before version 5 they are counted from 1, and 0 is the unit's own. */
static const char *directory_of(struct sp_dwarf_line_names *names, const struct sp_dwarf_line_table *table,
                                const struct sp_dwarf_line_unit *unit, uint64_t number)
{
    struct entry entry;
    if (table->version < 5 && number-- == 0)
        return "";
    if (!find_entry(&names->directories, table, number, &entry))
        return "";
    const char *text = text_of(unit->file, &entry, &names->directory_window);
    return text ? text : "";
}

/* Writes `name`, in `directory` where it is relative and that is known: true, or false when it is too long. */
static bool join(const char *directory, const char *name, char out[PATH_MAX])
{
    const size_t length = strlen(name);
    size_t n = name[0] == '/' ? 0 : strlen(directory);
    if (n + (n > 0) + length >= PATH_MAX)
        return false;
    memcpy(out, directory, n);
    if (n > 0)
        out[n++] = '/';
    memcpy(out + n, name, length + 1);
    return true;
}

/*
 * What directory `number`, a relative one, is relative to. In version 5, 0 is the unit's own once more: where that is
 * relative too, the one stands in the other, in the paths that all tools tell.
 */
static const char *base_of(struct sp_dwarf_line_names *names, const struct sp_dwarf_line_table *table,
                           const struct sp_dwarf_line_unit *unit, uint64_t number)
{
    if (unit->directory)
        return unit->directory;
    return table->version >= 5 && number != 0 ? directory_of(names, table, unit, 0) : "";
}

const char *sp_dwarf_line_names_path(struct sp_dwarf_line_names *names, const struct sp_dwarf_line_table *table,
                                     const struct sp_dwarf_line_unit *unit, uint64_t file, char *out)
{
    char in_directory[PATH_MAX], joined[PATH_MAX];
    struct entry entry;
    read_lists(names, table);
    if (!find_file(names, table, file, &entry))
        return NULL;
    const char *name = text_of(unit->file, &entry, &names->file_window);
    if (!name || name[0] == '\0' || !join(directory_of(names, table, unit, entry.directory), name, in_directory))
        return NULL;
    const char *base = in_directory[0] == '/' ? "" : base_of(names, table, unit, entry.directory);
    if (!join(base, in_directory, joined))
        return NULL;
    const char *path = sp_normal_path(joined, out);
    return path == out ? out : strcpy(out, joined);
}
