/* Bytes made by hand, for the tests of what reads debug data. */
#ifndef SIGPROF_TESTS_MADE_BYTES_H
#define SIGPROF_TESTS_MADE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Bytes that grow at their end. */
struct made {
    uint8_t bytes[100000];
    size_t n;
};

static inline void put(struct made *made, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++, value >>= 8) {
        if (made->n == sizeof(made->bytes))
            abort();
        made->bytes[made->n++] = (uint8_t)value;
    }
}

static inline void put_uleb(struct made *made, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put(made, (value & 0x7f) | 0x80, 1);
    put(made, value, 1);
}

static inline void put_sleb(struct made *made, int64_t value)
{
    for (; value < -0x40 || value >= 0x40; value >>= 7)
        put(made, ((uint64_t)value & 0x7f) | 0x80, 1);
    put(made, (uint64_t)value & 0x7f, 1);
}

static inline void put_text(struct made *made, const char *text)
{
    for (; *text; text++)
        put(made, (uint8_t)*text, 1);
    put(made, 0, 1);
}

static inline void patch(struct made *made, size_t at, uint64_t value, size_t size)
{
    const size_t n = made->n;
    made->n = at;
    put(made, value, size);
    made->n = n;
}

#endif
