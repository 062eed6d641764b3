/*
 * The list of loaded objects, for handlers that cannot ask the C library.
 *
 * Place: session; handler/object.h has where it is published. Context: ordinary code, any thread; not in a signal
 * handler: the dynamic linker's lock is taken.
 */
#ifndef SIGPROF_SESSION_OBJECT_LIST_H
#define SIGPROF_SESSION_OBJECT_LIST_H

#include <stdbool.h>

/*
 * Publishes the objects that are loaded now, if a list is needed here at all (glibc before 2.35, other C libraries,
 * static programs; an object with gaps between its segments, of which glibc tells as if each were an object) and they
 * are others than at the last call. Of an object that is loaded later the frames are found by frame pointers until the
 * next call. Returns 0, or -ENOMEM: the list of before stays.
 */
int sp_object_list_refresh(void);

/* The same whether a list is needed or not: for tests. */
int sp_object_list_publish(void);

/*
 * Tells handlers (sp_objects_keep) which objects are never unloaded: those that the program was started with, as far as
 * that can be told. The dynamic linker lists objects in the order in which it has loaded them, and itself among the
 * program's dependencies: what is listed before it was there before the program could ask for more. While no session
 * runs.
 */
void sp_object_list_keep(void);

#endif
