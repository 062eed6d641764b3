/*
 * Names of C code for Go's runtime.
 *
 * Place: see cgo_seen.h. Context: ordinary code of any thread; or a signal handler of Go's, in a program that is
 * about to crash, in malloc perhaps. There, on the alternate stack of signals, nothing is looked up that is not known.
 */
#include <signal.h>

#include "cgo/cgo_names.h"
#include "cgo/cgo_seen.h"
#include "sigprof/cgo.h"

#define PUBLIC __attribute__((visibility("default")))

static int is_on_signal_stack(void)
{
    stack_t stack;
    return sigaltstack(NULL, &stack) == 0 && (stack.ss_flags & SS_ONSTACK) != 0;
}

PUBLIC void sigprof_cgo_symbolizer(void *argument)
{
    struct sigprof_symbolizer_argument *asked = argument;
    if (asked->pc == 0)
        return; /* names are kept: nothing is to be freed */
    const struct sp_cgo_name *name = is_on_signal_stack() ? sp_cgo_name_known(asked->pc) : sp_cgo_name_find(asked->pc);
    const uintptr_t number = asked->data;
    asked->file = asked->func = NULL;
    asked->lineno = asked->entry = asked->more = asked->data = 0;
    if (name == NULL || number >= name->n)
        return;
    asked->file = name->frames[number].file;
    asked->func = name->frames[number].function;
    asked->lineno = name->frames[number].line;
    asked->more = number + 1 < name->n;
    asked->data = asked->more != 0 ? number + 1 : 0;
}
