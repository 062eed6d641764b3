/*
 * Finding a thread's virtual stack, and laying its frames between the native ones.
 *
 * Place on the way of a sample: see virtual_stack.h. Context: signal handler; calls overlap on different threads, each
 * touches its own walk and reads its own thread's stack.
 */
#include "handler/virtual_stack.h"

#include "handler/poison.h"

struct sp_virtual_threads sp_virtual_threads;

const struct sp_virtual_stack *sp_virtual_look(int32_t tid)
{
    for (uint32_t probe = 0; probe < SP_VIRTUAL_PROBES; probe++) {
        struct sp_virtual_thread *thread = &sp_virtual_threads.at[((uint32_t)tid + probe) % SP_VIRTUAL_THREADS];
        if (sp_load_acquire(&thread->tid) == tid)
            return sp_load_relaxed(&thread->stack);
    }
    return NULL;
}

static uint32_t read_number(const uint32_t *at)
{
    return *(const volatile uint32_t *)at;
}

void sp_virtual_begin(struct sp_virtual_walk *walk, const struct sp_virtual_stack *stack)
{
    walk->stack = stack;
    walk->left = walk->placed = walk->dropped = walk->damaged = 0;
    if (stack == NULL)
        return;
    walk->loader = sp_loader_new(0, 0);
    if ((uintptr_t)stack % SP_WORD != 0 || !sp_can_load(&walk->loader, (uintptr_t)stack, sizeof *stack) ||
        *(const volatile uint64_t *)&stack->magic != SP_VIRTUAL_MAGIC) {
        walk->damaged = 1;
        return;
    }
    uint32_t left = read_number(&stack->depth);
    const uint32_t capacity = read_number(&stack->capacity);
    walk->dropped = left > capacity ? left - capacity : 0; /* there was no room to publish them */
    left = left > capacity ? capacity : left;
    walk->left = left > SP_VIRTUAL_FRAMES_LIMIT ? SP_VIRTUAL_FRAMES_LIMIT : left;
}

/* Reads the innermost of those left. False, and none is left, where they cannot be read. */
static bool read_innermost(struct sp_virtual_walk *walk, struct sp_virtual_frame *frame)
{
    const struct sp_virtual_frame *at = &walk->stack->at[walk->left - 1];
    if (!sp_can_load(&walk->loader, (uintptr_t)at, sizeof *at)) {
        walk->damaged += walk->left;
        walk->left = 0;
        return false;
    }
    frame->function = read_number(&at->function);
    frame->line = read_number(&at->line);
    frame->stack = *(const volatile uint64_t *)&at->stack;
    return true;
}

static void put(struct sp_virtual_walk *walk, const struct sp_virtual_frame *frame, struct sp_frame_list *output)
{
    if (frame->function == 0 || frame->function > SP_VIRTUAL_FUNCTIONS) {
        walk->damaged += frame->function != 0;
        return;
    }
    sp_frame_list_put(output, sp_pc_virtual(frame->function, frame->line));
    walk->placed++;
}

void sp_virtual_place(struct sp_virtual_walk *walk, uintptr_t low, uintptr_t high, uintptr_t stack_low,
                      uintptr_t stack_high, struct sp_frame_list *output)
{
    const bool is_own = low >= stack_low && low < stack_high;
    struct sp_virtual_frame frame;
    while (walk->left > 0 && read_innermost(walk, &frame)) {
        const bool is_on_own = frame.stack >= stack_low && frame.stack < stack_high;
        if ((is_on_own && !is_own) || (is_on_own == is_own && frame.stack >= high))
            return;
        walk->left--;
        if (is_on_own == is_own && frame.stack >= low)
            put(walk, &frame, output);
        else
            walk->dropped++;
    }
}

void sp_virtual_place_rest(struct sp_virtual_walk *walk, struct sp_frame_list *output)
{
    struct sp_virtual_frame frame;
    while (walk->left > 0 && read_innermost(walk, &frame)) {
        walk->left--;
        put(walk, &frame, output);
    }
}
