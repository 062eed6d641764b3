/*
 * Asking the host's symbolizer, pc by pc.
 *
 * Place: see plugin_names.h. The function is foreign code: how often it may ask for more is bounded, as is what is read
 * of its texts, and these are copied before it is called again.
 */
#include "library/plugin_names.h"

#include <string.h>

#include "symbolize/demangle.h"
#include "symbolize/symbolize.h"

enum { LINES_LIMIT = 256, TEXT_LIMIT = 1 << 16, NAME_BYTES = 4096 };

static uint32_t take_text(struct sp_profile *profile, const char *text)
{
    return text != NULL ? sp_profile_string_n(profile, text, strnlen(text, TEXT_LIMIT)) : 0;
}

/* The line that an answer means; false when it names no function. */
static bool take_line(struct sp_profile *profile, const struct sigprof_symbolizer_argument *answer,
                      struct sp_line *line)
{
    char name[NAME_BYTES];
    if (answer->func == NULL || answer->func[0] == '\0')
        return false;
    const uint32_t system_name = take_text(profile, answer->func);
    const size_t length = sp_demangle(sp_profile_text(profile, system_name), SP_DEMANGLE_SHORT, name, sizeof name);
    const struct sp_function function = {
        .name = length > 0 ? sp_profile_string_n(profile, name, length) : system_name,
        .system_name = system_name,
        .filename = take_text(profile, answer->file),
    };
    *line = (struct sp_line){.function = sp_profile_function(profile, &function),
                             .line = answer->lineno <= INT32_MAX ? (int64_t)answer->lineno : 0};
    return true;
}

/*
 * All that the symbolizer has to say of a pc, innermost first. Between its calls the argument stays as it was left. The
 * last one has pc 0, each time: there is no other moment of which we could tell that it is the last.
 */
static uint32_t ask(struct sp_profile *profile, uint64_t pc, sigprof_plugin_function *symbolizer,
                    struct sp_line lines[LINES_LIMIT])
{
    struct sigprof_symbolizer_argument argument = {.pc = pc};
    uint32_t n = 0;
    for (uint32_t calls = 0; calls < LINES_LIMIT && (calls == 0 || argument.more != 0); calls++) {
        symbolizer(&argument);
        n += take_line(profile, &argument, &lines[n]);
    }
    argument.pc = 0;
    symbolizer(&argument);
    return n;
}

void sp_plugin_names(struct sp_profile *profile, const bool *is_wanted, size_t n, sigprof_plugin_function *symbolizer)
{
    struct sp_line lines[LINES_LIMIT];
    bool has_named = false;
    for (size_t i = 0; i < n && i < profile->locations.n && profile->error == 0; i++) {
        const struct sp_location *location = &profile->locations.at[i];
        if (!is_wanted[i] || location->n_lines > 0 || location->address == 0)
            continue;
        const uint32_t n_lines = ask(profile, location->address, symbolizer, lines);
        if (n_lines > 0)
            sp_profile_set_lines(profile, (uint32_t)i, lines, n_lines);
        has_named = has_named || n_lines > 0;
    }
    if (has_named)
        sp_symbolize_mark_mappings(profile);
}
