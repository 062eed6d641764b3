/*
 * A report as text in memory. See render.h.
 *
 * Context: any; no state.
 */
#include "render.h"

#include <errno.h>

#include "cut_lines.h"

int sp_render(int (*print)(void *context, FILE *out), void *context, bool is_harmless, char **text, size_t *size)
{
    FILE *memory = open_memstream(text, size);
    if (!memory)
        return -ENOMEM;
    int error = print(context, memory);
    const bool has_failed = ferror(memory) != 0;
    if ((fclose(memory) != 0 || has_failed) && !error)
        error = -ENOMEM;
    if (!error && is_harmless)
        *size = sp_make_harmless(*text, *size);
    return error;
}
