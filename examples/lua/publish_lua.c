/*
 * Publishing by lua_sethook.
 *
 * The hook is told of calls, returns and lines, and keeps two stacks alike: sigprof's, and one that knows which
 * activation (lua_State and CallInfo, which Lua uses again for a call as deep) each frame is of. It is not told when an
 * error or a yield leaves frames. It does not have to be: an event of an activation further out shows that what was
 * above it is gone, and until then sigprof leaves out what is deeper on the native stack than the thread is. An event
 * of an activation that is not known is that of a coroutine that goes on: all its frames are published anew.
 *
 * Where a Lua function stands among the native frames: luaV_execute interprets it, and one luaV_execute goes through
 * many calls from Lua to Lua. The hook runs on the native stack below it, a constant number of bytes for each kind of
 * event. That number is found once, by unwinding from both kinds in one and the same luaV_execute: the innermost frame
 * that they share is it. So neither the library's symbols nor its version matter.
 */
#include "publish_lua.h"

#include <lauxlib.h>
#include <pthread.h>
#include <sigprof/frames.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

enum { DEPTH = 1000, TRACE = 32, FUNCTIONS = 1024 };

/* Whose frame a published one is. */
struct activation {
    const lua_State *state;
    const void *call;
};

/* A function that has been seen: by the text of its chunk's name, whose address may come to mean another one. */
struct known_function {
    char source[LUA_IDSIZE];
    int line;
    uint32_t number;
};

static _Thread_local struct {
    struct sigprof_frames *frames;
    struct activation active[DEPTH];
    struct known_function known[FUNCTIONS];
} own;

/* From the hook's frame to luaV_execute's, for each kind of event. */
static ptrdiff_t from_call, from_line;

/* The native frames above one, innermost first. */
struct trace {
    uintptr_t function[TRACE], sp[TRACE]; /* its stack pointer, where it has made its call */
    int n;
    uintptr_t here;
};

static struct trace call_trace, line_trace;

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *user)
{
    struct trace *trace = user;
    if (trace->n == TRACE)
        return _URC_END_OF_STACK;
    trace->function[trace->n] = (uintptr_t)_Unwind_FindEnclosingFunction((void *)(_Unwind_GetIP(context) - 1));
    trace->sp[trace->n++] = _Unwind_GetCFA(context); /* of the frame that it has called */
    return _URC_NO_REASON;
}

/* Not inlined, nor anything else that would give the two hooks frames of different sizes: both use it in one place. */
static void calibrating_hook(lua_State *state, lua_Debug *event)
{
    struct trace *trace = event->event == LUA_HOOKLINE ? &line_trace : &call_trace;
    (void)state;
    if (trace->n > 0)
        return;
    trace->here = (uintptr_t)__builtin_dwarf_cfa();
    _Unwind_Backtrace(take_frame, trace);
}

/* What is between a hook's frame and the stack pointer of the innermost frame that both traces share. */
static ptrdiff_t distance(const struct trace *trace, int shared)
{
    return shared > 0 ? (ptrdiff_t)(trace->sp[trace->n - shared] - trace->here) : 0;
}

static void calibrate(void)
{
    lua_State *state = luaL_newstate();
    if (state == NULL)
        return;
    lua_sethook(state, calibrating_hook, LUA_MASKCALL | LUA_MASKLINE, 0);
    if (luaL_dostring(state, "local a = 1\nlocal b = 2") == LUA_OK) {
        int shared = 0;
        while (shared < call_trace.n && shared < line_trace.n &&
               call_trace.sp[call_trace.n - 1 - shared] == line_trace.sp[line_trace.n - 1 - shared] &&
               call_trace.function[call_trace.n - 1 - shared] == line_trace.function[line_trace.n - 1 - shared])
            shared++;
        from_call = distance(&call_trace, shared);
        from_line = distance(&line_trace, shared);
    }
    lua_close(state);
}

