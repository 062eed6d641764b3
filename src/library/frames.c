/*
 * The public functions by which interpreters publish their frames.
 *
 * Place: include/sigprof/frames.h documents them; session/virtual_stacks.c does it, here or in the library that
 * `sigprof record` has preloaded. Context: ordinary code of any thread.
 */
#include "sigprof/frames.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "session/virtual_stacks.h"

#define PUBLIC __attribute__((visibility("default")))

_Static_assert(sizeof(struct sigprof_frame) == sizeof(struct sp_virtual_frame) &&
                   offsetof(struct sigprof_frame, line) == offsetof(struct sp_virtual_frame, line) &&
                   offsetof(struct sigprof_frame, stack) == offsetof(struct sp_virtual_frame, stack),
               "the handler knows frames by another name");
_Static_assert(offsetof(struct sigprof_frames, capacity) == offsetof(struct sp_virtual_stack, capacity) &&
                   offsetof(struct sigprof_frames, depth) == offsetof(struct sp_virtual_stack, depth) &&
                   offsetof(struct sigprof_frames, at) == offsetof(struct sp_virtual_stack, at),
               "the same of stacks");

static const struct sp_frames_service own_service = {sp_virtual_function, sp_virtual_attach};

/* The recorder's, where the program is being recorded. Looked for once: it is there from the start or not at all. */
static const struct sp_frames_service *service(void)
{
    static _Atomic(const struct sp_frames_service *) known;
    const struct sp_frames_service *found = sp_load_relaxed(&known);
    if (found == NULL) {
        found = dlsym(RTLD_DEFAULT, SP_FRAMES_SERVICE);
        if (found == NULL)
            found = &own_service;
        sp_store_relaxed(&known, found);
    }
    return found;
}

PUBLIC uint32_t sigprof_frame_function(const char *name, const char *file, uint32_t start_line)
{
    return service()->function(name, file, start_line);
}

PUBLIC struct sigprof_frames *sigprof_frames_new(uint32_t capacity)
{
    if (capacity == 0 || capacity > SP_VIRTUAL_FRAMES_LIMIT)
        return NULL;
    struct sigprof_frames *frames = calloc(1, sizeof *frames + capacity * sizeof *frames->at);
    if (frames != NULL) {
        frames->capacity = capacity;
        frames->magic = SP_VIRTUAL_MAGIC;
    }
    return frames;
}

static __thread struct sigprof_frames *attached;

PUBLIC void sigprof_frames_free(struct sigprof_frames *frames)
{
    if (frames == NULL)
        return;
    if (attached == frames)
        sigprof_frames_attach(NULL);
    frames->magic = 0;
    free(frames);
}

PUBLIC int sigprof_frames_attach(struct sigprof_frames *frames)
{
    if (frames != NULL && frames->magic != SP_VIRTUAL_MAGIC)
        return -EINVAL;
    const int error = service()->attach((const struct sp_virtual_stack *)(const void *)frames);
    if (error == 0)
        attached = frames;
    return error;
}
