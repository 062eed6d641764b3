/*
 * Taking and reading FILE.
 *
 * Place and context: see profile_argument.h.
 */
#include "profile_argument.h"

#include <string.h>

#include "formats/formats.h"

enum { WHY_BYTES = 256 };

int sp_profile_argument_take(const struct sp_command *command, const char **file, const char *argument)
{
    if (*file != NULL)
        return sp_usage_error(command, "one FILE at a time, not \"%s\" and \"%s\"", *file, argument);
    *file = argument;
    return SP_EXIT_OK;
}

int sp_profile_argument_read(const char *file, struct sp_profile **profile)
{
    char why[WHY_BYTES];
    if (sp_profile_read_file(file, profile, why, sizeof why) == 0)
        return SP_EXIT_OK;
    sp_complain("%s: %s", strcmp(file, "-") == 0 ? "stdin" : file, why);
    return SP_EXIT_FAILED;
}
