/*
 * Frames of interpreters: a runtime publishes the stack of the functions that it interprets, and the profile shows them
 * between the native frames.
 *
 *     static uint32_t id;              // once for each function, when it is compiled
 *     id = sigprof_frame_function("fib", "fib.lua", 12);
 *
 *     struct sigprof_frames *frames = sigprof_frames_new(200);
 *     sigprof_frames_attach(frames);   // this thread runs this stack from now on
 *
 *     sigprof_frames_push(frames, id, 12, __builtin_frame_address(0));     // a call
 *     sigprof_frames_line(frames, 13);                                     // it goes on
 *     sigprof_frames_pop(frames);                                          // and returns
 *
 * Where a frame stands among the native ones is told by `stack`: an address within the native frame of the function
 * that interprets it. In a profile it stands right above that one, which is its caller then. Several may have the same
 * native frame, where an interpreter does not call itself for a call: they give one and the same address. What is
 * deeper on the native stack than the thread is when it is sampled is no more: it was left by longjmp or by an
 * exception, and is not shown. A push drops such frames for good.
 *
 * Each stack has one writer: the thread that it is attached to, or, while it is attached to none, any one. A signal may
 * read it on this thread at any instruction. Therefore a frame is written before `depth` counts it, and the compiler
 * keeps to that order; nothing else is needed, no lock and no barrier of the CPU's. To switch coroutines is to attach
 * another stack.
 *
 * This works in a session of sigprof_start as well as in a program that `sigprof record` has started: such a program
 * needs no session and no other call. Nothing is sampled by these functions, and without a session they cost next to
 * nothing: so they may stay in.
 *
 * Stacks that a function given to sigprof_set_traceback finds are shown as they are, without these frames.
 */
#ifndef LIBSIGPROF_FRAMES_H
#define LIBSIGPROF_FRAMES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sigprof_frame {
    uint32_t function; /* by sigprof_frame_function; 0: is not shown */
    uint32_t line;     /* that it is at; 0: not known */
    uint64_t stack;    /* within the native frame that interprets it */
};

/* A stack, the outermost frame first. Made by sigprof_frames_new; the functions below write it. */
struct sigprof_frames {
    uint64_t magic;
    uint32_t capacity;
    volatile uint32_t depth; /* frames pushed: may be more than capacity, then the innermost are not shown */
    struct sigprof_frame at[];
};

/*
 * The number, from 1 on, of an interpreted function: the same for equal names, files and lines. `file` may be NULL,
 * start_line 0. To be called when a function is made known, not for each call: it looks it up, under a lock. Texts are
 * copied, up to 1023 bytes of each. 0 when `name` is NULL or empty, or there is no room for more: 512 KiB of texts in
 * all, for the process's life.
 */
uint32_t sigprof_frame_function(const char *name, const char *file, uint32_t start_line);

/* A stack of up to `capacity` frames, 1 to 16384, that nobody has attached; NULL: no memory, or out of range. */
struct sigprof_frames *sigprof_frames_new(uint32_t capacity);

/* Frees it: not while it is attached to another thread. NULL is fine. */
void sigprof_frames_free(struct sigprof_frames *frames);

/*
 * The calling thread runs `frames` from now on, in place of what it ran; NULL: none. Ends with the thread. Some
 * nanoseconds where the thread has had one before: so a coroutine can be switched to.
 *   -EINVAL  it was not made by sigprof_frames_new
 *   -ENOSPC  too many threads have one (about 4096)
 */
int sigprof_frames_attach(struct sigprof_frames *frames);

/* What a signal sees of stores is their order in the program: this keeps it. */
#define LIBSIGPROF_ORDER() __asm__ volatile("" ::: "memory")

/* A call of `function`, which is at `line`, by the native frame that holds `stack`. */
static inline void sigprof_frames_push(struct sigprof_frames *frames, uint32_t function, uint32_t line,
                                       const void *stack)
{
    const uint64_t address = (uint64_t)(uintptr_t)stack;
    uint32_t depth = frames->depth;
    while (depth > 0 && depth <= frames->capacity && frames->at[depth - 1].stack < address)
        depth--; /* left without a pop */
    if (depth < frames->capacity) {
        frames->depth = depth; /* the place may be one that was in use */
        LIBSIGPROF_ORDER();
        frames->at[depth].function = function;
        frames->at[depth].line = line;
        frames->at[depth].stack = address;
        LIBSIGPROF_ORDER();
    }
    frames->depth = depth + 1;
}

/* The innermost frame's call returns. Nothing happens where there is none. */
static inline void sigprof_frames_pop(struct sigprof_frames *frames)
{
    if (frames->depth > 0)
        frames->depth = frames->depth - 1;
}

/* All calls return but the outermost `depth`: where an error was caught. */
static inline void sigprof_frames_cut(struct sigprof_frames *frames, uint32_t depth)
{
    if (frames->depth > depth)
        frames->depth = depth;
}

/* The innermost frame is at `line` now. */
static inline void sigprof_frames_line(struct sigprof_frames *frames, uint32_t line)
{
    const uint32_t depth = frames->depth;
    if (depth > 0 && depth <= frames->capacity)
        frames->at[depth - 1].line = line;
}

#ifdef __cplusplus
}
#endif

#endif
