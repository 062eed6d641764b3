/*
 * The table of formats, and the search in it.
 *
 * Place on the way of a sample: see formats.h.
 * Context: ordinary code.
 */
#include "formats/formats.h"

#include <string.h>

#include "formats/legacy.h"
#include "formats/pprof.h"

const struct sp_format *const sp_formats[] = {&sp_format_pprof, &sp_format_legacy, NULL};

const struct sp_format *sp_format_find(const char *name)
{
    for (const struct sp_format *const *format = sp_formats; *format; format++) {
        if (strcmp((*format)->name, name) == 0)
            return *format;
    }
    return NULL;
}

const struct sp_format *sp_format_of(const uint8_t *data, size_t size)
{
    for (const struct sp_format *const *format = sp_formats; *format; format++) {
        if ((*format)->looks_like && (*format)->looks_like(data, size))
            return *format;
    }
    return NULL;
}
