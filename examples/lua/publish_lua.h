/*
 * Lua functions in sigprof's profiles: an example of how an interpreter that cannot be changed publishes its frames.
 *
 * Lua 5.4, by its debug hook. Each thread that runs Lua states opens one publisher; all its states share it, and their
 * coroutines, which run on the thread's own stack, too.
 */
#ifndef PUBLISH_LUA_H
#define PUBLISH_LUA_H

#include <lua.h>
#include <stdbool.h>

/*
 * Publishes the functions that `state` and its coroutines call on this thread from now on; with_lines: and the line
 * that each is at, else that of its definition. The state's hook is taken. Returns 0, or -1: no memory, or no place for
 * this thread.
 */
int publish_lua_open(lua_State *state, bool with_lines);

/* Ends it, for the calling thread. */
void publish_lua_close(lua_State *state);

#endif
