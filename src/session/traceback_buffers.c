/*
 * Making and freeing the buffers of a traceback function.
 *
 * Place: see traceback_buffers.h. Context: ordinary code.
 */
#include "session/traceback_buffers.h"

#include <errno.h>
#include <sys/mman.h>

#include "handler/entry.h"

static size_t buffers_bytes;

static void paint(uint64_t *buffers, const struct sp_geometry *geometry)
{
    const uint64_t words = sp_traceback_words(geometry->max_depth);
    for (uint32_t shard = 0; shard < geometry->n_shards; shard++)
        for (uint32_t i = 0; i < SP_CANARY_WORDS; i++)
            buffers[shard * words + geometry->max_depth + i] = sp_traceback.canary + i;
}

int sp_session_use_traceback(sp_traceback_function *function)
{
    const struct sp_geometry *geometry = &sp_handler.segment.geometry;
    if (sp_load_relaxed(&sp_traceback.has_overrun) != 0)
        return 0;
    if (sp_traceback.buffers == NULL) {
        const size_t bytes = geometry->n_shards * sp_traceback_words(geometry->max_depth) * sizeof(uint64_t);
        /* Present from the start: no handler's write may find that there is no memory. */
        void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (at == MAP_FAILED)
            return -ENOMEM;
        sp_traceback.buffers = at;
        buffers_bytes = bytes;
        sp_traceback.canary = (uintptr_t)at * 0x9e3779b97f4a7c15u | 1;
        paint(at, geometry);
    }
    sp_store_release(&sp_traceback.function, function);
    return 0;
}

void sp_session_drop_traceback(void)
{
    sp_store_seq_cst(&sp_traceback.function, NULL);
    if (sp_traceback.buffers != NULL)
        munmap(sp_traceback.buffers, buffers_bytes);
    sp_traceback.buffers = NULL;
}
