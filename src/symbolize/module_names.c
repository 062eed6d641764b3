/*
 * Modules, stages, tasks and threads. See module_names.h for the place and the context.
 *
 * The lock is held for everything but the work itself: opening, planning, naming and closing. Whoever does the last
 * task of a stage takes the module to its next.
 */
#include "symbolize/module_names.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* In the order of their trust: the first that knows an address names it. */
static const struct sp_symbol_source *const sources[] = {&sp_source_dwarf, &sp_source_elf, &sp_source_go,
                                                         &sp_source_vdso};
#define N_SOURCES (sizeof(sources) / sizeof(sources[0]))
/* The stage behind those of the sources. Behind it, a module is done with. */
#define STAGE_REST N_SOURCES

/* Addresses of a task of the last stage. */
#define REST_ADDRESSES 512
#define THREADS_MAX 64

enum state {
    STATE_CLOSED, /* not yet open */
    STATE_TAKEN,  /* one thread is opening it, or on the way from one stage to the next */
    STATE_READY,  /* tasks may be taken */
    STATE_DONE,
};

struct module {
    struct sp_module_names *names;
    struct sp_elf_image *image; /* its file; NULL where there is none */
    struct sp_module file;
    void *opened[N_SOURCES]; /* NULL where the source has nothing */
    enum state state;
    size_t stage;
    struct sp_symbol_plan plan; /* of the stage */
    bool has_plan;
    size_t next, n_tasks; /* of the stage */
    unsigned running;     /* tasks that are being done */
};

struct crew {
    const struct sp_naming_options *options;
    unsigned threads;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* What follows changes with the lock held. */
    struct module *modules;
    size_t n, n_begun, n_done;
    int error;
};

struct worker {
    struct crew *crew;
    struct sp_name_store *store;
    uint32_t index; /* of the store */
    struct module *module;
    void *room; /* for the module's stage, or NULL */
};

/* Of two errors of sources, the one that tells more. */
static int worse(int a, int b)
{
    return a == -ESTALE || b == -ENOENT || b == 0 ? a : b;
}

/* Opens a module's file, if it has one. Returns 0, also when it has not, or -ENOMEM. */
static int open_file(const struct sp_debug_places *places, struct module *module)
{
    struct sp_module *file = &module->file;
    *file = (struct sp_module){.id = module->names->id, .error = -ENOENT};
    if (!sp_module_is_file(&file->id))
        return 0;
    struct sp_elf_image *image = malloc(sizeof(*image));
    file->error = image ? sp_module_image_open(image, &file->place, &file->id, places) : -ENOMEM;
    if (file->error)
        free(image);
    else
        file->image = module->image = image;
    return file->error == -ENOMEM ? -ENOMEM : 0;
}

/* Opens a module in every source that has it. Returns 0, also when none has, or -ENOMEM. */
static int open_module(const struct crew *crew, struct module *module)
{
    struct sp_module_names *names = module->names;
    names->is_open = false;
    names->error = -ENOENT;
    if (open_file(crew->options->places, module) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < N_SOURCES; i++) {
        int error = sources[i]->open(&module->file, crew->options->places, &module->opened[i]);
        if (error == -ENOMEM)
            return error;
        names->is_open |= error == 0;
        names->error = worse(names->error, error);
    }
    return 0;
}

static void close_module(struct module *module)
{
    for (size_t i = 0; i < N_SOURCES; i++)
        if (module->opened[i])
            sources[i]->close(module->opened[i]);
    memset(module->opened, 0, sizeof(module->opened));
    if (module->image)
        sp_elf_image_close(module->image);
    free(module->image);
    module->image = NULL;
}

/* Asks the sources that look up by address, in order; the number of frames, 0 when nobody knows. */
static uint32_t find_frames(const struct module *module, const struct sp_module_address *address,
                            struct sp_named_frame *frames)
{
    for (size_t i = 0; i < N_SOURCES; i++) {
        uint32_t n = module->opened[i] ? sources[i]->find(module->opened[i], address, frames, SP_FRAMES_MAX) : 0;
        if (n > 0)
            return n;
    }
    return 0;
}

static void keep(struct worker *worker, size_t index, const struct sp_named_frame *frames, uint32_t n)
{
    worker->module->names->names[index] =
        (struct sp_found_name){.store = worker->index, .found = sp_name_store_add(worker->store, frames, n)};
}

static bool is_named(const struct worker *worker, size_t index)
{
    return worker->module->names->names[index].found != SP_NONE;
}

/*
 * Takes frames of a source that names many at once. The function itself, not what is inlined there, has the name of the
 * symbol table if there is one: debug data says nothing of it for C, may have an internal one (libc's __GI_abort for
 * abort), and knows none of functions in assembly.
 */
