/*
 * Finds the threads that were there before us.
 *
 * Place: session. Context: ordinary code while a session runs.
 */
#include <dirent.h>
#include <stdlib.h>

#include "handler/entry.h"
#include "session/bare_thread.h"
#include "session/session.h"
#include "session/thread_start.h"

/* Arms every tid listed that has no slot. How many that were. */
static unsigned scan_once(void)
{
    const struct sp_birth birth = {.is_from_now = sp_session_config()->is_from_birth == 0};
    unsigned armed = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        return 0;
    for (const struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        const int32_t tid = (int32_t)strtol(task->d_name, NULL, 10);
        if (tid > 0 && sp_session_arm(tid, &birth) != 0)
            armed++;
    }
    closedir(tasks);
    return armed;
}

void sp_session_arm_all(void)
{
    enum { PASSES = 16 }; /* a process that makes threads faster than this has the wrapper and the backstop */
    uint32_t stripe;
    if (!sp_handler_enter(&stripe))
        return;
    for (unsigned pass = 0; pass < PASSES && scan_once() != 0; pass++)
        ;
    sp_handler_leave(stripe);
}
