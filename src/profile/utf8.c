/*
 * UTF-8 checking and repair. See utf8.h.
 * Context: ordinary code.
 */
#include "profile/utf8.h"

#include <stdint.h>
#include <string.h>

enum { LONGEST = 4 };

/* How many bytes a character that begins with `lead` has, and the lowest code point that needs so many; 0: none. */
static size_t length_of(unsigned char lead, uint32_t *lowest)
{
    static const uint32_t lowest_of[LONGEST + 1] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = lead < 0x80             ? 1
                    : (lead & 0xe0) == 0xc0 ? 2
                    : (lead & 0xf0) == 0xe0 ? 3
                    : (lead & 0xf8) == 0xf0 ? 4
                                            : 0;
    *lowest = lowest_of[length];
    return length;
}

/* The length of the valid character at text[0..n), n > 0; 0 when there is none, or when it is NUL. */
static size_t character(const char *text, size_t n)
{
    uint32_t lowest;
    unsigned char lead = (unsigned char)text[0];
    size_t length = length_of(lead, &lowest);
    if (length <= 1)
        return lead == 0 ? 0 : length;
    if (length > n)
        return 0;
    uint32_t code = lead & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    }
    bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < lowest || code > 0x10ffff || is_surrogate ? 0 : length;
}

/* How many bytes at the start are printable-or-control ASCII other than NUL, counted in words of eight. */
static size_t ascii_prefix(const char *text, size_t n)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
    size_t i = 0;
    for (uint64_t word; n - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, text + i, sizeof(word));
        if ((word | (word - ones)) & tops) /* a top bit, or a borrow out of a zero byte */
            break;
    }
    return i;
}

bool sp_utf8_is_valid(const char *text, size_t n)
{
    for (size_t i = ascii_prefix(text, n), length; i < n; i += length) {
        length = character(text + i, n - i);
        if (length == 0)
            return false;
    }
    return true;
}

size_t sp_utf8_repair(char *to, const char *text, size_t n)
{
    static const char replacement[3] = {'\xef', '\xbf', '\xbd'};
    size_t written = 0;
    for (size_t i = 0; i < n;) {
        size_t length = character(text + i, n - i);
        if (length) {
            memcpy(to + written, text + i, length);
            written += length;
            i += length;
        } else {
            memcpy(to + written, replacement, sizeof(replacement));
            written += sizeof(replacement);
            i++;
        }
    }
    return written;
}