static void take_frames(void *arg, size_t index, const struct sp_named_frame *found, uint32_t n)
{
    struct worker *worker = arg;
    struct sp_named_frame frames[SP_FRAMES_MAX], symbol[SP_FRAMES_MAX];
    if (is_named(worker, index))
        return;
    memcpy(frames, found, n * sizeof(*frames));
    struct sp_named_frame *last = &frames[n - 1];
    if (find_frames(worker->module, &worker->module->names->addresses[index], symbol) > 0) {
        last->system_name = symbol[0].system_name;
        last->name = symbol[0].name ? symbol[0].name : last->name;
    }
    if (!last->system_name)
        last->system_name = last->name;
    if (last->system_name)
        keep(worker, index, frames, n);
}

/* A chunk of the source whose stage it is. */
static int name_chunk(struct worker *worker, size_t chunk)
{
    const struct module *module = worker->module;
    const struct sp_symbol_batches *batches = sources[module->stage]->batches;
    if (!worker->room)
        worker->room = batches->room_new(module->opened[module->stage]);
    return worker->room ? batches->find(&module->plan, chunk, worker->room, take_frames, worker) : -ENOMEM;
}

/* Those of some addresses that have no name yet. */
static void name_rest(struct worker *worker, size_t part)
{
    const struct sp_module_names *names = worker->module->names;
    struct sp_named_frame frames[SP_FRAMES_MAX];
    const size_t first = part * REST_ADDRESSES;
    for (size_t i = first; i < names->n && i < first + REST_ADDRESSES; i++) {
        uint32_t n = is_named(worker, i) ? 0 : find_frames(worker->module, &names->addresses[i], frames);
        if (n > 0)
            keep(worker, i, frames, n);
    }
}

/* Prepares the tasks of the module's stage, if it has any. Returns 0 or -ENOMEM. */
static int begin_stage(struct module *module)
{
    const struct sp_module_names *names = module->names;
    const size_t stage = module->stage;
    module->next = module->n_tasks = 0;
    if (stage == STAGE_REST) {
        module->n_tasks = (names->n + REST_ADDRESSES - 1) / REST_ADDRESSES;
    } else if (module->opened[stage] && sources[stage]->batches) {
        int error = sources[stage]->batches->plan(module->opened[stage], names->addresses, names->n, &module->plan);
        if (error)
            return error;
        module->has_plan = true;
        module->n_tasks = module->plan.n_chunks;
    }
    return 0;
}

static void end_stage(struct module *module)
{
    if (module->has_plan)
        sources[module->stage]->batches->plan_done(&module->plan);
    module->has_plan = false;
}

/* On to the next stage that has tasks; none is left when `stage` is STAGE_REST + 1. Returns 0 or -ENOMEM. */
static int advance(struct module *module)
{
    int error = 0;
    do {
        end_stage(module);
        module->stage++;
        error = module->stage <= STAGE_REST ? begin_stage(module) : 0;
    } while (!error && module->stage <= STAGE_REST && module->n_tasks == 0);
    return error;
}

/* What follows is called with the lock held, and gives it up for the work. */

static void fail(struct crew *crew, int error)
{
    if (error && !crew->error)
        crew->error = error;
}

/* The module, taken, is prepared: its tasks may be taken, or there are none left. */
static void release(struct crew *crew, struct module *module)
{
    const bool is_over = module->stage > STAGE_REST;
    if (is_over) {
        pthread_mutex_unlock(&crew->lock);
        close_module(module);
        pthread_mutex_lock(&crew->lock);
    }
    module->state = is_over ? STATE_DONE : STATE_READY;
    crew->n_done += is_over;
    pthread_cond_broadcast(&crew->changed);
}

static void begin_module(struct crew *crew)
{
    const struct sp_naming_options *options = crew->options;
    struct module *module = &crew->modules[crew->n_begun++];
    module->state = STATE_TAKEN;
    if (options->on_module)
        options->on_module(options->user, crew->n_begun, crew->n, module->names->id.path);
    pthread_mutex_unlock(&crew->lock);
    int error = open_module(crew, module);
    if (!error)
        error = begin_stage(module);
    if (!error && module->n_tasks == 0)
        error = advance(module);
    pthread_mutex_lock(&crew->lock);
    fail(crew, error);
    release(crew, module);
}

static void leave_room(struct worker *worker)
{
    if (worker->room)
        sources[worker->module->stage]->batches->room_free(worker->room);
    worker->room = NULL;
    worker->module = NULL;
}

