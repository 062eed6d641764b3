/*
 * Go's contract, without Go: tracebacks from here, from a signal, and from where C has called Go; contexts; names.
 * `exported` stands for the function that cgo writes for a call of Go, and `wait_for_init` for what that calls first.
 */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "cgo/cgo_seen.h"
#include "sigprof/cgo.h"

enum { MAX = 32, MANY = 1 << 14, THREADS = 4, ROUNDS = 2000 };

static uintptr_t trace(uintptr_t context, uintptr_t signal_context, uintptr_t *pcs, uintptr_t max)
{
    struct sigprof_traceback_argument asked = {context, signal_context, pcs, max};
    uintptr_t n = 0;
    sigprof_cgo_traceback(&asked);
    while (n < max && pcs[n] != 0)
        n++;
    return n;
}

/* The functions at pc, from the innermost, with a space behind each. */
static void names_of(uintptr_t pc, char *text, size_t size)
{
    struct sigprof_symbolizer_argument asked = {.pc = pc};
    text[0] = '\0';
    do {
        sigprof_cgo_symbolizer(&asked);
        strncat(text, asked.func != NULL ? asked.func : "?", size - strlen(text) - 1);
        strncat(text, " ", size - strlen(text) - 1);
        if (asked.func != NULL && strcmp(asked.func, "main") == 0) {
            assert_non_null(strstr(asked.file, "test_cgo.c"));
            assert_true(asked.lineno > 0);
        }
    } while (asked.more != 0);
    asked.pc = 0;
    sigprof_cgo_symbolizer(&asked);
}

/* Whether the stack has these functions as its innermost ones, in this order. */
static void expect_names(const uintptr_t *pcs, uintptr_t n, const char *wanted)
{
    char text[4096] = "", one[512];
    for (uintptr_t i = 0; i < n; i++) {
        names_of(pcs[i], one, sizeof one);
        strncat(text, one, sizeof text - strlen(text) - 1);
    }
    if (strstr(text, wanted) != text)
        fail_msg("the stack is %s, not %s", text, wanted);
}

static uintptr_t wait_for_init(void) __attribute__((noinline));
static uintptr_t wait_for_init(void)
{
    struct sigprof_context_argument asked = {0};
    sigprof_cgo_context(&asked);
    return asked.context;
}

static void release(uintptr_t context)
{
    struct sigprof_context_argument asked = {context};
    sigprof_cgo_context(&asked);
}

static uintptr_t traced[MAX], n_traced;

static void go_code(uintptr_t context) __attribute__((noinline));
static void go_code(uintptr_t context)
{
    n_traced = trace(context, 0, traced, MAX);
    __asm__ volatile("" ::: "memory");
}

static uintptr_t exported(int value) __attribute__((noinline));
static uintptr_t exported(int value)
{
    const uintptr_t context = wait_for_init();
    if (value != 0)
        go_code(context);
    release(context);
    return context;
}

static uintptr_t inlined_caller(int value) __attribute__((noinline));
static inline __attribute__((always_inline)) uintptr_t inlined(int value)
{
    return exported(value) + 1;
}
static uintptr_t inlined_caller(int value)
{
    return inlined(value) * 2;
}

static void test_cgo_traceback_from_a_context(void **state)
{
    (void)state;
    assert_true(inlined_caller(1) != 0);
    expect_names(traced, n_traced, "exported inlined inlined_caller test_cgo_traceback_from_a_context ");
}

static void test_cgo_traceback_from_here(void **state)
{
    (void)state;
    uintptr_t pcs[MAX];
    const uintptr_t n = trace(0, 0, pcs, MAX);
    expect_names(pcs, n, "trace test_cgo_traceback_from_here ");
    assert_int_equal(trace(0, 0, pcs, 2), 2); /* as much as there is room for */
    expect_names(pcs, 2, "trace test_cgo_traceback_from_here ");
    assert_int_equal(trace(0, 0, pcs, 0), 0);
}

static void on_signal(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    n_traced = trace(0, (uintptr_t)context, traced, MAX);
}

static void test_cgo_traceback_from_a_signal(void **state)
{
    (void)state;
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    char names[512] = "";
    for (uintptr_t i = 0; i < n_traced && strcmp(names, "test_cgo_traceback_from_a_signal ") != 0; i++)
        names_of(traced[i], names, sizeof names);
    assert_string_equal(names, "test_cgo_traceback_from_a_signal ");
}

/* Where nothing may be looked up: on a signal's alternate stack. */
static struct sigprof_symbolizer_argument on_stack;
static void ask_on_stack(int signal_number)
{
    (void)signal_number;
    sigprof_cgo_symbolizer(&on_stack);
}

static void test_cgo_names_on_a_signal_stack(void **state)
{
    (void)state;
    static char memory[1 << 16];
    char names[512];
    const stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, none = {.ss_flags = SS_DISABLE};
    struct sigaction action = {.sa_handler = ask_on_stack, .sa_flags = SA_ONSTACK};
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    on_stack = (struct sigprof_symbolizer_argument){.pc = (uintptr_t)test_cgo_names_on_a_signal_stack + 1};
    raise(SIGUSR1);
    assert_null(on_stack.func);
    assert_int_equal(on_stack.more, 0);
    names_of(on_stack.pc, names, sizeof names);
    raise(SIGUSR1);
    assert_string_equal(on_stack.func, "test_cgo_names_on_a_signal_stack");
    sigaltstack(&none, NULL);
}

static void test_cgo_contexts_of_nobody(void **state)
{
    (void)state;
    uintptr_t pcs[MAX];
    const uintptr_t context = exported(0), others[] = {1, UINT16_MAX, 1 << 16, UINTPTR_MAX, context, context ^ 1 << 16};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(trace(others[i], 0, pcs, MAX), 0);
        release(others[i]);
    }
    assert_true(exported(1) != 0);
    assert_true(n_traced > 0);
}

static void test_cgo_contexts_are_bounded(void **state)
{
    (void)state;
    static uintptr_t taken[MANY];
    size_t n = 0;
    for (size_t i = 0; i < MANY; i++) {
        taken[n] = wait_for_init();
        n += taken[n] != 0;
    }
    assert_true(n > 0 && n < MANY);
    for (size_t i = 0; i < n; i++)
        release(taken[i]);
    assert_true(wait_for_init() != 0);
}

static void *use_contexts(void *unused)
{
    uintptr_t pcs[MAX];
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        const uintptr_t a = wait_for_init(), b = wait_for_init();
        if (a == 0 || b == 0 || a == b || trace(a, 0, pcs, MAX) == 0)
            return (void *)1;
        release(a);
        release(b);
    }
    return NULL;
}

static void test_cgo_contexts_of_many_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_contexts, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
}

static void test_cgo_names_of_no_code(void **state)
{
    (void)state;
    char names[512];
    static const char data[] = "no code";
    names_of((uintptr_t)data, names, sizeof names);
    assert_string_equal(names, "? ");
    names_of(16, names, sizeof names);
    assert_string_equal(names, "? ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cgo_traceback_from_a_context), cmocka_unit_test(test_cgo_traceback_from_here),
        cmocka_unit_test(test_cgo_traceback_from_a_signal),  cmocka_unit_test(test_cgo_names_on_a_signal_stack),
        cmocka_unit_test(test_cgo_contexts_of_nobody),       cmocka_unit_test(test_cgo_contexts_are_bounded),
        cmocka_unit_test(test_cgo_contexts_of_many_threads), cmocka_unit_test(test_cgo_names_of_no_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
