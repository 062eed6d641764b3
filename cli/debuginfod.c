/*
 * libdebuginfod, by dlopen(3). See debuginfod.h for the place and the contract.
 *
 * Context: as there.
 */
#include "debuginfod.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "printable.h"
#include "util/clock.h"

/* The library's interface (debuginfod_find_debuginfo(3)), without its header, which is not there when we are built. */
static const char library_name[] = "libdebuginfod.so.1";
struct client;
typedef struct client *begin_function(void);
typedef void end_function(struct client *);
/* Returns a descriptor or -errno; 0 `bytes`: the build id is text. `path` may be NULL. */
typedef int find_function(struct client *, const unsigned char *build_id, int bytes, char **path);
typedef int progress_function(struct client *, long done, long all);
typedef void set_progress_function(struct client *, progress_function *);

enum { QUIET_S = 30, QUIET_MAX_S = 86400, URL_BYTES = 200, ID_BYTES = 129 };
static const int64_t ns_per_s = 1000000000;

struct sp_debuginfod {
    void *library;
    struct client *client;
    end_function *end;
    find_function *find[SP_FETCHED_KINDS];
    int64_t quiet_ns; /* a query in which nothing comes for that long is given up */
    struct sp_name_progress *progress;

    pthread_mutex_t lock; /* for the rest: a client serves one thread at a time */
    /* Of each kind the last that nobody had: several sources of symbols ask for the same one after another. */
    char missing[SP_FETCHED_KINDS][ID_BYTES];
    int64_t moved_ns; /* when something came of the query at hand */
    long done;
    bool is_late, is_interrupted;
    int error; /* that ended it all; 0: none */
    bool has_said;
};

/* Whose query this thread makes: the library's callback has no argument for it. */
static _Thread_local struct sp_debuginfod *asking;

static void show(const struct sp_debuginfod *servers, long done, long all)
{
    const double mib = 1 << 20;
    char text[SP_NAME_PROGRESS_NOTE_BYTES] = "debuginfod";
    if (servers->progress == NULL)
        return;
    if (all > 0)
        snprintf(text, sizeof text, "debuginfod, %.1f of %.1f MiB", (double)done / mib, (double)all / mib);
    sp_name_progress_note(servers->progress, text);
}

/* `record` has the signals that would end it blocked, and takes them up when it waits for the command. */
static bool is_told_to_end(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) || sigismember(&pending, SIGHUP));
}

/*
 * Called by the library every now and then; not 0: it is to give up. `done` counts bytes if `all` does, else how often
 * it has been called.
 */
static int on_progress(struct client *client, long done, long all)
{
    struct sp_debuginfod *servers = asking;
    const int64_t now_ns = sp_now_ns();
    (void)client;
    if (all > 0 && done != servers->done) {
        servers->done = done;
        servers->moved_ns = now_ns;
    }
    show(servers, done, all);
    servers->is_late = now_ns - servers->moved_ns > servers->quiet_ns;
    servers->is_interrupted = is_told_to_end();
    return servers->is_late || servers->is_interrupted;
}

static void *symbol(struct sp_debuginfod *servers, const char *name, bool *has_all)
{
    void *at = dlsym(servers->library, name);
    *has_all = *has_all && at != NULL;
    return at;
}

/* Fills in the library's functions and begins. */
static bool begin(struct sp_debuginfod *servers)
{
    bool has_all = true;
    begin_function *begin_client;
    set_progress_function *set_progress;
    *(void **)&begin_client = symbol(servers, "debuginfod_begin", &has_all);
    *(void **)&set_progress = symbol(servers, "debuginfod_set_progressfn", &has_all);
    *(void **)&servers->end = symbol(servers, "debuginfod_end", &has_all);
    *(void **)&servers->find[SP_FETCHED_IMAGE] = symbol(servers, "debuginfod_find_executable", &has_all);
    *(void **)&servers->find[SP_FETCHED_DEBUG_FILE] = symbol(servers, "debuginfod_find_debuginfo", &has_all);
    servers->client = has_all ? begin_client() : NULL;
    if (servers->client == NULL)
        return false;
    set_progress(servers->client, on_progress);
    return true;
}

