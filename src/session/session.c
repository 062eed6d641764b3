/*
 * The states and their transitions.
 *
 * Place: see session.h. Context: ordinary code; the handler runs beside it on any thread at any time.
 */
#include "session/session.h"

#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "handler/entry.h"
#include "handler/raw_calls.h"
#include "handler/threads.h"
#include "handler/trigger.h"
#include "session/bare_thread.h"
#include "session/host_handler.h"
#include "session/loaded_objects.h"
#include "session/object_list.h"
#include "session/segment_memory.h"
#include "session/thread_start.h"
#include "session/traceback_buffers.h"
#include "session/trigger_choice.h"
#include "session/virtual_stacks.h"

/* Of the session that was created last. */
static struct sp_session_config config_in_use;

static int move_state(uint32_t from, uint32_t to)
{
    return sp_cas_seq_cst(&sp_handler.state, &from, to) ? 0 : -EBUSY;
}

/* Asked once: a forked child may not ask (sysconf(3) reads files, by ways that differ between versions of libc). */
static uint32_t count_cpus(void)
{
    static _Atomic uint32_t known;
    uint32_t cpus = sp_load_relaxed(&known);
    if (cpus == 0) {
        const long online = sysconf(_SC_NPROCESSORS_ONLN);
        cpus = online < 1 ? 1 : (uint32_t)online;
        sp_store_relaxed(&known, cpus);
    }
    return cpus;
}

int sp_session_create(const struct sp_session_config *config, int *memfd)
{
    struct sp_geometry geometry;
    int error = sp_session_geometry(config, count_cpus(), &geometry);
    if (error != 0)
        return error;
    error = move_state(SP_SESSION_IDLE, SP_SESSION_STARTING);
    if (error != 0)
        return error;
    error = sp_segment_create(&geometry, memfd, &sp_handler.segment);
    if (error != 0) {
        sp_store_seq_cst(&sp_handler.state, (uint32_t)SP_SESSION_IDLE);
        return error;
    }
    sp_loaded_objects_start();
    config_in_use = *config;
    sp_session_set_filter(NULL, NULL);
    sp_store_relaxed(&sp_handler.segment.header->trigger_asked, config->trigger);
    sp_store_relaxed(&sp_handler.segment.header->cpus, count_cpus());
    sp_virtual_fill_names(&sp_handler.segment);
    return 0;
}

void sp_session_set_filter(int (*ask)(void *argument), void *argument)
{
    sp_handler.filter = (struct sp_sample_filter){ask, argument};
}

bool sp_session_has_trigger(void)
{
    const struct sp_header *header = sp_handler.segment.header;
    return sp_load_relaxed(&sp_handler.process_timer) >= 0 || sp_load_relaxed(&header->triggers_used) != 0;
}

/* STARTING → RUNNING, with no thread armed yet. */
static int begin_running(void)
{
    const int error = sp_host_handler_take();
    if (error != 0)
        return error;
    sp_handler.generation++;
    sp_store_seq_cst(&sp_handler.pid, sp_raw_process_id());
    sp_session_choose_trigger(&sp_handler.segment);
    sp_store_seq_cst(&sp_handler.state, (uint32_t)SP_SESSION_RUNNING);
    const int32_t timer = sp_process_timer_start(&sp_handler.segment, sp_handler.generation);
    sp_store_seq_cst(&sp_handler.process_timer, timer < 0 ? -1 : timer);
    return 0;
}

int sp_session_run(void)
{
    int error = sp_object_list_refresh(); /* a forked child has its parent's */
    sp_object_list_keep();
    if (error == 0)
        error = begin_running();
    if (error != 0)
        return error;
    sp_virtual_names_told();
    sp_session_arm_self();
    sp_session_confirm_trigger(&sp_handler.segment);
    sp_session_arm_all();
    return 0;
}

int sp_session_run_alone(const struct sp_birth *birth)
{
    const int error = begin_running();
    if (error != 0)
        return error;
    sp_session_arm(sp_raw_thread_id(), birth);
    sp_session_confirm_trigger(&sp_handler.segment);
    return 0;
}

/* Waits for the handlers and brackets that saw RUNNING. They are short; one whose thread lost its CPU takes longer. */
static void wait_for_handlers(void)
{
    for (unsigned tries = 0; sp_handler_inside() != 0; tries++) {
        const struct timespec pause = {.tv_nsec = 100000};
        if (tries < 64)
            sched_yield();
        else
            nanosleep(&pause, NULL);
    }
}

/* Every thread gives its trigger and its slot back, and what it owes is settled. */
static void disarm_all(void)
{
    struct sp_stripe *stripe = &sp_handler.segment.header->stripes[0];
    const int32_t timer = sp_exchange_seq_cst(&sp_handler.process_timer, -1);
    if (timer >= 0)
        timer_delete((timer_t)(intptr_t)timer);
    for (uint32_t slot = 1; slot < sp_segment_slots(&sp_handler.segment); slot++)
        if (sp_load_relaxed(&sp_segment_slot(&sp_handler.segment, slot)->state) == SP_SLOT_LIVE)
            sp_thread_disarm(&sp_handler.segment, slot, SP_END_OTHER, stripe);
}

int sp_session_stop(void)
{
    if (move_state(SP_SESSION_RUNNING, SP_SESSION_STOPPING) != 0)
        return -EINVAL;
    wait_for_handlers();
    disarm_all();
    sp_host_handler_give_back();
    return 0;
}

void sp_session_destroy(void)
{
    wait_for_handlers();
    sp_session_drop_traceback();
    sp_segment_destroy(&sp_handler.segment);
    sp_store_seq_cst(&sp_handler.state, (uint32_t)SP_SESSION_IDLE);
}

const struct sp_session_config *sp_session_config(void)
{
    return &config_in_use;
}

const struct sp_segment *sp_session_segment(void)
{
    return &sp_handler.segment;
}

void sp_session_signals(uint64_t *stray, uint64_t *late)
{
    *stray = sp_load_relaxed(&sp_handler.stray);
    *late = sp_load_relaxed(&sp_handler.late);
}