/* Does tasks of a module's stage as long as there are any. */
static void do_tasks(struct worker *worker, struct module *module)
{
    struct crew *crew = worker->crew;
    worker->module = module;
    module->running++;
    while (module->next < module->n_tasks && !crew->error) {
        const size_t task = module->next++;
        int error = 0;
        pthread_mutex_unlock(&crew->lock);
        if (module->stage == STAGE_REST)
            name_rest(worker, task);
        else
            error = name_chunk(worker, task);
        if (!error)
            error = sp_profile_error(worker->store->found);
        pthread_mutex_lock(&crew->lock);
        fail(crew, error);
    }
    pthread_mutex_unlock(&crew->lock);
    leave_room(worker); /* before the module may be closed */
    pthread_mutex_lock(&crew->lock);
    if (--module->running > 0 || crew->error)
        return;
    module->state = STATE_TAKEN;
    pthread_mutex_unlock(&crew->lock);
    int error = advance(module);
    pthread_mutex_lock(&crew->lock);
    fail(crew, error);
    release(crew, module);
}

/* A module with a task for somebody. */
static struct module *find_ready(const struct crew *crew)
{
    for (size_t i = 0; i < crew->n_begun; i++)
        if (crew->modules[i].state == STATE_READY && crew->modules[i].next < crew->modules[i].n_tasks)
            return &crew->modules[i];
    return NULL;
}

static void *work(void *opaque)
{
    struct worker *worker = opaque;
    struct crew *crew = worker->crew;
    pthread_mutex_lock(&crew->lock);
    while (!crew->error && crew->n_done < crew->n) {
        struct module *module = find_ready(crew);
        if (module)
            do_tasks(worker, module);
        else if (crew->n_begun < crew->n && crew->n_begun - crew->n_done < crew->threads)
            begin_module(crew);
        else
            pthread_cond_wait(&crew->changed, &crew->lock);
    }
    pthread_cond_broadcast(&crew->changed);
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* Without the lock again. */

/* Starts the other threads, and is one. They take no signals: those are for the caller's. */
static void work_together(struct crew *crew, struct worker *workers)
{
    pthread_t threads[THREADS_MAX];
    sigset_t all, before;
    unsigned n = 1;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (n < crew->threads && pthread_create(&threads[n], NULL, work, &workers[n]) == 0)
        n++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work(&workers[0]);
    while (--n > 0)
        pthread_join(threads[n], NULL);
}

static void set_modules(struct crew *crew, struct sp_module_names *modules)
{
    for (size_t i = 0; i < crew->n; i++) {
        crew->modules[i].names = &modules[i];
        for (size_t k = 0; k < modules[i].n; k++)
            modules[i].names[k].found = SP_NONE;
    }
}

/* What is still open after a failure. */
static void clean_up(struct crew *crew)
{
    for (size_t i = 0; i < crew->n; i++) {
        end_stage(&crew->modules[i]);
        close_module(&crew->modules[i]);
    }
}

static int init_stores(struct sp_naming *naming, unsigned n, enum sp_demangle_style style)
{
    naming->stores = calloc(n, sizeof(*naming->stores));
    if (!naming->stores)
        return -ENOMEM;
    for (; naming->n < n; naming->n++)
        if (sp_name_store_init(&naming->stores[naming->n], style) != 0)
            return -ENOMEM;
    return 0;
}

/* Of those that are asked for, as many as there are CPUs for. */
static unsigned thread_count(const struct sp_naming_options *options)
{
    cpu_set_t cpus;
    const int n = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    const unsigned most = n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
    return options->threads < 1 ? 1 : options->threads > most ? most : options->threads;
}

int sp_name_modules(struct sp_naming *naming, struct sp_module_names *modules, size_t n,
                    const struct sp_naming_options *options)
{
    struct worker workers[THREADS_MAX] = {{.room = NULL}};
    struct crew crew = {.options = options, .threads = thread_count(options), .n = n};
    int error = init_stores(naming, crew.threads, options->style);
    if (error)
        return error;
    crew.modules = calloc(n + 1, sizeof(*crew.modules));
    if (!crew.modules)
        return -ENOMEM;
    set_modules(&crew, modules);
    for (unsigned i = 0; i < crew.threads; i++)
        workers[i] = (struct worker){.crew = &crew, .store = &naming->stores[i], .index = i};
    pthread_mutex_init(&crew.lock, NULL);
    pthread_cond_init(&crew.changed, NULL);
    work_together(&crew, workers);
    pthread_cond_destroy(&crew.changed);
    pthread_mutex_destroy(&crew.lock);
    clean_up(&crew);
    free(crew.modules);
    return crew.error;
}

void sp_naming_done(struct sp_naming *naming)
{
    for (unsigned i = 0; i < naming->n; i++)
        sp_name_store_done(&naming->stores[i]);
    free(naming->stores);
    *naming = (struct sp_naming){.n = 0};
}
