/*
 * dlclose, in front of libc's: what walks have learnt of the object is not for whatever is loaded at its place, and the
 * collector is told what has gone and when.
 *
 * Place: linked with interpose.c. The objects that libc unloads by itself, without this, are told apart by what is in
 * their tables (handler/object.h). dlopen is not interposed: it looks at who calls it. Context: any thread; not in
 * signal handlers, where dlclose is not allowed.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "handler/order.h"
#include "session/loaded_objects.h"
#include "session/object_list.h"

#define PUBLIC __attribute__((visibility("default")))

typedef int close_object(void *handle);

PUBLIC int dlclose(void *handle)
{
    struct sp_closing closing;
    static _Atomic(close_object *) known;
    close_object *real = sp_load_relaxed(&known);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "dlclose");
        sp_store_relaxed(&known, real);
    }
    if (real == NULL)
        return -1;
    sp_closing_begin(
        &closing); /* its destructors still run, but another thread may load something before we are back */
    const int result = real(handle);
    sp_closing_end(&closing);
    sp_object_list_refresh();
    return result;
}
