/*
 * What the tests of formats that are text have in common. Include after cmocka.h.
 */
#ifndef SIGPROF_TESTS_UNIT_READ_TEXT_H
#define SIGPROF_TESTS_UNIT_READ_TEXT_H

#include <string.h>

#include "formats/bytes.h"
#include "formats/formats.h"

enum { LIMIT = 64 << 20 };

/* The profile that a text is, which has to be taken for `format`; to be freed. */
static inline struct sp_profile *read_as(const struct sp_format *format, const char *text)
{
    struct sp_bytes bytes = {0};
    struct sp_profile *profile = NULL;
    char why[200] = "";
    sp_bytes_put(&bytes, text, strlen(text));
    assert_ptr_equal(sp_format_of(bytes.at, bytes.n), format);
    if (sp_profile_read_bytes(&bytes, LIMIT, &profile, why, sizeof why) != 0)
        fail_msg("%s", why);
    assert_int_equal(sp_profile_check(profile, why, sizeof why), 0);
    return profile;
}

#endif
