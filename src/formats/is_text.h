/*
 * Text or not: how the text formats are told from the binary ones.
 *
 * Place on the way of a sample: under the looks_like of formats. Context: ordinary code; no state.
 */
#ifndef SIGPROF_FORMATS_IS_TEXT_H
#define SIGPROF_FORMATS_IS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether the first bytes of data[0..size), of which there has to be one, are none that only binary files have. Numbers
 * and lengths in a binary profile are small ones again and again, which as text are control characters.
 */
static inline bool sp_is_text(const uint8_t *data, size_t size)
{
    enum { LOOKED_AT = 512, ESCAPE = 27 };
    for (size_t i = 0; i < size && i < LOOKED_AT; i++) {
        const bool is_control = data[i] < ' ' && !(data[i] >= '\t' && data[i] <= '\r') && data[i] != ESCAPE;
        if (is_control || data[i] == 0x7f)
            return false;
    }
    return size > 0;
}

#endif
