/*
 * The profile in memory: pprof's own nouns.
 *
 * Place on the way of a sample: the collector and the readers of formats fill one of these, symbolize adds
 * functions and lines to its locations, the writers of formats and the reports read it. It knows none of them.
 *
 * Representation: every noun is a dense array, and one refers to another by its position ("index"), never by
 * pointer, so that arrays may grow. The ids of profile.proto are index + 1 when written. Strings are interned:
 * a string is an index into `strings`, and index 0 is always "". All growth goes through the functions below;
 * the arrays are public for reading.
 *
 *   sample ──loc[]──▶ location ──line[]──▶ function ──▶ strings
 *                        └────▶ mapping ────────────────▶ strings
 *
 * Two nouns are ours and not pprof's: facts about the recording as a whole, and accounts of CPU time. Neither says
 * anything about a sample; a profile without them is as good.
 *
 * Context: ordinary code of one thread at a time (no locks inside); never a signal handler.
 * Source of the nouns and their rules: google/pprof, proto/profile.proto.
 */
#ifndef SIGPROF_PROFILE_PROFILE_H
#define SIGPROF_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "No such thing": no mapping, no function. */
#define SP_NONE UINT32_MAX

struct sp_value_type {
    uint32_t type; /* string, for example "cpu" */
    uint32_t unit; /* string, for example "nanoseconds" */
};

struct sp_mapping {
    uint64_t start;       /* first address */
    uint64_t limit;       /* one past the last address */
    uint64_t file_offset; /* where in the file `start` is */
    uint32_t file;        /* string: path, or "[vdso]" */
    uint32_t build_id;    /* string: lower-case hex, or "" */
    bool has_functions, has_filenames, has_line_numbers, has_inline_frames;
};

/* The string by which its build is told from others: the build id; the file where there is none; "" without either. */
static inline uint32_t sp_mapping_identity(const struct sp_mapping *mapping)
{
    return mapping->build_id ? mapping->build_id : mapping->file;
}

struct sp_function {
    uint32_t name;        /* string: demangled */
    uint32_t system_name; /* string: as in the symbol table */
    uint32_t filename;    /* string */
    int64_t start_line;
};

struct sp_line {
    uint32_t function; /* index, or SP_NONE */
    int64_t line;
    int64_t column;
};

struct sp_location {
    uint32_t mapping;    /* index, or SP_NONE */
    uint32_t first_line; /* index into lines */
    uint32_t n_lines;    /* innermost inlined function first */
    bool is_folded;
    uint64_t address;
};

struct sp_label {
    uint32_t key; /* string */
    uint32_t str; /* string; 0 for a number */
    int64_t num;
    uint32_t unit; /* string: the number's unit */
};

struct sp_sample {
    uint32_t first_location; /* index into sample_locations; the leaf is first */
    uint32_t n_locations;
    uint32_t first_label; /* index into labels */
    uint32_t n_labels;
    /* n_sample_types values stand at values[i * n_sample_types] for sample i */
};

/* Something about the recording: a number, a text, or both. */
struct sp_fact {
    uint32_t key;  /* string, for example "fired.count" */
    uint32_t text; /* string; "" */
    int64_t value;
};

/* The CPU time of a thread, of several together, or of a process. No time is negative. */
struct sp_account {
    int32_t pid, tid;         /* tid 0: not a single thread's */
    uint32_t n_threads;       /* 1: a thread; more: so many of one name; 0: the process, ended threads included */
    uint32_t process, thread; /* strings: their names */
    uint32_t reason;          /* string: why a part of it was not sampled; "" */
    int64_t kernel_ns;        /* as the kernel accounts it */
    int64_t recorded_ns;      /* as samples stand for it */
    int64_t unsampled_ns;     /* the part that no sample stands for */
};

/* A growing array of T: `at[0..n)`. */
#define SP_ARRAY(T)         \
    struct {                \
        T *at;              \
        size_t n, capacity; \
    }

struct sp_index; /* a hash index over one of the arrays */

struct sp_profile {
    SP_ARRAY(const char *) strings; /* [0] is "" */
    SP_ARRAY(struct sp_value_type) sample_types;
    SP_ARRAY(struct sp_mapping) mappings;
    SP_ARRAY(struct sp_function) functions;
    SP_ARRAY(struct sp_location) locations;
    SP_ARRAY(struct sp_line) lines;
    SP_ARRAY(struct sp_sample) samples;
    SP_ARRAY(uint32_t) sample_locations;
    SP_ARRAY(struct sp_label) labels;
    SP_ARRAY(int64_t) values;
    SP_ARRAY(uint32_t) comments; /* strings */
    SP_ARRAY(struct sp_fact) facts;
    SP_ARRAY(struct sp_account) accounts;

    struct sp_value_type period_type;
    int64_t period;
    int64_t time_ns; /* start, Unix epoch */
    int64_t duration_ns;
    uint32_t drop_frames, keep_frames; /* strings */
    uint32_t default_sample_type;      /* string */
    uint32_t doc_url;                  /* string */

    int error;           /* sticky: 0 or the first -errno of a growth that failed */
    size_t memory_bytes; /* taken by the arrays, the strings and the indexes */
    size_t memory_limit; /* what they may take; SIZE_MAX from the start. Growth beyond it fails with -EFBIG */
    struct sp_arena *string_arena;
    struct sp_index *string_index, *function_index, *location_index, *sample_index;
};

/* A new empty profile, or NULL when there is no memory. Freed by sp_profile_free. */
struct sp_profile *sp_profile_new(void);
void sp_profile_free(struct sp_profile *profile);

