/*
 * What profiles are wrapped in: gzip and zstd, one in the other, of several frames, and hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "formats/bytes.h"
#include "formats/decompress.h"
#include "formats/gzip.h"
#include "formats/unzstd.h"

enum { LIMIT = 1 << 20, BOMB_BYTES = 64 << 20, TEXT_BYTES = 300000, LEVEL = 1 };

static uint8_t text[TEXT_BYTES];

static int make_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * i >> 7);
    return 0;
}

/* Appends a frame; `tells_size` is whether the frame says how much it holds. */
static void put_zstd(struct sp_bytes *out, const void *data, size_t n, bool tells_size)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    assert_true(sp_bytes_reserve(out, ZSTD_compressBound(n)));
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, tells_size);
    const size_t made = ZSTD_compress2(context, out->at + out->n, out->capacity - out->n, data, n);
    assert_false(ZSTD_isError(made));
    out->n += made;
    ZSTD_freeCCtx(context);
}

static void assert_unwraps(struct sp_bytes *bytes, const void *data, size_t n)
{
    char why[200] = "";
    assert_int_equal(sp_decompress(bytes, LIMIT, why, sizeof why), 0);
    assert_int_equal(bytes->n, n);
    assert_memory_equal(bytes->at, data, n);
    sp_bytes_done(bytes);
}

static void assert_refused(struct sp_bytes *bytes, int error, const char *words)
{
    char why[200] = "";
    assert_int_equal(sp_decompress(bytes, LIMIT, why, sizeof why), error);
    assert_non_null(strstr(why, words));
    sp_bytes_done(bytes);
}

static void test_zstd_with_and_without_its_size(void **state)
{
    (void)state;
    for (int tells_size = 0; tells_size < 2; tells_size++) {
        struct sp_bytes bytes = {0};
        put_zstd(&bytes, text, sizeof text, tells_size);
        assert_unwraps(&bytes, text, sizeof text);
    }
}

static void test_zstd_frames_in_a_row(void **state)
{
    (void)state;
    static const uint8_t skipped[] = {0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'};
    struct sp_bytes bytes = {0};
    sp_bytes_put(&bytes, skipped, sizeof skipped);
    put_zstd(&bytes, text, 1000, true);
    put_zstd(&bytes, text, 0, true);
    put_zstd(&bytes, text + 1000, sizeof text - 1000, false);
    sp_bytes_put(&bytes, skipped, sizeof skipped);
    assert_unwraps(&bytes, text, sizeof text);
}

static void test_one_wrapping_in_another(void **state)
{
    (void)state;
    struct sp_bytes zipped = {0}, bytes = {0};
    assert_int_equal(sp_gzip(text, sizeof text, &zipped), 0);
    put_zstd(&bytes, zipped.at, zipped.n, true);
    assert_unwraps(&bytes, text, sizeof text);
    sp_bytes_done(&zipped);
}

static void test_bare_bytes_stay(void **state)
{
    (void)state;
    struct sp_bytes bytes = {0};
    assert_unwraps(&bytes, NULL, 0);
    sp_bytes_put(&bytes, "main;f 3\n", 9);
    assert_unwraps(&bytes, "main;f 3\n", 9);
}

static void test_zstd_of_exactly_the_limit_is_enough(void **state)
{
    (void)state;
    uint8_t *data = calloc(1, LIMIT + 1);
    assert_non_null(data);
    for (int tells_size = 0; tells_size < 2; tells_size++) {
        struct sp_bytes bytes = {0}, more = {0};
        put_zstd(&bytes, data, LIMIT, tells_size);
        assert_unwraps(&bytes, data, LIMIT);
        put_zstd(&more, data, LIMIT + 1, tells_size);
        assert_refused(&more, -EFBIG, "more than 1048576 bytes");
    }
    free(data);
}

static void test_zstd_bomb_stops_at_the_limit(void **state)
{
    (void)state;
    uint8_t *data = calloc(1, BOMB_BYTES);
    assert_non_null(data);
    for (int tells_size = 0; tells_size < 2; tells_size++) {
        struct sp_bytes bytes = {0}, out = {0};
        char why[200];
        put_zstd(&bytes, data, BOMB_BYTES, tells_size);
        assert_int_equal(sp_unzstd(bytes.at, bytes.n, LIMIT, &out, why, sizeof why), -EFBIG);
        assert_true(out.capacity <= 2 * (size_t)LIMIT);
        sp_bytes_done(&out);
        assert_refused(&bytes, -EFBIG, "limit");
    }
    free(data);
}

/* A frame of a few bytes that claims 2^60 is not believed. */
static void test_zstd_size_that_lies_takes_no_memory(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x58, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0};
    struct sp_bytes bytes = {0}, out = {0};
    char why[200];
    assert_int_equal(sp_unzstd(frame, sizeof frame, LIMIT, &out, why, sizeof why), -EINVAL);
    assert_true(out.capacity <= 2 * (size_t)LIMIT);
    sp_bytes_done(&out);
    sp_bytes_put(&bytes, frame, sizeof frame);
    assert_refused(&bytes, -EINVAL, "at byte 0");
}

static void test_zstd_cut_off_or_followed_by_others_is_refused(void **state)
{
    (void)state;
    struct sp_bytes whole = {0};
    put_zstd(&whole, text, 2000, false);
    for (size_t n = 4; n < whole.n; n++) {
        struct sp_bytes part = {0};
        sp_bytes_put(&part, whole.at, n);
        assert_refused(&part, -EINVAL, "cut off");
    }
    sp_bytes_put(&whole, "junk", 4);
    assert_refused(&whole, -EINVAL, "damaged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zstd_with_and_without_its_size),
        cmocka_unit_test(test_zstd_frames_in_a_row),
        cmocka_unit_test(test_one_wrapping_in_another),
        cmocka_unit_test(test_bare_bytes_stay),
        cmocka_unit_test(test_zstd_of_exactly_the_limit_is_enough),
        cmocka_unit_test(test_zstd_bomb_stops_at_the_limit),
        cmocka_unit_test(test_zstd_size_that_lies_takes_no_memory),
        cmocka_unit_test(test_zstd_cut_off_or_followed_by_others_is_refused),
    };
    return cmocka_run_group_tests(tests, make_text, NULL);
}
