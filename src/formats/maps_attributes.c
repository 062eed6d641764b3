/*
 * Replaces names by values in the lines of a memory map. See maps_attributes.h.
 *
 * Context: ordinary code.
 */
#include "formats/maps_attributes.h"

#include <stdlib.h>
#include <string.h>

/* A line with its values: more than any path has. */
#define LONGEST_LINE (UINT64_C(1) << 16)
/* All of them together. */
#define REPLACED_MAX (UINT64_C(1) << 26)

static struct sp_piece without_blanks(const char *at, const char *end)
{
    while (at < end && sp_maps_is_space(*at))
        at++;
    while (end > at && sp_maps_is_space(end[-1]))
        end--;
    return (struct sp_piece){at, (size_t)(end - at)};
}

static size_t keep(struct sp_maps_attributes *attributes, struct sp_piece piece)
{
    const size_t at = attributes->text.n;
    sp_bytes_put(&attributes->text, piece.at, piece.n);
    return at;
}

void sp_maps_attributes_take(struct sp_maps_attributes *attributes, struct sp_piece line)
{
    const char *equals = line.n > 0 ? memchr(line.at, '=', line.n) : NULL;
    if (!equals || attributes->n == SP_MAPS_ATTRIBUTES_MAX || line.n > LONGEST_LINE)
        return;
    const struct sp_piece name = without_blanks(line.at, equals);
    const struct sp_piece value = without_blanks(equals + 1, line.at + line.n);
    const struct sp_maps_attribute attribute = {keep(attributes, name), name.n, keep(attributes, value), value.n};
    if (!attributes->text.error)
        attributes->at[attributes->n++] = attribute;
}

/* The attribute whose name rest[0..n) begins with. */
static const struct sp_maps_attribute *find(const struct sp_maps_attributes *attributes, const char *rest, size_t n)
{
    for (size_t i = 0; i < attributes->n; i++) {
        const struct sp_maps_attribute *at = &attributes->at[i];
        if (at->name_n <= n && memcmp(attributes->text.at + at->name, rest, at->name_n) == 0)
            return at;
    }
    return NULL;
}

/* Writes the line with its values to attributes->line: false where it is too long. */
static bool replace(struct sp_maps_attributes *attributes, struct sp_piece line)
{
    struct sp_bytes *out = &attributes->line;
    const char *at = line.at, *end = line.at + line.n;
    out->n = 0;
    while (at < end && out->n <= LONGEST_LINE) {
        const char *dollar = memchr(at, '$', (size_t)(end - at));
        const char *piece_end = dollar ? dollar : end;
        sp_bytes_put(out, at, (size_t)(piece_end - at));
        at = piece_end;
        if (!dollar)
            continue;
        const struct sp_maps_attribute *attribute = find(attributes, dollar + 1, (size_t)(end - dollar - 1));
        if (attribute)
            sp_bytes_put(out, attributes->text.at + attribute->value, attribute->value_n);
        else
            sp_bytes_put(out, dollar, 1);
        at += 1 + (attribute ? attribute->name_n : 0);
    }
    attributes->replaced += out->n;
    return !out->error && out->n <= LONGEST_LINE;
}

struct sp_piece sp_maps_attributes_replace(struct sp_maps_attributes *attributes, struct sp_piece line)
{
    if (attributes->n == 0 || line.n == 0 || line.n > LONGEST_LINE || attributes->replaced > REPLACED_MAX ||
        !memchr(line.at, '$', line.n) || !replace(attributes, line))
        return line;
    return (struct sp_piece){(const char *)attributes->line.at, attributes->line.n};
}

void sp_maps_attributes_free(struct sp_maps_attributes *attributes)
{
    free(attributes->text.at);
    free(attributes->line.at);
}
