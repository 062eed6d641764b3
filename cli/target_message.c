/*
 * recvmsg, and what is read out of a segment for a message.
 *
 * Place: see target_message.h. Context: ordinary code of one thread.
 */
#include "target_message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The descriptor that came with a message, or -1; any more than one are closed. */
static int take_descriptor(struct msghdr *header)
{
    int taken = -1;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t n = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            if (taken >= 0)
                close(taken);
            memcpy(&taken, CMSG_DATA(control) + i * sizeof(int), sizeof taken);
        }
    }
    return taken;
}

static ssize_t receive(int fd, struct sp_handover_message *message, int *memfd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec body = {.iov_base = message, .iov_len = sizeof *message};
    struct msghdr header = {
        .msg_iov = &body, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    *memfd = got >= 0 ? take_descriptor(&header) : -1;
    return got;
}

enum sp_received sp_message_receive(int fd, struct sp_handover_message *message, int *memfd)
{
    for (;;) {
        const ssize_t got = receive(fd, message, memfd);
        if (got < 0 && errno == EAGAIN)
            return SP_RECEIVED_NOTHING;
        if (got <= 0)
            return SP_RECEIVED_END;
        if (got == (ssize_t)sizeof *message && message->version == SP_HANDOVER_VERSION)
            return SP_RECEIVED_ONE;
        if (*memfd >= 0)
            close(*memfd);
    }
}

void sp_message_send(int fd, struct sp_handover_message *message)
{
    message->version = SP_HANDOVER_VERSION;
    send(fd, message, sizeof *message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void sp_message_answer(int fd, enum sp_handover_type type)
{
    struct sp_handover_message message = {.type = type};
    sp_message_send(fd, &message);
}

void sp_target_account(const struct sp_segment *segment, pid_t tid, struct sp_session_config *config)
{
    const uint32_t slot = sp_segment_find(segment, tid);
    if (slot == 0)
        return;
    const struct sp_slot *at = sp_segment_slot(segment, slot);
    config->is_continued = 1;
    config->base_ns = sp_load_relaxed(&at->base_ns);
    config->seen = sp_load_relaxed(&at->seen);
}
