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

int sp_name_places_add(struct sp_name_places *places, const struct sp_command *command, const char *directory)
{
    struct stat st;
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