/*
 * The functions below never fail on the spot: when memory runs out they set `profile->error` to -ENOMEM (sticky), or
 * to -EFBIG at memory_limit and at 2^32 - 1 entries, return index 0, and leave the profile valid. After an error none
 * of them does anything more. Ask sp_profile_error once at the end.
 */
int sp_profile_error(const struct sp_profile *profile);

/* The index of a string of `length` bytes; a new one is copied. Bytes that are not UTF-8, and NUL, become U+FFFD. */
uint32_t sp_profile_string_n(struct sp_profile *profile, const char *text, size_t length);
/* The same for a NUL-terminated string; NULL counts as "". */
uint32_t sp_profile_string(struct sp_profile *profile, const char *text);
/* The text of string `index` (always valid; "" when out of range). Owned by the profile. */
const char *sp_profile_text(const struct sp_profile *profile, uint32_t index);

/* Appends a sample type. To be called before the first sample; later, the sticky error is -EINVAL. */
void sp_profile_add_sample_type(struct sp_profile *profile, const char *type, const char *unit);
/* Appends a comment. */
void sp_profile_add_comment(struct sp_profile *profile, const char *text);

/* Sets the value and the text (NULL: "") of fact `key`, in place of what it was. */
void sp_profile_set_fact(struct sp_profile *profile, const char *key, int64_t value, const char *text);
/* Appends a fact as is, even if there is one of its key (for readers). */
void sp_profile_append_fact(struct sp_profile *profile, const struct sp_fact *fact);
/* The first fact of that key, or NULL. */
const struct sp_fact *sp_profile_fact(const struct sp_profile *profile, const char *key);
/* Appends an account. */
void sp_profile_add_account(struct sp_profile *profile, const struct sp_account *account);

/* Appends a mapping (no merging: the caller knows when two are the same). Returns its index. */
uint32_t sp_profile_add_mapping(struct sp_profile *profile, const struct sp_mapping *mapping);
/* Lets two mappings change places, with all that refers to them. Where that changes anything, no sample is added after.
 */
void sp_profile_swap_mappings(struct sp_profile *profile, uint32_t a, uint32_t b);
/* The index of a function equal in all fields; appended when new. */
uint32_t sp_profile_function(struct sp_profile *profile, const struct sp_function *function);
/* Appends a function as is, without merging (for readers). Returns its index. */
uint32_t sp_profile_append_function(struct sp_profile *profile, const struct sp_function *function);
/*
 * The index of the location of (mapping, address) that an earlier call of this function made; appended, without
 * lines, when new. Lines that it was given since then do not matter.
 */
uint32_t sp_profile_location(struct sp_profile *profile, uint32_t mapping, uint64_t address);
/* Replaces a location's lines: `lines[0..n)`, innermost first; copied, and not from `profile->lines`. */
void sp_profile_set_lines(struct sp_profile *profile, uint32_t location, const struct sp_line *lines, uint32_t n);
/* Appends a location as is, with its lines, without merging (for readers). Returns its index. */
uint32_t sp_profile_add_location(struct sp_profile *profile, const struct sp_location *location,
                                 const struct sp_line *lines, uint32_t n);
/*
 * Adds values to the sample with the same locations and labels (same order) that an earlier call of this function
 * made; appended when new. `values` has sample_types.n entries; sums stay within int64_t. Returns the sample's index.
 */
uint32_t sp_profile_add_sample(struct sp_profile *profile, const uint32_t *locations, uint32_t n_locations,
                               const struct sp_label *labels, uint32_t n_labels, const int64_t *values);
/*
 * The same for several samples in this order, which is faster than one by one: a large profile's samples are not in the
 * CPU's caches, and here they are all fetched at the same time. Pointers are not kept.
 */
struct sp_new_sample {
    const uint32_t *locations;
    const struct sp_label *labels;
    const int64_t *values;
    uint32_t n_locations, n_labels;
};
enum { SP_NEW_SAMPLES_MAX = 32 };
void sp_profile_add_samples(struct sp_profile *profile, const struct sp_new_sample *samples, size_t n);
/*
 * Appends a sample as is, without merging (for readers: two samples of +5 and -5 on one stack are not one of 0).
 * Returns its index.
 */
uint32_t sp_profile_append_sample(struct sp_profile *profile, const uint32_t *locations, uint32_t n_locations,
                                  const struct sp_label *labels, uint32_t n_labels, const int64_t *values);

/* Puts `location` in place `at` of sample_locations: of one sample alone. No sample is added after. */
void sp_profile_replace_location(struct sp_profile *profile, size_t at, uint32_t location);

/*
 * Makes room in all stacks: `n_leaves` places before the leaf and `n_roots` behind the root, for
 * sp_profile_replace_location to fill at once; until then they are of location 0. Stacks that overlapped do no longer.
 * No sample is added after.
 */
void sp_profile_widen_stacks(struct sp_profile *profile, uint32_t n_leaves, uint32_t n_roots);

/* Keeps the samples i with is_kept[i], in their order. What was there before is no longer merged with what comes after.
 */
void sp_profile_keep_samples(struct sp_profile *profile, const bool *is_kept);

/*
 * Takes the labels with `key` (string) off all samples. Samples that then are the same stay two; and what was there
 * before is no longer merged with what comes after.
 */
void sp_profile_drop_label(struct sp_profile *profile, uint32_t key);

/*
 * Whether the profile holds together (every index in range, values.n == samples.n * sample_types.n): 0, or -EINVAL
 * with a sentence in `why[0..why_size)` that names the first thing wrong.
 */
int sp_profile_check(const struct sp_profile *profile, char *why, size_t why_size);

#endif
