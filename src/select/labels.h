/*
 * What a label of a sample is. One without text is a number; one with neither text, number nor unit is none, by pprof's
 * rules.
 *
 * Place on the way of a sample: under selection and reports. Context: ordinary code.
 */
#ifndef SIGPROF_SELECT_LABELS_H
#define SIGPROF_SELECT_LABELS_H

#include "profile/profile.h"

static inline bool sp_label_is_text(const struct sp_label *label)
{
    return label->str != 0;
}

static inline bool sp_label_is_number(const struct sp_label *label)
{
    return label->str == 0 && (label->num != 0 || label->unit != 0);
}

#endif