/* As long as the library would wait for a server, if the user says how long, but not as long as it does by itself. */
static int64_t quiet_ns(void)
{
    const char *text = getenv("DEBUGINFOD_TIMEOUT");
    const long seconds = text != NULL ? strtol(text, NULL, 10) : 0;
    return (seconds > 0 && seconds < QUIET_MAX_S ? seconds : QUIET_S) * ns_per_s;
}

static bool has_urls(void)
{
    const char *urls = getenv("DEBUGINFOD_URLS");
    return urls != NULL && urls[strspn(urls, " \t\n")] != '\0';
}

int sp_debuginfod_open(struct sp_debuginfod **servers)
{
    if (!has_urls()) {
        sp_complain("--debuginfod asks the servers in the environment's DEBUGINFOD_URLS, which has none");
        return SP_EXIT_USAGE;
    }
    struct sp_debuginfod *made = calloc(1, sizeof *made);
    if (made == NULL || (made->library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL)) == NULL || !begin(made)) {
        sp_complain("--debuginfod needs elfutils' client library: %s; Debian has it in libdebuginfod1",
                    made != NULL && made->library == NULL ? dlerror() : "it cannot be used");
        free(made);
        return SP_EXIT_FAILED;
    }
    pthread_mutex_init(&made->lock, NULL);
    made->quiet_ns = quiet_ns();
    *servers = made;
    return SP_EXIT_OK;
}

/* The library stays loaded: what it has brought along need not like to be taken away. */
void sp_debuginfod_close(struct sp_debuginfod *servers)
{
    if (servers == NULL)
        return;
    servers->end(servers->client);
    pthread_mutex_destroy(&servers->lock);
    free(servers);
}

void sp_debuginfod_watch(struct sp_debuginfod *servers, struct sp_name_progress *progress)
{
    servers->progress = progress;
}

/* Asks, with SIGPIPE held off: TLS libraries write to sockets that may be closed. */
static int ask(struct sp_debuginfod *servers, enum sp_fetched kind, const char *build_id)
{
    const struct timespec now = {0};
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    asking = servers;
    servers->moved_ns = sp_now_ns();
    servers->is_late = servers->is_interrupted = false;
    const int result = servers->find[kind](servers->client, (const unsigned char *)build_id, 0, NULL);
    asking = NULL;
    if (!sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe_only, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result >= 0 || !(servers->is_late || servers->is_interrupted))
        return result;
    return servers->is_late ? -ETIMEDOUT : -EINTR;
}

/* With the lock held. */
static int fetch(struct sp_debuginfod *servers, enum sp_fetched kind, const char *build_id)
{
    if (servers->error != 0 || strlen(build_id) >= ID_BYTES || strcmp(build_id, servers->missing[kind]) == 0)
        return -ENOENT;
    show(servers, 0, 0);
    const int result = ask(servers, kind, build_id);
    if (servers->progress != NULL)
        sp_name_progress_note(servers->progress, "");
    if (result >= 0)
        return result;
    if (result != -ENOENT)
        servers->error = result;
    strcpy(servers->missing[kind], build_id);
    return result;
}

int sp_debuginfod_fetch(void *user, enum sp_fetched kind, const char *build_id)
{
    struct sp_debuginfod *servers = user;
    pthread_mutex_lock(&servers->lock);
    const int result = fetch(servers, kind, build_id);
    pthread_mutex_unlock(&servers->lock);
    return result;
}

void sp_debuginfod_say_failure(struct sp_debuginfod *servers)
{
    char urls[URL_BYTES];
    const char *reason = strerror(-servers->error);
    if (servers->error == 0 || servers->has_said)
        return;
    servers->has_said = true;
    if (servers->error == -ETIMEDOUT || servers->error == -EINTR)
        reason = servers->error == -EINTR ? "interrupted" : "no answer";
    sp_complain("debuginfod (%s): %s; after that, nothing was asked for any more",
                sp_printable(getenv("DEBUGINFOD_URLS"), urls, sizeof urls), reason);
}
