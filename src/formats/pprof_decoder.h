/*
 * The state of reading a profile.proto, shared by the files that read its parts.
 *
 * Place on the way of a sample: inside the reader of pprof files. pprof_read.c walks the file, pprof_tables.c reads
 * what samples refer to, pprof_samples.c the samples, pprof_facts.c facts and accounts.
 *
 * Errors: what is wrong with the data stays in `file` (sticky, with its position), a lack of memory in `error` or in
 * the profile. Whoever reads goes on as if nothing had happened; the loops over the file's fields look at them.
 *
 * Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_PPROF_DECODER_H
#define SIGPROF_FORMATS_PPROF_DECODER_H

#include "formats/id_map.h"
#include "formats/pprof.h"
#include "util/reader.h"

/* The fields of a profile, by position: profile.proto's own numbers, and behind them the numbers of our own. */
enum {
    PPROF_KIND_FACT = PPROF_DOC_URL + 1,
    PPROF_KIND_ACCOUNT,
    PPROF_N_KINDS,
};

/* The kind of the field of that number; PPROF_N_KINDS: unknown. */
static inline unsigned sp_pprof_kind(uint64_t number)
{
    if (number == PPROF_FACT)
        return PPROF_KIND_FACT;
    if (number == PPROF_ACCOUNT)
        return PPROF_KIND_ACCOUNT;
    return number <= PPROF_DOC_URL ? (unsigned)number : PPROF_N_KINDS;
}

/* Where the messages of one kind stand: all of them between these bytes. */
struct pprof_extent {
    size_t first, end, n;
};

/* A list that is used again for each sample or location. */
#define PPROF_SCRATCH(T)    \
    struct {                \
        T *at;              \
        size_t n, capacity; \
    }

struct pprof_decoder {
    struct sp_reader file;
    struct sp_profile *profile;
    int error;            /* of memory; what is wrong with the data is in `file` */
    size_t scratch_bytes; /* that the lists and maps below take, of the profile's limit */
    struct pprof_extent kinds[PPROF_N_KINDS];
    PPROF_SCRATCH(uint32_t) strings; /* from the file's index to the profile's */
    struct sp_id_map mappings, functions, locations;
    PPROF_SCRATCH(uint32_t) stack;
    PPROF_SCRATCH(struct sp_label) labels;
    PPROF_SCRATCH(int64_t) values;
    PPROF_SCRATCH(struct sp_line) lines;
};

/* Whether `bytes` more are within the profile's limit of memory, and then counts them; else the error is set. */
bool sp_pprof_may_take(struct pprof_decoder *decoder, size_t bytes);

/* Doubles a scratch list's room: false, with the decoder's error set, when there is no memory, or no more may be
 * taken. */
bool sp_pprof_grow(struct pprof_decoder *decoder, void **at, size_t *capacity, size_t item_bytes);

/* Appends to a scratch list. */
#define PPROF_PUSH(decoder, list, ...)                                                                              \
    do {                                                                                                            \
        void *moved = (list).at;                                                                                    \
        if ((list).n < (list).capacity || sp_pprof_grow((decoder), &moved, &(list).capacity, sizeof(*(list).at))) { \
            (list).at = moved;                                                                                      \
            (list).at[(list).n++] = __VA_ARGS__;                                                                    \
        }                                                                                                           \
    } while (0)

/*
 * Makes room for `extra` more items, of which the file has at least a byte each; the decoder's error says whether that
 * failed.
 */
#define PPROF_RESERVE(decoder, list, extra)                                            \
    do {                                                                               \
        void *moved = (list).at;                                                       \
        while ((list).capacity - (list).n < (extra) &&                                 \
               sp_pprof_grow((decoder), &moved, &(list).capacity, sizeof(*(list).at))) \
            (list).at = moved;                                                         \
    } while (0)

/* Records what is wrong at byte `position` of the file. */
void sp_pprof_fail(struct pprof_decoder *decoder, size_t position, const char *error);

/* The next field of a message inside the file; false at its end, and then its error becomes the file's. */
static inline bool sp_pprof_next(struct pprof_decoder *decoder, struct sp_reader *message, struct sp_field *field)
{
    if (sp_reader_field(message, field))
        return true;
    sp_reader_adopt(&decoder->file, message);
    return false;
}

/* The profile's index of the string that the field refers to. */
uint32_t sp_pprof_string(struct pprof_decoder *decoder, struct sp_reader *message, const struct sp_field *field);

/* Each reads one message, which began at `position`, into the profile. */
void sp_pprof_read_mapping(struct pprof_decoder *decoder, struct sp_reader message, size_t position);
void sp_pprof_read_function(struct pprof_decoder *decoder, struct sp_reader message, size_t position);
void sp_pprof_read_location(struct pprof_decoder *decoder, struct sp_reader message, size_t position);
void sp_pprof_read_sample(struct pprof_decoder *decoder, struct sp_reader message, size_t position);
void sp_pprof_read_fact(struct pprof_decoder *decoder, struct sp_reader message, size_t position);
void sp_pprof_read_account(struct pprof_decoder *decoder, struct sp_reader message, size_t position);

#endif
