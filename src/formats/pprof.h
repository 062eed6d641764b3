/*
 * The pprof format: profile.proto (github.com/google/pprof, proto/profile.proto), plain or in gzip, with two fields of
 * our own: facts and accounts.
 *
 * Place on the way of a sample: see formats.h. Here are the numbers of the fields, for the reader and the writer.
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_PPROF_H
#define SIGPROF_FORMATS_PPROF_H

#include "formats/formats.h"

/* message Profile */
enum {
    PPROF_SAMPLE_TYPE = 1,
    PPROF_SAMPLE = 2,
    PPROF_MAPPING = 3,
    PPROF_LOCATION = 4,
    PPROF_FUNCTION = 5,
    PPROF_STRING = 6,
    PPROF_DROP_FRAMES = 7,
    PPROF_KEEP_FRAMES = 8,
    PPROF_TIME_NANOS = 9,
    PPROF_DURATION_NANOS = 10,
    PPROF_PERIOD_TYPE = 11,
    PPROF_PERIOD = 12,
    PPROF_COMMENT = 13,
    PPROF_DEFAULT_SAMPLE_TYPE = 14,
    PPROF_DOC_URL = 15,
    /* Ours: readers of Protocol Buffers pass over fields that they do not know. */
    PPROF_FACT = 7001,
    PPROF_ACCOUNT = 7002,
};

enum { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_STR = 2, LABEL_NUM = 3, LABEL_UNIT = 4 };
enum {
    MAPPING_ID = 1,
    MAPPING_START = 2,
    MAPPING_LIMIT = 3,
    MAPPING_OFFSET = 4,
    MAPPING_FILE = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FUNCTIONS = 7,
    MAPPING_HAS_FILENAMES = 8,
    MAPPING_HAS_LINE_NUMBERS = 9,
    MAPPING_HAS_INLINE_FRAMES = 10,
};
enum { LOCATION_ID = 1, LOCATION_MAPPING_ID = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4, LOCATION_IS_FOLDED = 5 };
enum { LINE_FUNCTION_ID = 1, LINE_LINE = 2, LINE_COLUMN = 3 };
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_SYSTEM_NAME = 3, FUNCTION_FILENAME = 4, FUNCTION_START_LINE = 5 };
enum { FACT_KEY = 1, FACT_TEXT = 2, FACT_VALUE = 3 };
enum {
    ACCOUNT_PID = 1,
    ACCOUNT_TID = 2,
    ACCOUNT_N_THREADS = 3,
    ACCOUNT_PROCESS = 4,
    ACCOUNT_THREAD = 5,
    ACCOUNT_REASON = 6,
    ACCOUNT_KERNEL_NS = 7,
    ACCOUNT_RECORDED_NS = 8,
    ACCOUNT_UNSAMPLED_NS = 9,
};

extern const struct sp_format sp_format_pprof;
extern const struct sp_format sp_format_proto; /* not compressed */

/* The members of sp_format_pprof; see struct sp_format. */
int sp_pprof_read(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile, char *why,
                  size_t why_size);
int sp_pprof_write(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out);

/* The member of sp_format_proto: bare profile.proto. */
int sp_pprof_write_plain(const struct sp_profile *profile, const struct sp_write_options *options,
                         struct sp_bytes *out);

#endif
