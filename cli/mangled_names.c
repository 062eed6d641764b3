/*
 * Demangling the functions of a foreign profile. See mangled_names.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "mangled_names.h"

#include <errno.h>
#include <string.h>

#include "report/frame_text.h"
#include "symbolize/demangle.h"

enum { NAME_BYTES = 8192 };

static bool is_mangled(const char *name)
{
    return strncmp(name, "_Z", 2) == 0 || strncmp(name, "_R", 2) == 0 || strncmp(name, "__Z", 3) == 0;
}

/* Whether the name is as the linker has it, which is also when there is none. */
static bool is_raw(const struct sp_function *function)
{
    return function->name == 0 || function->name == function->system_name;
}

/* What reports would show: filters have to see the same. False when there is no memory. */
static bool shorten(struct sp_profile *profile, struct sp_function *function, struct sp_text_room *room)
{
    const char *shown = sp_function_shown_name(profile, function, room);
    if (!shown)
        return false;
    function->name = shown == room->at ? sp_profile_string(profile, shown) : function->system_name;
    return true;
}

int sp_demangle_profile(struct sp_profile *profile)
{
    char demangled[NAME_BYTES];
    struct sp_text_room room = {0};
    for (size_t i = 0; i < profile->functions.n; i++) {
        struct sp_function *function = &profile->functions.at[i];
        if (!is_raw(function))
            continue;
        const char *name = sp_profile_text(profile, function->system_name);
        if (is_mangled(name) && sp_demangle(name, SP_DEMANGLE_SHORT, demangled, sizeof demangled) > 0)
            function->name = sp_profile_string(profile, demangled);
        else if (!shorten(profile, function, &room))
            profile->error = -ENOMEM;
    }
    sp_text_room_done(&room);
    return sp_profile_error(profile);
}
