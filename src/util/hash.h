/*
 * A fast hash of bytes and of 64-bit words, with a seed.
 *
 * Place on the way of a sample: under the hash indexes of a profile, of the readers of formats and of reports.
 * The seed is random per process, so that a hostile file cannot be built in advance to collide; no result of this
 * program depends on the order of hashes.
 *
 * Context: ordinary code; not for a signal handler (sp_hash_seed may call the kernel).
 */
#ifndef SIGPROF_UTIL_HASH_H
#define SIGPROF_UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A random number, the same one for the life of the process. */
uint64_t sp_hash_seed(void);

/* One step: multiplies two words to 128 bits and folds the halves, so that every input bit reaches every output bit. */
static inline uint64_t sp_hash_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The hash so far, and one more word. */
static inline uint64_t sp_hash_word(uint64_t hash, uint64_t word)
{
    return sp_hash_mix(hash ^ word ^ UINT64_C(0x2d358dccaa6c78a5), UINT64_C(0x9e3779b97f4a7c15) ^ (hash << 1));
}

/* The hash so far, and `n` more bytes. The length takes part, so that "ab","c" and "a","bc" differ. */
static inline uint64_t sp_hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    uint64_t word;
    hash = sp_hash_word(hash, n);
    for (; n >= sizeof(word); at += sizeof(word), n -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        hash = sp_hash_word(hash, word);
    }
    if (n == 0)
        return hash;
    word = 0;
    memcpy(&word, at, n);
    return sp_hash_word(hash, word);
}

#endif
