/*
 * Attributes of a memory map: a line "build=/opt/tree" has $build stand for /opt/tree in the lines below it.
 *
 * Place on the way of a sample: inside the reader of legacy profiles.
 * Context: ordinary code.
 * Source of the rules: google/pprof, profile/legacy_profile.go.
 */
#ifndef SIGPROF_FORMATS_MAPS_ATTRIBUTES_H
#define SIGPROF_FORMATS_MAPS_ATTRIBUTES_H

#include "formats/bytes.h"
#include "formats/maps_line.h"

enum { SP_MAPS_ATTRIBUTES_MAX = 64 };

/* All zero: none. sp_maps_attributes_free() afterwards. */
struct sp_maps_attributes {
    struct sp_maps_attribute {
        size_t name, name_n, value, value_n; /* in `text`; the name without its $ */
    } at[SP_MAPS_ATTRIBUTES_MAX];
    size_t n, replaced; /* `replaced`: bytes that were written for all lines so far */
    struct sp_bytes text, line;
};

/* Takes a line that tells no mapping: "NAME=VALUE", or nothing of interest. Those beyond the limit are passed over. */
void sp_maps_attributes_take(struct sp_maps_attributes *attributes, struct sp_piece line);

/*
 * The line with the values of all attributes; of two of one name the first is meant. It is good until the next call.
 * What values may add to all lines is limited, as values may hold names themselves: beyond it lines stay as they are.
 */
struct sp_piece sp_maps_attributes_replace(struct sp_maps_attributes *attributes, struct sp_piece line);

void sp_maps_attributes_free(struct sp_maps_attributes *attributes);

#endif
