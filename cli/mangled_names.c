/*
 * Demangling the functions of a foreign profile. See mangled_names.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "mangled_names.h"

#include <string.h>

#include "symbolize/demangle.h"

enum { NAME_BYTES = 8192 };

static bool is_mangled(const char *name)
{
    return strncmp(name, "_Z", 2) == 0 || strncmp(name, "_R", 2) == 0 || strncmp(name, "__Z", 3) == 0;
}

int sp_demangle_profile(struct sp_profile *profile)
{
    char demangled[NAME_BYTES];
    for (size_t i = 0; i < profile->functions.n; i++) {
        struct sp_function *function = &profile->functions.at[i];
        const char *name = sp_profile_text(profile, function->name);
        if (function->name != function->system_name || !is_mangled(name))
            continue;
        if (sp_demangle(name, SP_DEMANGLE_SHORT, demangled, sizeof demangled) > 0)
            function->name = sp_profile_string(profile, demangled);
    }
    return sp_profile_error(profile);
}
