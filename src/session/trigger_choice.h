/*
 * Which trigger serves: timer or perf event.
 *
 * Place: session. Context: ordinary code of who starts the session.
 */
#ifndef SIGPROF_SESSION_TRIGGER_CHOICE_H
#define SIGPROF_SESSION_TRIGGER_CHOICE_H

#include "handler/segment.h"

/*
 * Enters into the header the trigger to begin with: what was asked for; with SP_TRIGGER_AUTO the timer, where periods
 * are no shorter than the kernel's tick, else the perf event. Also the tick and where perf events' descriptors go.
 */
void sp_session_choose_trigger(const struct sp_segment *segment);

/* After the first thread was armed: where it was refused a perf event, the timer serves all from now on. */
void sp_session_confirm_trigger(const struct sp_segment *segment);

#endif
