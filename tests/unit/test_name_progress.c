/*
 * Tests of cli/name_progress.c on a terminal of our own, and of cli/printable.c. Nothing here waits for a time to pass
 * but for what has to be written then.
 */
#include "name_progress.h"
#include "printable.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

/* A terminal `columns` wide: its near end, where the user would be, and its far end. */
struct terminal {
    int near, far;
};

static struct terminal open_terminal(unsigned short columns)
{
    struct terminal terminal = {.near = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    if (terminal.near < 0 || grantpt(terminal.near) != 0 || unlockpt(terminal.near) != 0) {
        print_message("no pseudo-terminal to be had\n");
        skip();
    }
    const struct winsize size = {.ws_row = 24, .ws_col = columns};
    terminal.far = open(ptsname(terminal.near), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal.far >= 0);
    assert_int_equal(ioctl(terminal.far, TIOCSWINSZ, &size), 0);
    return terminal;
}

/* What has been written when both lie behind us: the line, and its end. Closes the terminal. */
static void read_terminal(struct terminal *terminal, char *text, size_t size)
{
    close(terminal->far);
    size_t n = 0;
    ssize_t got;
    while (n + 1 < size && (got = read(terminal->near, text + n, size - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(terminal->near);
}

/* Waits until something is seen. */
static void read_some(const struct terminal *terminal, char *text, size_t size)
{
    const ssize_t n = read(terminal->near, text, size - 1);
    assert_true(n > 0);
    text[n] = '\0';
}

/* Announces a module, and waits until something is seen of it. */
static void announce(struct sp_symbolize_options *options, const struct terminal *terminal, size_t i, const char *path,
                     char *text, size_t size)
{
    options->on_module(options->user, i, 12, path);
    read_some(terminal, text, size);
}

static void test_line_is_drawn_and_erased(void **state)
{
    (void)state;
    char text[512];
    struct sp_name_progress progress;
    struct sp_symbolize_options options = {0};
    struct terminal terminal = open_terminal(100);
    setenv("TERM", "xterm", 1);
    sp_name_progress_begin(&progress, terminal.far, 0, &options);
    announce(&options, &terminal, 3, "/usr/lib/libfirst.so\033[2J", text, sizeof(text));
    assert_string_equal(text, "\r\033[Ksigprof: looking up names: file 3 of 12, libfirst.so?[2J");
    announce(&options, &terminal, 4, "second", text, sizeof(text));
    assert_string_equal(text, "\r\033[Ksigprof: looking up names: file 4 of 12, second");
    sp_name_progress_note(&progress, "debuginfod");
    read_some(&terminal, text, sizeof(text));
    assert_string_equal(text, "\r\033[Ksigprof: looking up names: file 4 of 12, second (debuginfod)");
    announce(&options, &terminal, 5, "third", text, sizeof(text));
    assert_string_equal(text, "\r\033[Ksigprof: looking up names: file 5 of 12, third");
    sp_name_progress_end(&progress);
    read_terminal(&terminal, text, sizeof(text));
    assert_string_equal(text, "\r\033[K");
}

static void test_line_stays_one_line(void **state)
{
    (void)state;
    char text[512];
    struct sp_name_progress progress;
    struct sp_symbolize_options options = {0};
    struct terminal terminal = open_terminal(40);
    setenv("TERM", "xterm", 1);
    sp_name_progress_begin(&progress, terminal.far, 0, &options);
    announce(&options, &terminal, 3, "/usr/lib/libwith-a-long-name.so", text, sizeof(text));
    assert_int_equal(strlen(text), strlen("\r\033[K") + 39);
    sp_name_progress_end(&progress);
    read_terminal(&terminal, text, sizeof(text));
}

static void test_nothing_is_drawn_before_the_delay(void **state)
{
    (void)state;
    char text[64];
    struct sp_name_progress progress;
    struct sp_symbolize_options options = {0};
    struct terminal terminal = open_terminal(100);
    setenv("TERM", "xterm", 1);
    sp_name_progress_begin(&progress, terminal.far, 1000000, &options);
    options.on_module(options.user, 1, 1, "/x");
    sp_name_progress_end(&progress);
    read_terminal(&terminal, text, sizeof(text));
    assert_string_equal(text, "");
}

static void test_nothing_is_drawn_where_there_is_no_terminal(void **state)
{
    (void)state;
    int ends[2];
    char text[8];
    struct sp_name_progress progress;
    struct sp_symbolize_options options = {0};
    assert_int_equal(pipe(ends), 0);
    sp_name_progress_begin(&progress, ends[1], 0, &options);
    assert_null(options.on_module);
    sp_name_progress_end(&progress);
    close(ends[1]);
    assert_int_equal(read(ends[0], text, sizeof(text)), 0);
    close(ends[0]);
    struct terminal terminal = open_terminal(100);
    setenv("TERM", "dumb", 1);
    sp_name_progress_begin(&progress, terminal.far, 0, &options);
    assert_null(options.on_module);
    sp_name_progress_end(&progress);
    read_terminal(&terminal, text, sizeof(text));
}

static void test_printable_cuts_and_replaces(void **state)
{
    (void)state;
    char out[8];
    assert_string_equal(sp_printable("plain", out, sizeof(out)), "plain");
    assert_string_equal(sp_printable("", out, sizeof(out)), "");
    assert_string_equal(sp_printable("\t\033\177\n", out, sizeof(out)), "????");
    assert_string_equal(sp_printable("a\xc2\x9b\xc3\xa9", out, sizeof(out)), "a?\xc3\xa9");
    assert_string_equal(sp_printable("1234567", out, sizeof(out)), "1234567");
    assert_string_equal(sp_printable("12345678", out, sizeof(out)), "1234567");
    assert_string_equal(sp_printable("123456\xc3\xa9", out, sizeof(out)), "123456");
    assert_string_equal(sp_printable("12345\xe2\x82\xac", out, sizeof(out)), "12345");
    assert_string_equal(sp_printable("\xc2", out, sizeof(out)), "\xc2");
    assert_string_equal(sp_printable("x", out, 1), "");
    assert_string_equal(sp_printable("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", out, sizeof(out)), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_is_drawn_and_erased),
        cmocka_unit_test(test_line_stays_one_line),
        cmocka_unit_test(test_nothing_is_drawn_before_the_delay),
        cmocka_unit_test(test_nothing_is_drawn_where_there_is_no_terminal),
        cmocka_unit_test(test_printable_cuts_and_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
