/*
 * Directories and servers of debug files. See name_places.h for the place and the contract.
 *
 * Context: ordinary code of the command's thread.
 */
#include "name_places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int take_directory(const struct sp_command *command, const struct sp_option *option, const char *directory,
                          void *to)
{
    struct sp_name_places *places = to;
    struct stat st;
    (void)option;
    if (stat(directory, &st) != 0)
        return sp_usage_error(command, "--debug-dir %s: %s", directory, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return sp_usage_error(command, "--debug-dir %s: it is no directory", directory);
    void *grown = reallocarray(places->directories, places->n + 1, sizeof *places->directories);
    if (grown == NULL) {
        sp_complain("--debug-dir %s: %s", directory, strerror(ENOMEM));
        return SP_EXIT_FAILED;
    }
    places->directories = grown;
    places->directories[places->n++] = directory;
    return SP_EXIT_OK;
}

const struct sp_option sp_name_places_options[SP_NAME_PLACES_OPTIONS] = {
    {.name = "debug-dir",
     .value_name = "DIR",
     .help = "look for debug files in DIR, too, before /usr/lib/debug; may be given again",
     .take = take_directory},
    {.name = "debuginfod",
     .help = "fetch what is not on this machine from the servers in DEBUGINFOD_URLS;\nwithout it nobody is asked",
     .take = sp_take_flag,
     .offset = offsetof(struct sp_name_places, is_asking)},
};

int sp_name_places_open(struct sp_name_places *places)
{
    return places->is_asking ? sp_debuginfod_open(&places->servers) : SP_EXIT_OK;
}

void sp_name_places_begin(const struct sp_name_places *places, struct sp_debug_places *debug_places,
                          struct sp_name_progress *progress)
{
    debug_places->directories = places->directories;
    debug_places->n_directories = places->n;
    if (places->servers == NULL)
        return;
    sp_debuginfod_watch(places->servers, progress);
    debug_places->fetch = sp_debuginfod_fetch;
    debug_places->fetch_user = places->servers;
}

void sp_name_places_end(const struct sp_name_places *places)
{
    if (places->servers == NULL)
        return;
    sp_debuginfod_watch(places->servers, NULL);
    sp_debuginfod_say_failure(places->servers);
}

void sp_name_places_done(struct sp_name_places *places)
{
    sp_debuginfod_close(places->servers);
    free(places->directories);
    *places = (struct sp_name_places){0};
}