/* The function of an event, by its chunk and the line where it begins. Its name is that of its first call. */
static uint32_t number_of(lua_State *state, lua_Debug *event)
{
    char name[LUA_IDSIZE + 64];
    lua_getinfo(state, "S", event);
    const unsigned first = ((unsigned)event->linedefined * 31 + (unsigned char)event->short_src[0]) % FUNCTIONS;
    struct known_function *known = &own.known[first];
    for (unsigned i = 0; i < 8 && known->number != 0; i++) {
        if (known->line == event->linedefined && strcmp(known->source, event->short_src) == 0)
            return known->number;
        known = &own.known[(first + i + 1) % FUNCTIONS];
    }
    lua_getinfo(state, "n", event);
    if (event->what[0] == 'm')
        snprintf(name, sizeof name, "main chunk");
    else if (event->name != NULL)
        snprintf(name, sizeof name, "%s", event->name);
    else
        snprintf(name, sizeof name, "function@%s:%d", event->short_src, event->linedefined);
    snprintf(known->source, sizeof known->source, "%s", event->short_src);
    known->line = event->linedefined;
    known->number = sigprof_frame_function(name, event->short_src, (uint32_t)event->linedefined);
    return known->number;
}

/* How many frames are there up to that of an activation; 0: it has none. */
static uint32_t find(const lua_State *state, const void *call)
{
    uint32_t depth = own.frames->depth < DEPTH ? own.frames->depth : DEPTH;
    while (depth > 0 && (own.active[depth - 1].state != state || own.active[depth - 1].call != call))
        depth--;
    return depth;
}

static void push(lua_State *state, lua_Debug *event, int line, uintptr_t address)
{
    sigprof_frames_push(own.frames, number_of(state, event), line > 0 ? (uint32_t)line : 0, (const void *)address);
    if (own.frames->depth <= DEPTH)
        own.active[own.frames->depth - 1] = (struct activation){state, event->i_ci};
}

/* A coroutine goes on: its Lua functions, from the outermost on. One luaV_execute after the other runs them. */
static void publish_all(lua_State *state, uintptr_t address)
{
    lua_Debug event;
    int level = 0;
    while (level < DEPTH && lua_getstack(state, level, &event))
        level++;
    while (--level >= 0) {
        lua_getstack(state, level, &event);
        lua_getinfo(state, "Sl", &event);
        if (event.what[0] != 'C')
            push(state, &event, event.currentline, address);
    }
}

static void on_line(lua_State *state, lua_Debug *event, uintptr_t address)
{
    const uint32_t depth = find(state, event->i_ci);
    if (depth == 0)
        publish_all(state, address);
    else
        sigprof_frames_cut(own.frames, depth);
    sigprof_frames_line(own.frames, (uint32_t)event->currentline);
}

static void on_call(lua_State *state, lua_Debug *event, uintptr_t address)
{
    const uint32_t stale = find(state, event->i_ci); /* of a call that is over, or made the tail call that this is */
    if (stale > 0)
        sigprof_frames_cut(own.frames, stale - 1);
    push(state, event, event->linedefined, address);
}

static void on_return(lua_State *state, lua_Debug *event)
{
    const uint32_t depth = find(state, event->i_ci);
    if (depth > 0)
        sigprof_frames_cut(own.frames, depth - 1);
}

static void hook(lua_State *state, lua_Debug *event)
{
    const uintptr_t here = (uintptr_t)__builtin_dwarf_cfa();
    if (own.frames == NULL)
        return; /* a state that another thread runs now */
    if (event->event == LUA_HOOKLINE) {
        on_line(state, event, here + (uintptr_t)from_line);
    } else if (event->event == LUA_HOOKRET) {
        on_return(state, event);
    } else {
        lua_getinfo(state, "S", event);
        if (event->what[0] != 'C')
            on_call(state, event, here + (uintptr_t)from_call);
    }
}

int publish_lua_open(lua_State *state, bool with_lines)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, calibrate);
    if (own.frames == NULL) {
        own.frames = sigprof_frames_new(DEPTH);
        if (own.frames == NULL || sigprof_frames_attach(own.frames) != 0) {
            sigprof_frames_free(own.frames);
            own.frames = NULL;
            return -1;
        }
    }
    lua_sethook(state, hook, LUA_MASKCALL | LUA_MASKRET | (with_lines ? LUA_MASKLINE : 0), 0);
    return 0;
}

void publish_lua_close(lua_State *state)
{
    lua_sethook(state, NULL, 0, 0);
    sigprof_frames_free(own.frames);
    own.frames = NULL;
}
