/*
 * A handler that posts, and a thread that waits.
 *
 * Place and context: see signal_switch.h; the handler runs on any thread.
 */
#include "gperftools/signal_switch.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

static struct {
    sem_t wanted;
    void (*toggle)(void); /* NULL: not installed */
} the;

static void on_signal(int number)
{
    const int saved = errno;
    (void)number;
    sem_post(&the.wanted);
    errno = saved;
}

static void *serve(void *unused)
{
    (void)unused;
    prctl(PR_SET_NAME, "sigprof-switch");
    for (;;) {
        while (sem_wait(&the.wanted) != 0)
            ;
        the.toggle();
    }
    return NULL;
}

/* The host's signals are for its own threads; SIGPROF stays, since our CPU time is part of the process's. */
static int start_thread(void)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    sigdelset(&all, SIGPROF);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&thread, NULL, serve, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    return -error;
}

/* A number from 1 to the last signal, but not SIGPROF, which is what samples come by; 0 otherwise. */
static int parse_signal(const char *text)
{
    char *end;
    const long number = strtol(text, &end, 10);
    return end == text || *end != '\0' || number < 1 || number > SIGRTMAX || number == SIGPROF ? 0 : (int)number;
}

int sp_signal_switch_install(const char *text, void (*toggle)(void))
{
    const int number = parse_signal(text);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    if (number == 0 || sigaction(number, NULL, &before) != 0)
        return -EINVAL;
    if (before.sa_handler != SIG_DFL)
        return -EBUSY;
    sem_init(&the.wanted, 0, 0);
    the.toggle = toggle;
    if (sigaction(number, &action, NULL) != 0)
        return -EINVAL; /* SIGKILL, SIGSTOP */
    const int error = start_thread();
    if (error != 0)
        sigaction(number, &before, NULL);
    return error;
}

void sp_signal_switch_in_child(void)
{
    if (the.toggle == NULL)
        return;
    sem_init(&the.wanted, 0, 0); /* its parent's count is not its own */
    start_thread();
}
