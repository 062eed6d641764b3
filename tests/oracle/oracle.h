/*
 * For programs that are stepped: where it begins and ends, and what the tool cannot know. Implemented by the agent;
 * outside of the tool these do nothing.
 */
#ifndef SIGPROF_ORACLE_H
#define SIGPROF_ORACLE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called by one function, one after the other: what it does between the first two runs at full speed. */
void oracle_prepare(void);
void oracle_begin(void);
void oracle_end(void);

/* Memory that will be a stack: for a coroutine or for signals. The thread's own is known. */
void oracle_add_stack(void *memory, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
