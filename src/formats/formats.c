/*
 * The table of formats, and the search in it.
 *
 * Place on the way of a sample: see formats.h.
 * Context: ordinary code.
 */
#include "formats/formats.h"

#include <string.h>

#include "formats/callgrind.h"
#include "formats/firefox.h"
#include "formats/folded.h"
#include "formats/legacy.h"
#include "formats/legacy_text.h"
#include "formats/perf_script.h"
#include "formats/pprof.h"
#include "formats/profile_json.h"
#include "formats/speedscope.h"

/* Reading asks them in this order. */
/* clang-format off */
const struct sp_format *const sp_formats[] = {
    &sp_format_pprof,
    &sp_format_proto,
    &sp_format_legacy,
    &sp_format_legacy_text,
    &sp_format_perf_script,
    &sp_format_folded, /* any text may be: behind the other texts */
    &sp_format_speedscope,
    &sp_format_json,
    &sp_format_firefox,
    &sp_format_callgrind,
    NULL,
};
/* clang-format on */

const struct sp_format *sp_format_find(const char *name)
{
    for (const struct sp_format *const *format = sp_formats; *format; format++) {
        if (strcmp((*format)->name, name) == 0)
            return *format;
    }
    return NULL;
}

/* The length of the longest of the format's suffixes that `path` ends with and is longer than; 0: none. */
static size_t suffix_length(const struct sp_format *format, const char *path)
{
    const size_t path_length = strlen(path);
    size_t longest = 0, length;
    for (const char *suffix = format->suffixes; suffix && *suffix; suffix += length) {
        suffix += strspn(suffix, " ");
        length = strcspn(suffix, " ");
        if (length > longest && length < path_length && strncmp(path + path_length - length, suffix, length) == 0)
            longest = length;
    }
    return longest;
}

const struct sp_format *sp_format_of_path(const char *path)
{
    const struct sp_format *best = NULL;
    size_t longest = 0;
    for (const struct sp_format *const *format = sp_formats; *format; format++) {
        const size_t length = (*format)->write ? suffix_length(*format, path) : 0;
        if (length > longest) {
            longest = length;
            best = *format;
        }
    }
    return best;
}

const struct sp_format *sp_format_of(const uint8_t *data, size_t size)
{
    for (const struct sp_format *const *format = sp_formats; *format; format++) {
        if ((*format)->looks_like && (*format)->looks_like(data, size))
            return *format;
    }
    return NULL;
}
