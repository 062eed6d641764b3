/*
 * Found names. See name_store.h for the place and the context.
 */
#include "symbolize/name_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sp_name_store_init(struct sp_name_store *store, enum sp_demangle_style style)
{
    store->style = style;
    store->names = store->copies = NULL;
    store->capacity = 0;
    store->found = sp_profile_new();
    return store->found ? 0 : -ENOMEM;
}

void sp_name_store_done(struct sp_name_store *store)
{
    sp_profile_free(store->found);
    free(store->names);
    free(store->copies);
}

/*
 * The name that people wrote, where the source knows it: a symbol that is that name and a suffix is a part or a clone
 * of the function, and one that is that name has no suffix, whatever it looks like. Else it is made from the symbol.
 */
static uint32_t name_of(struct sp_name_store *store, const struct sp_named_frame *frame)
{
    const char *raw = frame->system_name ? frame->system_name : "";
    const size_t plain = frame->name ? strlen(frame->name) : 0;
    if (store->style != SP_DEMANGLE_NONE && plain > 0 && strncmp(raw, frame->name, plain) == 0 &&
        (raw[plain] == '.' || raw[plain] == '\0'))
        return sp_profile_string_n(store->found, frame->name, plain);
    const size_t length = sp_demangle(raw, store->style, store->name, sizeof(store->name));
    return length > 0 ? sp_profile_string_n(store->found, store->name, length) : sp_profile_string(store->found, raw);
}

/* Makes room for what belongs to one more function. */
static bool reserve(struct sp_name_store *store, size_t n)
{
    if (n < store->capacity)
        return true;
    const size_t larger = store->capacity ? 2 * store->capacity : 64;
    uint32_t *names = reallocarray(store->names, larger, sizeof(*names));
    if (names)
        store->names = names;
    uint32_t *copies = reallocarray(store->copies, larger, sizeof(*copies));
    if (copies)
        store->copies = copies;
    if (!names || !copies)
        return false;
    store->capacity = larger;
    return true;
}

/* The function of a frame, with a name if it is new. SP_NONE without memory. */
static uint32_t function_of(struct sp_name_store *store, const struct sp_named_frame *frame)
{
    struct sp_profile *found = store->found;
    const struct sp_function function = {.name = sp_profile_string(found, frame->name),
                                         .system_name = sp_profile_string(found, frame->system_name),
                                         .filename = sp_profile_string(found, frame->filename),
                                         .start_line = frame->start_line};
    const size_t before = found->functions.n;
    if (!reserve(store, before))
        return SP_NONE;
    const uint32_t index = sp_profile_function(found, &function);
    if (found->functions.n > before) {
        store->names[index] = name_of(store, frame);
        store->copies[index] = SP_NONE;
    }
    return index;
}

uint32_t sp_name_store_add(struct sp_name_store *store, const struct sp_named_frame *frames, uint32_t n)
{
    struct sp_line lines[SP_FRAMES_MAX];
    for (uint32_t i = 0; i < n; i++) {
        lines[i] = (struct sp_line){
            .function = function_of(store, &frames[i]), .line = frames[i].line, .column = frames[i].column};
        if (lines[i].function == SP_NONE)
            return SP_NONE;
    }
    const uint32_t found = sp_profile_add_location(store->found, &(struct sp_location){.mapping = SP_NONE}, lines, n);
    return sp_profile_error(store->found) ? SP_NONE : found;
}

/* The profile's function for one of ours. */
static uint32_t copy_function(struct sp_name_store *store, uint32_t index, struct sp_profile *profile)
{
    const struct sp_profile *found = store->found;
    const struct sp_function *function = &found->functions.at[index];
    if (store->copies[index] == SP_NONE)
        store->copies[index] = sp_profile_function(
            profile, &(struct sp_function){
                         .name = sp_profile_string(profile, sp_profile_text(found, store->names[index])),
                         .system_name = sp_profile_string(profile, sp_profile_text(found, function->system_name)),
                         .filename = sp_profile_string(profile, sp_profile_text(found, function->filename)),
                         .start_line = function->start_line});
    return store->copies[index];
}

void sp_name_store_copy(struct sp_name_store *store, uint32_t found, struct sp_profile *profile, uint32_t location)
{
    const struct sp_location *from = &store->found->locations.at[found];
    struct sp_line lines[SP_FRAMES_MAX];
    for (uint32_t i = 0; i < from->n_lines; i++) {
        lines[i] = store->found->lines.at[from->first_line + i];
        lines[i].function = copy_function(store, lines[i].function, profile);
    }
    sp_profile_set_lines(profile, location, lines, from->n_lines);
}
