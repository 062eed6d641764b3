/*
 * The memory that a traceback function of the host's writes to.
 *
 * Place on the way of a sample: beside the handler (handler/host_traceback.h). Context: ordinary code of whoever starts
 * and stops sessions, one thread at a time; handlers run beside it.
 */
#ifndef SIGPROF_SESSION_TRACEBACK_BUFFERS_H
#define SIGPROF_SESSION_TRACEBACK_BUFFERS_H

#include "handler/host_traceback.h"

/*
 * The handlers of the session, which has been created, get their stacks from `function`, until it ends. One that has
 * overrun its buffer before is not called again. 0 or -ENOMEM.
 */
int sp_session_use_traceback(sp_traceback_function *function);

/* No handler calls it any more. No handler may be inside. */
void sp_session_drop_traceback(void);

#endif
