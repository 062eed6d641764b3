/*
 * The library that `sigprof record` preloads: a session that begins before main and hands its segment over.
 *
 * Place: around the session, in a stranger's process. It uses libc alone, keeps one socket, starts no thread, prints
 * nothing and never fails the host: where anything goes wrong, the program runs on as if it were not here, and the
 * other side says so. Context: constructor and destructor, ordinary code of one thread; and a forked child's first
 * steps, in which only what a signal handler may call is called.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "connection.h"
#include "handler/entry.h"
#include "session/fork.h"
#include "session/handover.h"
#include "session/thread_start.h"
#include "session/virtual_stacks.h"

/* By this name libsigprof, where the program is linked with it, finds the session that is sampled. */
extern const struct sp_frames_service sigprof_frames_service_1;
__attribute__((visibility("default")))
const struct sp_frames_service sigprof_frames_service_1 = {sp_virtual_function, sp_virtual_attach};

/* What this image was told, for its forked children, and the number that tells it from others. */
static struct {
    struct sp_session_config config;
    bool is_followed;
    uint64_t image;
} given;

static uint64_t random_number(void)
{
    uint64_t number;
    return getrandom(&number, sizeof number, GRND_NONBLOCK) == (ssize_t)sizeof number ? number : 0;
}

/* Introduces this process and learns what to sample: false when it is not wanted. */
static bool ask_for_config(struct sp_session_config *config)
{
    struct sp_handover_message message = sp_connection_message(SP_HANDOVER_HELLO);
    message.image = given.image = random_number();
    if (!sp_connection_send(&message, -1) || !sp_connection_receive(&message, SP_HANDOVER_CONFIG))
        return false;
    *config = given.config = message.config;
    given.is_followed = message.is_followed != 0;
    return true;
}

/* Makes the segment and sends it with `message`. */
static bool hand_segment_over(const struct sp_session_config *config, struct sp_handover_message *message)
{
    int memfd;
    if (sp_session_create(config, &memfd) != 0)
        return false;
    message->geometry = sp_handler.segment.geometry;
    const bool is_sent = sp_connection_send(message, memfd);
    close(memfd);
    return is_sent;
}

/* STARTING → IDLE, where a start came so far and no further. */
static bool give_up(void)
{
    const struct sp_descriptor connection = sp_connection_now();
    if (sp_load_seq_cst(&sp_handler.state) == SP_SESSION_STARTING)
        sp_session_destroy();
    sp_connection_close(&connection);
    return false;
}

/* A child sends its segment and waits for nothing: see handover.h. */
static void begin_session(const struct sp_birth *birth)
{
    struct sp_handover_message message = sp_connection_message(SP_HANDOVER_FORKED);
    struct sp_session_config config = given.config;
    config.buffer_ms = SP_FOLLOWER_BUFFER_MS;
    config.is_continued = 0;
    message.parent = given.image;
    message.image = given.image = random_number();
    if (!sp_connection_open())
        return;
    if (!hand_segment_over(&config, &message) || sp_session_run_alone(birth) != 0)
        give_up();
}

/* The parent's connection is closed last, so that the recorder knows of us before it can think that all is over. */
static void begin_forked(const struct sp_birth *birth)
{
    const struct sp_descriptor parents = sp_connection_now();
    if (birth != NULL && given.is_followed)
        begin_session(birth);
    sp_connection_close(&parents);
}

static bool start(void)
{
    struct sp_session_config config;
    struct sp_handover_message message = sp_connection_message(SP_HANDOVER_SEGMENT);
    return ask_for_config(&config) && sp_fork_prepare(begin_forked) == 0 && hand_segment_over(&config, &message) &&
           sp_connection_receive(&message, SP_HANDOVER_READY) && sp_session_run() == 0;
}

__attribute__((constructor)) static void begin(void)
{
    const int saved = errno;
    if (sp_connection_find_recorder(getenv(SP_HANDOVER_VARIABLE)) && sp_connection_open() && (start() || give_up()))
        sp_session_let_samples_through();
    errno = saved;
}

/* The last thing before a normal exit: libraries that main has loaded are still mapped. */
__attribute__((destructor)) static void end(void)
{
    struct sp_handover_message message = sp_connection_message(SP_HANDOVER_BYE);
    const struct sp_descriptor connection = sp_connection_now();
    const int saved = errno;
    if (sp_load_seq_cst(&sp_handler.pid) == getpid() && sp_session_stop() == 0 && sp_descriptor_is_open(&connection)) {
        if (sp_connection_send(&message, -1))
            sp_connection_receive(&message, SP_HANDOVER_READY);
        sp_connection_close(&connection);
    }
    errno = saved;
}
