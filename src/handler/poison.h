/*
 * Names that may not appear in the handler archive, refused by the compiler. Included last by each .c file here.
 *
 * Why: a signal can stop a thread anywhere, also inside malloc or while it holds a lock of stdio or of the dynamic
 * linker. Whatever allocates, locks, or writes errno would deadlock the host or change its state (signal-safety(7)).
 * System calls go through arch/, which returns -errno and touches nothing else.
 */
#ifndef SIGPROF_HANDLER_POISON_H
#define SIGPROF_HANDLER_POISON_H

#pragma GCC poison malloc calloc realloc free alloca strdup
#pragma GCC poison printf fprintf snprintf sprintf vsnprintf puts fputs perror
#pragma GCC poison pthread_mutex_lock pthread_mutex_unlock pthread_self pthread_getspecific pthread_once
#pragma GCC poison errno syscall gettid getpid timer_create timer_settime timer_delete sigprocmask
#pragma GCC poison dl_iterate_phdr dladdr dlsym backtrace abort exit assert
#pragma GCC poison memcpy memset memcmp strlen strcmp
#pragma GCC poison _Thread_local __thread thread_local

#endif
