/*
 * Reads our own fields of a profile.proto: facts and accounts.
 *
 * Place on the way of a sample: file → *this* → profile; see pprof_read.c.
 * Context: ordinary code.
 */
#include "formats/pprof_decoder.h"

void sp_pprof_read_fact(struct pprof_decoder *decoder, struct sp_reader message, size_t position)
{
    struct sp_fact fact = {0};
    struct sp_field field;
    (void)position;
    while (sp_pprof_next(decoder, &message, &field)) {
        switch (field.number) {
        case FACT_KEY:
            fact.key = sp_pprof_string(decoder, &message, &field);
            break;
        case FACT_TEXT:
            fact.text = sp_pprof_string(decoder, &message, &field);
            break;
        case FACT_VALUE:
            fact.value = (int64_t)sp_reader_number(&message, &field);
            break;
        }
    }
    sp_profile_append_fact(decoder->profile, &fact);
}

/* A number from 0 to `most`. */
static uint64_t read_bounded(struct sp_reader *message, const struct sp_field *field, uint64_t most)
{
    const uint64_t value = sp_reader_number(message, field);
    if (value <= most)
        return value;
    sp_reader_fail(message, field->position, "a number of an account is out of range");
    return 0;
}

static void read_account_field(struct pprof_decoder *decoder, struct sp_reader *message, const struct sp_field *field,
                               struct sp_account *account)
{
    switch (field->number) {
    case ACCOUNT_PID:
        account->pid = (int32_t)read_bounded(message, field, INT32_MAX);
        break;
    case ACCOUNT_TID:
        account->tid = (int32_t)read_bounded(message, field, INT32_MAX);
        break;
    case ACCOUNT_N_THREADS:
        account->n_threads = (uint32_t)read_bounded(message, field, UINT32_MAX);
        break;
    case ACCOUNT_PROCESS:
        account->process = sp_pprof_string(decoder, message, field);
        break;
    case ACCOUNT_THREAD:
        account->thread = sp_pprof_string(decoder, message, field);
        break;
    case ACCOUNT_REASON:
        account->reason = sp_pprof_string(decoder, message, field);
        break;
    case ACCOUNT_KERNEL_NS:
        account->kernel_ns = (int64_t)read_bounded(message, field, INT64_MAX);
        break;
    case ACCOUNT_RECORDED_NS:
        account->recorded_ns = (int64_t)read_bounded(message, field, INT64_MAX);
        break;
    case ACCOUNT_UNSAMPLED_NS:
        account->unsampled_ns = (int64_t)read_bounded(message, field, INT64_MAX);
        break;
    }
}

void sp_pprof_read_account(struct pprof_decoder *decoder, struct sp_reader message, size_t position)
{
    struct sp_account account = {0};
    struct sp_field field;
    (void)position;
    while (sp_pprof_next(decoder, &message, &field))
        read_account_field(decoder, &message, &field, &account);
    sp_profile_add_account(decoder->profile, &account);
}
