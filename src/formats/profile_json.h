/*
 * A profile as JSON: profile.proto's nouns with positions for ids, as docs/profile-json.md says it field by field.
 *
 * Place on the way of a sample: see formats.h. Context: ordinary code.
 */
#ifndef SIGPROF_FORMATS_PROFILE_JSON_H
#define SIGPROF_FORMATS_PROFILE_JSON_H

#include "formats/formats.h"

extern const struct sp_format sp_format_json;

#endif
