/* The host's own library, see host_library.c. */
#ifndef SIGPROF_TESTS_HOST_LIBRARY_H
#define SIGPROF_TESTS_HOST_LIBRARY_H

/* How many SIGPROFs the host's handler has had. */
__attribute__((visibility("default"))) long host_handled(void);

#endif
