/*
 * The state of merging, shared by the files that merge its parts: merge.c the samples, merge_locations.c what they
 * refer to, merge_types.c the sample types, merge_header.c headers, facts and accounts.
 *
 * Place on the way of a sample: inside src/profile only.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_PROFILE_MERGER_H
#define SIGPROF_PROFILE_MERGER_H

#include "profile/index.h"
#include "profile/merge.h"

/* Where a mapping of the profile that is being added went. */
struct mapped {
    uint32_t mapping;      /* SP_NONE: not yet */
    uint64_t displacement; /* from addresses there to those in the merged profile, modulo 2^64 */
};

/* From the positions in the profile that is being added to those in the merged one; SP_NONE: not yet. */
struct sp_merge_maps {
    uint32_t *strings, *functions, *locations;
    struct mapped *mappings;
};

/* What there is in the merged profile, by what makes two of them the same. */
struct sp_merge_indexes {
    struct sp_index *mappings, *locations, *comments, *facts, *accounts;
};

/* A location of the source that samples of the batch are the first to need. */
struct sp_needed_location {
    uint32_t position; /* in the source */
    uint32_t likely;   /* in the merged profile: SP_INDEX_NONE, or the one that is likely equal */
    uint64_t hash;
};

/* Where a sample of the batch comes from. */
struct sp_batch_origin {
    const struct sp_sample *sample; /* of the source */
    size_t end_of_needed;           /* it and those before it need the batch's needed[0..end_of_needed) */
};

/* Samples that are added together. There is always room for one more, however long. */
struct sp_merge_batch {
    struct sp_new_sample samples[SP_NEW_SAMPLES_MAX];
    struct sp_batch_origin origins[SP_NEW_SAMPLES_MAX];
    size_t n, n_frames, n_labels, n_needed;
    uint32_t *stacks;                  /* n_frames of them; of the source, until all that is needed is known */
    struct sp_label *labels;           /* at most n_labels */
    int64_t *values;                   /* n times those of a sample */
    struct sp_needed_location *needed; /* n_needed: in the order in which the samples need them */
};

struct sp_merger {
    struct sp_profile *merged;
    struct sp_merge_indexes indexes;
    size_t n_profiles;
    size_t n_with_facts;
    size_t n_without_facts;          /* profiles that have samples, but neither facts nor accounts */
    SP_ARRAY(size_t) n_agreeing;     /* [merged->facts.n]: how many profiles say the same in that fact */
    uint32_t first_default;          /* string of the merged profile: default sample type of the first one */
    bool has_dropped_types;          /* of the first profile */
    const struct sp_profile *source; /* the profile that is being added */
    struct sp_merge_maps maps;
    uint32_t *columns; /* [merged->sample_types.n]: which of the source's values these are */
    double *ratios;    /* and by what they are multiplied */
    bool has_ratios;   /* any that is not 1 */
    struct sp_merge_batch batch;
    struct sp_line *lines; /* one location's; room for the source's longest list */
};

/* The merged profile's string that is `string` in the source. */
uint32_t sp_merger_string(struct sp_merger *merger, uint32_t string);

/* Takes the source's first mapping, before any that samples need. */
void sp_merger_first_mapping(struct sp_merger *merger);

/*
 * The steps of looking up what a batch needs: each location is needed, once; then all are begun to be loaded; hashed in
 * this order, which is when their mappings and functions come into the merged profile; and taken over where they are
 * not in it, and then maps.locations has them.
 */
void sp_merger_need_location(struct sp_merger *merger, uint32_t position);
void sp_merger_prefetch_needed(const struct sp_merger *merger);
void sp_merger_hash_needed(struct sp_merger *merger, struct sp_needed_location *needed);
void sp_merger_take_needed(struct sp_merger *merger);

/*
 * Prepares columns and ratios for the source, and takes from the merged profile the sample types that the source does
 * not have. 0, -EINVAL with `why` and nothing changed, or -ENOMEM.
 */
int sp_merger_match_types(struct sp_merger *merger, char *why, size_t why_size);

/* Combines the source's header, facts and accounts with the merged ones. */
void sp_merger_add_header(struct sp_merger *merger);
void sp_merger_add_facts(struct sp_merger *merger);
/* Settles, once all profiles are there, what depends on all of them. */
void sp_merger_finish_header(struct sp_merger *merger);

/* Takes away a profile's sample types, and their values, but for kept[0..n), n > 0, which are in order. */
void sp_profile_keep_types(struct sp_profile *profile, const uint32_t *kept, size_t n);
/* The default sample type (string) of a profile that wanted this one: that, if it is there; or the first one. */
uint32_t sp_profile_settled_default(const struct sp_profile *profile, uint32_t wanted);

#endif
