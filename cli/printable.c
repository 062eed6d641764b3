/*
 * Control characters become question marks.
 *
 * Place and context: see printable.h.
 */
#include "printable.h"

#include <string.h>

/* Bytes of the control character at `text`, 0 when it is none: C0, DEL, or C1, which in UTF-8 is C2 80 to C2 9F. */
static size_t control_bytes(const char *text)
{
    const unsigned char first = (unsigned char)text[0], second = first != '\0' ? (unsigned char)text[1] : 0;
    if (first < 0x20 || first == 0x7f)
        return 1;
    return first == 0xc2 && second >= 0x80 && second < 0xa0 ? 2 : 0;
}

const char *sp_printable(const char *text, char *out, size_t size)
{
    size_t n = 0;
    while (*text != '\0' && n + 1 < size) {
        const size_t control = control_bytes(text);
        out[n++] = control > 0 ? '?' : *text;
        text += control > 0 ? control : 1;
    }
    while (*text != '\0' && n > 0 && ((unsigned char)*text & 0xc0) == 0x80) /* inside of a character */
        text--, n--;
    out[n] = '\0';
    return out;
}
