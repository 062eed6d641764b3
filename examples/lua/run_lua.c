/*
 * A program with Lua in it, whose Lua functions are in its profile.
 *
 *     sigprof record ./run_lua script.lua        or        ./run_lua --profile out.pb.gz script.lua
 *
 * usage: run_lua [--off | --calls] [--threads N] [--profile FILE] SCRIPT
 *   --off        publish nothing            --calls      functions, without the lines that they are at
 *   --threads N  so many threads, each with a state of its own
 */
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <sigprof/sigprof.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "publish_lua.h"

enum { THREADS_MAX = 64 };

static struct {
    bool is_off, without_lines;
    int threads;
    const char *profile, *script;
} options = {.threads = 1};

/* Runs the script in a new state: NULL, or something else when that fails. */
static void *run(void *unused)
{
    lua_State *state = luaL_newstate();
    void *failed = state;
    (void)unused;
    if (state == NULL)
        return &options;
    luaL_openlibs(state);
    if (!options.is_off && publish_lua_open(state, !options.without_lines) != 0)
        fprintf(stderr, "run_lua: the Lua functions will not be in the profile\n");
    if (luaL_loadfile(state, options.script) == LUA_OK && lua_pcall(state, 0, 0, 0) == LUA_OK)
        failed = NULL;
    else
        fprintf(stderr, "run_lua: %s\n", lua_tostring(state, -1));
    publish_lua_close(state);
    lua_close(state);
    return failed;
}

static bool run_all(void)
{
    pthread_t threads[THREADS_MAX];
    void *failed, *any = NULL;
    int n = 0;
    while (n < options.threads - 1 && pthread_create(&threads[n], NULL, run, NULL) == 0)
        n++;
    any = run(NULL);
    while (n > 0) {
        pthread_join(threads[--n], &failed);
        any = failed != NULL ? failed : any;
    }
    return any == NULL;
}

static bool parse(int n, char **words)
{
    for (int i = 1; i < n; i++) {
        if (strcmp(words[i], "--off") == 0)
            options.is_off = true;
        else if (strcmp(words[i], "--calls") == 0)
            options.without_lines = true;
        else if (strcmp(words[i], "--threads") == 0 && i + 1 < n)
            options.threads = atoi(words[++i]);
        else if (strcmp(words[i], "--profile") == 0 && i + 1 < n)
            options.profile = words[++i];
        else
            options.script = words[i];
    }
    return options.script != NULL && options.threads >= 1 && options.threads <= THREADS_MAX;
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv)) {
        fprintf(stderr, "usage: run_lua [--off | --calls] [--threads N] [--profile FILE] SCRIPT\n");
        return 2;
    }
    if (options.profile != NULL && sigprof_start(NULL) != 0)
        fprintf(stderr, "run_lua: there will be no profile\n");
    const bool is_well = run_all();
    if (options.profile != NULL && (sigprof_stop() != 0 || sigprof_write_path(options.profile, 0) != 0))
        fprintf(stderr, "run_lua: %s cannot be written\n", options.profile);
    return is_well ? 0 : 1;
}
