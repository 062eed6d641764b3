/*
 * gzip by two threads: what comes out is one member, and decompresses to what went in, whatever the data make of the
 * blocks of the first half.
 */
#include "check.h"

#include <libdeflate.h>
#include <stdlib.h>

#include "formats/bytes.h"
#include "formats/gzip.h"
#include "formats/open_block.h"

enum { DATA_BYTES = 700000, STREAM_BYTES = 2 * DATA_BYTES, HEADER_BYTES = 10, LEVEL = 1 };

static uint8_t data[DATA_BYTES], stream[STREAM_BYTES], result[DATA_BYTES + 1];

static void fill_zeros(uint64_t *random)
{
    (void)random;
    memset(data, 0, sizeof data);
}

static void fill_noise(uint64_t *random)
{
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)next_random(random);
}

/* Bytes of very different frequency: codes of many lengths. */
static void fill_skewed(uint64_t *random)
{
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)__builtin_ctzll(next_random(random) | 1U << 15);
}

/* Short matches, so many that a piece is several blocks. */
static void fill_short_matches(uint64_t *random)
{
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = i < 4096 || i % 6 == 0 ? (uint8_t)next_random(random) : data[i - 4096 + i / 6 % 7 * 6];
}

/* Every kind of it, in pieces. */
static void fill_mixture(uint64_t *random)
{
    for (size_t i = 0; i < sizeof data; i++) {
        const uint64_t kinds[] = {0, next_random(random), (i * i) >> 7, i % 13 * (next_random(random) % 5)};
        data[i] = (uint8_t)kinds[i / 30000 % 4];
    }
}

static void (*const fills[])(uint64_t *random) = {fill_zeros, fill_noise, fill_skewed, fill_short_matches,
                                                  fill_mixture};
enum { FILLS = sizeof fills / sizeof fills[0] };

static void assert_same_after_gzip(size_t size)
{
    struct sp_bytes zipped = {0};
    assert_int_equal(sp_gzip_halves(data, size, &zipped), 0);
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    size_t used = 0, made = 0;
    assert_int_equal(libdeflate_gzip_decompress_ex(decompressor, zipped.at, zipped.n, result, size + 1, &used, &made),
                     LIBDEFLATE_SUCCESS);
    assert_int_equal(used, zipped.n); /* one member */
    assert_int_equal(made, size);
    assert_memory_equal(result, data, size);
    libdeflate_free_decompressor(decompressor);
    sp_bytes_done(&zipped);
}

static void test_gzip_of_any_data_is_one_member(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 1, 2, 9, 100, 5000, 2 * 65535 - 1, 2 * 65535, 2 * 65535 + 2, DATA_BYTES};
    uint64_t random = 1;
    for (size_t fill = 0; fill < FILLS; fill++) {
        fills[fill](&random);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            assert_same_after_gzip(sizes[i]);
    }
}

static void test_gzip_is_appended(void **state)
{
    (void)state;
    struct sp_bytes zipped = {0};
    sp_bytes_put(&zipped, "abc", 3);
    assert_int_equal(sp_gzip_halves(data, 100, &zipped), 0);
    assert_memory_equal(zipped.at, "abc\x1f\x8b", 5);
    sp_bytes_done(&zipped);
}

static void test_first_half_stays_compressed(void **state)
{
    (void)state;
    struct sp_bytes zipped = {0};
    uint64_t random = 1;
    for (size_t fill = 0; fill < FILLS; fill++) {
        if (fills[fill] == fill_noise)
            continue;
        fills[fill](&random);
        zipped.n = 0;
        assert_int_equal(sp_gzip_halves(data, sizeof data, &zipped), 0);
        struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(LEVEL);
        const size_t whole = libdeflate_gzip_compress(compressor, data, sizeof data, stream, sizeof stream);
        libdeflate_free_compressor(compressor);
        assert_in_range(zipped.n, whole / 2, whole + whole / 10 + 1000);
    }
    sp_bytes_done(&zipped);
}

/* Compresses data[0..size) into `stream`; its length. */
static size_t deflate(size_t size)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(LEVEL);
    const size_t n = libdeflate_deflate_compress(compressor, data, size, stream, sizeof stream);
    libdeflate_free_compressor(compressor);
    return n;
}

/* Whether the stream was opened; then it has to go on, and to be whole with an empty last block behind it. */
static bool opens(size_t size)
{
    static const uint8_t last[] = {1, 0, 0, 0xff, 0xff};
    const size_t n = deflate(size), opened = sp_open_block(stream, n);
    if (opened == 0)
        return false;
    assert_in_range(opened, n, n + SP_OPEN_BLOCK_BYTES);
    memcpy(stream + opened, last, sizeof last);
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    size_t used = 0;
    assert_int_equal(
        libdeflate_deflate_decompress_ex(decompressor, stream, opened + sizeof last, result, size, &used, NULL),
        LIBDEFLATE_SUCCESS);
    assert_int_equal(used, opened + sizeof last);
    assert_memory_equal(result, data, size);
    libdeflate_free_decompressor(decompressor);
    return true;
}

static void test_single_blocks_open(void **state)
{
    (void)state;
    uint64_t random = 1;
    fill_skewed(&random);
    for (size_t size = 1000; size < 1200; size++) /* ends at all bits of a byte */
        assert_true(opens(size));
    fill_noise(&random);
    assert_true(opens(30000)); /* stored */
}

static void test_what_has_no_single_block_of_its_own_codes_is_left_alone(void **state)
{
    (void)state;
    static const uint8_t fixed[] = {3, 0}; /* the end of a block with the fixed codes alone */
    uint8_t copy[sizeof fixed];
    uint64_t random = 1;
    fill_short_matches(&random);
    assert_false(opens(65535));
    memcpy(copy, fixed, sizeof fixed);
    assert_int_equal(sp_open_block(copy, sizeof copy), 0);
    assert_memory_equal(copy, fixed, sizeof fixed);
    assert_int_equal(sp_open_block(copy, 0), 0);
}

/* It never reads or writes beyond its room, whatever the bytes (sanitizers see it). */
static void test_damaged_streams_do_no_harm(void **state)
{
    (void)state;
    uint64_t random = 1;
    fill_skewed(&random);
    const size_t n = deflate(300);
    for (unsigned round = 0; round < 20000; round++) {
        const size_t length = 1 + next_random(&random) % n;
        uint8_t *damaged = malloc(length + SP_OPEN_BLOCK_BYTES);
        memcpy(damaged, stream, length);
        for (unsigned i = 0; i < 3; i++)
            damaged[next_random(&random) % length] ^= (uint8_t)next_random(&random);
        assert_in_range(sp_open_block(damaged, length), 0, length + SP_OPEN_BLOCK_BYTES);
        free(damaged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip_of_any_data_is_one_member),
        cmocka_unit_test(test_gzip_is_appended),
        cmocka_unit_test(test_first_half_stays_compressed),
        cmocka_unit_test(test_single_blocks_open),
        cmocka_unit_test(test_what_has_no_single_block_of_its_own_codes_is_left_alone),
        cmocka_unit_test(test_damaged_streams_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
