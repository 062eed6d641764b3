/*
 * Tests of src/symbolize/perf_map_name.c: the texts of each runtime, what merely looks like one, and damage.
 */
#include "symbolize/perf_map_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sp_perf_map_parts parts;

static void split(const char *text, size_t length)
{
    char *copy = malloc(length ? length : 1); /* not terminated, so that reading on would be seen */
    if (length > 0)
        memcpy(copy, text, length);
    memset(&parts, 'x', sizeof(parts));
    sp_perf_map_name_split(copy, length, &parts);
    free(copy);
}

static void assert_parts(const char *text, const char *name, const char *file, int64_t line)
{
    split(text, strlen(text));
    assert_string_equal(parts.name, name);
    assert_string_equal(parts.file, file);
    assert_int_equal(parts.start_line, line);
}

static void test_perf_map_name_of_v8(void **state)
{
    (void)state;
    assert_parts("JS:*fib /srv/app.js:12:13", "fib", "/srv/app.js", 12);
    assert_parts("JS:^fib /srv/my app.js:12:13", "fib", "/srv/my app.js", 12);
    assert_parts("LazyCompile:~fib /srv/app.js:12", "fib", "/srv/app.js", 12);
    assert_parts("Function:^fib file:///srv/a%20b%2f.mjs:1:18", "fib", "/srv/a b/.mjs", 1);
    assert_parts("JS:~get size file:///srv/100%.mjs:2:3", "get size", "/srv/100%.mjs", 2);
    assert_parts("JS:~get size node:internal/util:5:7", "get size", "node:internal/util", 5);
    assert_parts("JS:+ /srv/app.js:3:4", "(anonymous)", "/srv/app.js", 3);
    assert_parts("Eval:~ node:internal/fs/dir:1:1", "(anonymous)", "node:internal/fs/dir", 1);
    assert_parts("Script:~ file:///srv/app.mjs:1:1", "(anonymous)", "/srv/app.mjs", 1);
    assert_parts("JS:*get x evalmachine.<anonymous>:4:5", "get x", "evalmachine.<anonymous>", 4);
    assert_parts("JS:*wasm-function[12]", "wasm-function[12]", "", 0);
    assert_parts("JS:~old native.js", "old native.js", "", 0);
    assert_parts("JS:~", "(anonymous)", "", 0);
    assert_parts("JS:~:1", ":1", "", 0);
    assert_parts("JS:~ :1", "(anonymous)", "", 1);
    assert_parts("Builtin:ArrayForEach", "Builtin:ArrayForEach", "", 0);
    assert_parts("RegExp:a /b:1:2", "RegExp:a /b:1:2", "", 0);
    assert_parts("Function:me /b:1:2", "Function:me /b:1:2", "", 0);
    assert_parts("JS:", "JS:", "", 0);
}

static void test_perf_map_name_of_python_and_lua(void **state)
{
    (void)state;
    assert_parts("py::Server.run:/srv/app.py", "Server.run", "/srv/app.py", 0);
    assert_parts("py::f.<locals>.<lambda>:/srv/a:b.py", "f.<locals>.<lambda>", "/srv/a:b.py", 0);
    assert_parts("py::<module>:<frozen runpy>", "<module>", "<frozen runpy>", 0);
    assert_parts("py::f", "py::f", "", 0);
    assert_parts("py:::x", "py:::x", "", 0);
    assert_parts("py::f:", "py::f:", "", 0);
    assert_parts("TRACE_31::app.lua:12", "TRACE_31", "app.lua", 12);
    assert_parts("TRACE_31::app.lua", "TRACE_31::app.lua", "", 0);
    assert_parts("TRACE_1:app.lua:2", "TRACE_1:app.lua:2", "", 0);
}

static void test_perf_map_name_of_java(void **state)
{
    (void)state;
    assert_parts("int java.lang.String.hashCode()", "java.lang.String.hashCode", "", 0);
    assert_parts("byte[] com.sun.Class$File.to_x(byte[], java.lang.Object)", "com.sun.Class$File.to_x", "", 0);
    assert_parts("void java.lang.Object.<init>()", "java.lang.Object.<init>", "", 0);
    assert_parts("Ljava/lang/String;::hashCode", "java.lang.String.hashCode", "", 0);
    assert_parts("Ljava/lang/String;::at(I)C", "java.lang.String.at", "", 0);
    assert_parts("Ljava/lang/String;::at(I)C(String.java:99)", "java.lang.String.at", "String.java", 99);
    assert_parts("La;::<init>(A.java:1)", "a.<init>", "A.java", 1);
    /* What is another's stays whole. */
    static const char *const others[] = {"int f(int)",
                                         "void [System] System.String::Concat(string)[Tier1]",
                                         "unsigned long a.b(int)",
                                         "Interpreter",
                                         "L;::x",
                                         "La;::",
                                         "La;::b c(A.java:1)",
                                         "Lone two;::x",
                                         "flush_icache_stub",
                                         "void a.b(",
                                         "()",
                                         "( )",
                                         " a.b()"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_parts(others[i], others[i], "", 0);
}

static void test_perf_map_name_that_is_damaged(void **state)
{
    (void)state;
    static char text[2 * SP_PERF_MAP_NAME_MAX];
    static const char *const pieces[] = {"JS:~",   "f ",       "file:///", "%2",   "py::",        ":",    "1",
                                         "TRACE_", "::",       "La/b;::",  "(",    ")",           "int ", ".",
                                         " /",     "Script:*", "\0",       "\377", "99999999999", "[]"};
    uint64_t random = 88172645463325252;
    for (int round = 0; round < 200000; round++) {
        size_t n = 0;
        do {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            const char *piece = pieces[random % (sizeof(pieces) / sizeof(pieces[0]))];
            const size_t length = piece[0] ? strlen(piece) : 1;
            memcpy(text + n, piece, length);
            n += length;
        } while (random % 32 > 2 && n < sizeof(text) - 16);
        split(text, n);
        assert_true(strnlen(parts.name, sizeof(parts.name)) < sizeof(parts.name));
        assert_true(strnlen(parts.file, sizeof(parts.file)) < sizeof(parts.file));
        assert_true(parts.start_line >= 0);
    }
    memset(text, 'a', sizeof(text));
    split(text, sizeof(text));
    assert_int_equal(strlen(parts.name), SP_PERF_MAP_NAME_MAX);
    split("", 0);
    assert_string_equal(parts.name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perf_map_name_of_v8),
        cmocka_unit_test(test_perf_map_name_of_python_and_lua),
        cmocka_unit_test(test_perf_map_name_of_java),
        cmocka_unit_test(test_perf_map_name_that_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
