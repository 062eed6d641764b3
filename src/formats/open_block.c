/*
 * Finding the end of a DEFLATE block without decoding it. See open_block.h; the format is that of RFC 1951.
 *
 * A block's first bit says whether it is the last one. Where the first block is the last, the stream is
 *
 *   1 | type | header: lengths of the codes | symbols ... | the code of symbol 256, "end of block" | 0 to 7 bits of 0
 *
 * and where in the last byte it ends is not written down. But the header tells the code of symbol 256, and only zeros
 * follow it: so the last 1 of the stream is the last 1 of that code, and the block ends as many bits behind it as the
 * code has zeros at its end. (A code of zeros alone would not be found so; the fixed codes have one.) There an empty
 * stored block is put, which fills the byte: 3 bits of header, all 0, and the lengths 0 and 0xffff. A stored block ends
 * with a byte itself.
 *
 * Context: ordinary code.
 */
#include "formats/open_block.h"

#include <stdbool.h>
#include <string.h>

enum {
    BYTE_BITS = 8,
    LAST = 1, /* the first bit */
    TYPE_SHIFT = 1,
    TYPE_MASK = 3,
    STORED = 0,
    DYNAMIC = 2,
    HEADER_BITS = 3,
    END = 256, /* the symbol */
    LITERALS_MIN = 257,
    LITERALS_MAX = LITERALS_MIN + 31,
    CODES_MIN = 4,
    CODES = 19, /* symbols that the lengths are written in */
    LONGEST = 15,
    REPEAT = 16, /* the length before, 3 to 6 times */
    ZEROS,       /* 3 to 10 times */
    MANY_ZEROS,  /* 11 to 138 times */
};

/* Bits, the least significant of a byte first; 0 beyond the end. */
struct bits {
    const uint8_t *at;
    size_t n, next; /* in bits */
};

/* Huffman codes as canonical order has them: how many there are of each length, and the symbols by their codes. */
struct codes {
    uint16_t n[LONGEST + 1];
    uint16_t symbols[CODES];
};

static unsigned bit_at(const struct bits *bits, size_t position)
{
    return position < bits->n ? (unsigned)bits->at[position / BYTE_BITS] >> position % BYTE_BITS & 1U : 0;
}

/* A number of `n` bits, the least significant first. */
static unsigned take(struct bits *bits, unsigned n)
{
    unsigned value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= bit_at(bits, bits->next++) << i;
    return value;
}

static void make_codes(const uint8_t lengths[CODES], struct codes *codes)
{
    size_t n = 0;
    memset(codes, 0, sizeof *codes);
    for (unsigned length = 1; length <= LONGEST; length++)
        for (uint16_t symbol = 0; symbol < CODES; symbol++)
            if (lengths[symbol] == length) {
                codes->symbols[n++] = symbol;
                codes->n[length]++;
            }
}

/* The next symbol; CODES when there is no such code. */
static unsigned take_symbol(struct bits *bits, const struct codes *codes)
{
    unsigned code = 0, first = 0, symbols = 0; /* the first code of this length, and how many symbols are shorter */
    for (unsigned length = 1; length <= LONGEST; length++) {
        code |= take(bits, 1);
        if (code < first + codes->n[length])
            return codes->symbols[symbols + code - first];
        symbols += codes->n[length];
        first = (first + codes->n[length]) << 1;
        code <<= 1;
    }
    return CODES;
}

static void take_codes(struct bits *bits, unsigned n, struct codes *codes)
{
    static const uint8_t order[CODES] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[CODES] = {0};
    for (unsigned i = 0; i < n && i < CODES; i++)
        lengths[order[i]] = (uint8_t)take(bits, 3);
    make_codes(lengths, codes);
}

/* How often a length comes that a symbol tells; `*length` is the one before, and becomes this one. */
static unsigned take_run(struct bits *bits, unsigned symbol, uint8_t *length)
{
    switch (symbol) {
    case REPEAT:
        return 3 + take(bits, 2);
    case ZEROS:
        *length = 0;
        return 3 + take(bits, 3);
    case MANY_ZEROS:
        *length = 0;
        return 11 + take(bits, 7);
    default:
        *length = (uint8_t)symbol;
        return 1;
    }
}

/* Reads the header of a dynamic block up to the lengths of the codes of literals; how many, 0 when it is no such. */
static unsigned take_lengths(struct bits *bits, uint8_t lengths[LITERALS_MAX])
{
    struct codes codes;
    uint8_t length = 0;
    bits->next += HEADER_BITS;
    const unsigned n = LITERALS_MIN + take(bits, 5);
    take(bits, 5); /* codes of distances, whose lengths come last */
    take_codes(bits, CODES_MIN + take(bits, 4), &codes);
    for (unsigned at = 0; at < n;) {
        const unsigned symbol = take_symbol(bits, &codes);
        if (symbol == CODES)
            return 0;
        for (unsigned times = take_run(bits, symbol, &length); times > 0 && at < n; times--)
            lengths[at++] = length;
    }
    return n;
}

/* The code of symbol END, its first bit being the most significant; 0 when it has none. */
static unsigned code_of_end(const uint8_t *lengths, unsigned n)
{
    if (lengths[END] == 0)
        return 0;
    unsigned n_shorter[LONGEST + 2] = {0}, code = 0;
    for (unsigned symbol = 0; symbol < n; symbol++)
        if (lengths[symbol] > 0)
            n_shorter[lengths[symbol] + 1]++; /* of the length before */
    for (unsigned length = 1; length <= lengths[END]; length++)
        code = (code + n_shorter[length]) << 1;
    for (unsigned symbol = 0; symbol < END; symbol++)
        code += lengths[symbol] == lengths[END];
    return code;
}

/* Whether the code stands in front of `end`. */
static bool is_code_before(const struct bits *bits, size_t end, unsigned code, unsigned length)
{
    if (end > bits->n || end < length)
        return false;
    for (unsigned i = 0; i < length; i++)
        if (bit_at(bits, end - 1 - i) != (code >> i & 1))
            return false;
    return true;
}

/* The bit behind a stream's only block, which is a dynamic one; 0 when it is not found. */
static size_t end_of_block(const uint8_t *stream, size_t n)
{
    uint8_t lengths[LITERALS_MAX];
    struct bits bits = {.at = stream, .n = n * BYTE_BITS};
    const unsigned n_lengths = take_lengths(&bits, lengths), code = n_lengths ? code_of_end(lengths, n_lengths) : 0;
    if (code == 0)
        return 0;
    size_t end = bits.n;
    while (end > bits.next && bit_at(&bits, end - 1) == 0)
        end--;
    end += (unsigned)__builtin_ctz(code);
    return bits.n - end < BYTE_BITS && is_code_before(&bits, end, code, lengths[END]) ? end : 0;
}

size_t sp_open_block(uint8_t *stream, size_t n)
{
    static const uint8_t lengths[] = {0, 0, 0xff, 0xff};
    if (n == 0 || !(stream[0] & LAST))
        return 0;
    const unsigned type = stream[0] >> TYPE_SHIFT & TYPE_MASK;
    if (type == STORED) {
        stream[0] &= (uint8_t)~LAST;
        return n;
    }
    const size_t end = type == DYNAMIC ? end_of_block(stream, n) : 0;
    if (end == 0)
        return 0;
    stream[0] &= (uint8_t)~LAST;
    const size_t header_end = (end + HEADER_BITS + BYTE_BITS - 1) / BYTE_BITS;
    if (header_end > n)
        stream[n] = 0;
    memcpy(stream + header_end, lengths, sizeof lengths);
    return header_end + sizeof lengths;
}
