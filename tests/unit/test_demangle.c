/*
 * Tests of src/symbolize/demangle.c: the shape of names, and that no name can hurt.
 *
 * The expected names are those of `go tool pprof` (its demangler with parameters and templates off).
 */
#include "symbolize/demangle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_demangle_has_the_shape_of_pprof(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"_Z3foov", "foo"},
        {"_Z3fooi.cold", "foo"},
        {"_Z3fooi.constprop.0", "foo"},
        {"_ZN3foo3barEi", "foo::bar"},
        {"_ZNK3foo3barEv", "foo::bar"},
        {"_ZNKR3foo3barEv", "foo::bar"},
        {"_ZN12_GLOBAL__N_13fooEv", "(anonymous namespace)::foo"},
        {"_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector::push_back"},
        {"_ZNSt6vectorIiSaIiEEC1Ev", "std::vector::vector"},
        {"_ZN3FooD2Ev.isra.0", "Foo::~Foo"},
        {"_ZNSdC1Ev", "std::basic_iostream::basic_iostream"},
        {"_ZNSsC1ERKSs", "std::basic_string::basic_string"},
        {"_ZN3fooltIiEEbT_", "foo::operator<"},
        {"_ZN3foolsEi", "foo::operator<<"},
        {"_ZN3fooptEv", "foo::operator->"},
        {"_ZN3FoonwEm", "Foo::operator new"},
        {"_ZN3fooclEv", "foo::operator()"},
        {"_ZNK3FoocvT_IiEEv", "Foo::operator int"},
        {"_ZN3FoocvSt6vectorIiSaIiEEEv", "Foo::operator std::vector"},
        {"_ZN3foo3barB5cxx11Ev", "foo::bar[abi:cxx11]"},
        {"_ZZ3fooiENKUlvE_clEv", "foo()::{lambda()#1}::operator()"},
        {"_ZZ3fooiENKUlT_E_clIiEEDaS_", "foo()::{lambda(auto:1)#1}::operator()"},
        {"_ZZN3foo3barIiEEvT_ENKUlRKSt6vectorIS1_EE_clEi", "foo::bar()::{lambda(std::vector const&)#1}::operator()"},
        {"_ZZN3fooEvEd_NKUlvE_clEv", "foo()::{default arg#1}::{lambda()#1}::operator()"},
        {"_ZN3fooUt_3barEv", "foo::{unnamed type#1}::bar"},
        {"_ZThn8_N3fooD0Ev", "non-virtual thunk to foo::~foo()"},
        {"_ZTW3foo", "TLS wrapper function for foo"},
        {"_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place"},
        {"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE",
         "<Test + 'static as foo::Bar<Test>>::bar"},
        {"_RNvCs1234_7mycrate3foo", "mycrate::foo"},
        {"_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<>"},
        /* Names that are none of these stay as they are. */
        {"main", NULL},
        {"", NULL},
        {"_", NULL},
        {"_Z", NULL},
        {"_start", NULL},
        {"_GLOBAL__sub_I_foo", NULL},
        {"_ZN3foo", NULL},
        {"_R", NULL},
        {"_RNvC7mycr", NULL},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char out[256];
        size_t length = sp_demangle(names[i][0], SP_DEMANGLE_SHORT, out, sizeof(out));
        assert_string_equal(length > 0 ? out : "", names[i][1] ? names[i][1] : "");
        assert_int_equal(length, names[i][1] ? strlen(names[i][1]) : 0);
    }
}

static void assert_names(const char *const names[][2], size_t n, enum sp_demangle_style style)
{
    for (size_t i = 0; i < n; i++) {
        char out[256];
        size_t length = sp_demangle(names[i][0], style, out, sizeof(out));
        assert_string_equal(length > 0 ? out : "", names[i][1] ? names[i][1] : "");
    }
}

static void test_demangle_full_has_all_arguments(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"_Z3foov", "foo()"},
        {"_Z3fooi.cold", "foo(int)"},
        {"_ZNK3foo3barEv", "foo::bar() const"},
        {"_ZN3fooltIiEEbT_", "foo::operator< <int>(int)"},
        {"_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back(int const&)"},
        {"_ZZ3fooiENKUlvE_clEv", "foo(int)::{lambda()#1}::operator()() const"},
        {"_Z3addIiEDTplfp_fp_ET_", "add<int>(int)"},
        {"_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place"},
        {"_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>"},
        {"_D8demangle4testFiZv", "demangle.test(int)"},
        {"_D8demangle4test3fooMxFZv", "demangle.test.foo() const"},
        {"_D3std5stdio__T7writelnTAyaZQnFNfQjZv", "std.stdio.writeln!(immutable(char)[]).writeln(immutable(char)[])"},
        {"foo.cold", "foo"},
        {"main", NULL},
        {"_ZN3foo", NULL},
    };
    assert_names(names, sizeof(names) / sizeof(names[0]), SP_DEMANGLE_FULL);
}

static void test_demangle_none_changes_nothing(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"_Z3foov", NULL}, {"foo.cold", NULL}, {"_D8demangle4testFiZv", NULL}};
    assert_names(names, sizeof(names) / sizeof(names[0]), SP_DEMANGLE_NONE);
}

static void test_demangle_d(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"_D8demangle4testFiZv", "demangle.test"},
        {"_D8demangle4test3fooMxFZv", "demangle.test.foo"},
        {"_D8demangle4test6__ctorMFZv", "demangle.test.this"},
        {"_D8demangle4test6__dtorMFZv", "demangle.test.~this"},
        {"_D8demangle__T4testTaZv", "demangle.test"},
        {"_D3std5stdio__T7writelnTAyaZQnFNfQjZv", "std.stdio.writeln.writeln"},
        {"_Dmain", "D main"},
        {"_D", NULL},
        {"_Dx", NULL},
        {"_D8demangle4te", NULL},
        {"_DYNAMIC", NULL},
    };
    assert_names(names, sizeof(names) / sizeof(names[0]), SP_DEMANGLE_SHORT);
}

static void test_demangle_parts_and_versions_belong_to_their_function(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"foo.cold", "foo"},
        {"foo.part.0", "foo"},
        {"foo.constprop.0", "foo"},
        {"foo.isra.12", "foo"},
        {"foo.llvm.1234567890123456789", "foo"},
        {"foo.lto_priv.0", "foo"},
        {"foo.part.0.isra.0.cold", "foo"},
        {"_RNvCs1234_7mycrate3foo.llvm.1234", "mycrate::foo"},
        {"_ZN4core3ptr13drop_in_place17h0123456789abcdefE.llvm.12", "core::ptr::drop_in_place"},
        {"_D8demangle4testFiZv.cold", "demangle.test"},
        {"memcpy@@GLIBC_2.14", "memcpy"},
        {"memcpy@GLIBC_2.2.5", "memcpy"},
        {"_Z3foov@@V_1", "foo"},
        /* Not these: */
        {"memcpy@plt", NULL},
        {"@foo", NULL},
        {".cold", NULL},
        {".", NULL},
        {"foo.", NULL},
        {"foo..cold", "foo."},
        {"foo.0", NULL},
        {"foo.coldest", NULL},
        {"foo.cold.x", NULL},
        {"foo.part.x", NULL},
        {"main.main.func1.2", NULL},
        {"x.apart", NULL},
    };
    assert_names(names, sizeof(names) / sizeof(names[0]), SP_DEMANGLE_SHORT);
}

static void test_demangle_without_room_gives_nothing(void **state)
{
    (void)state;
    char out[16];
    assert_int_equal(sp_demangle("_ZN3foo3barEi", SP_DEMANGLE_SHORT, out, 0), 0);
    assert_int_equal(sp_demangle("_ZN3foo3barEi", SP_DEMANGLE_SHORT, out, 8), 0);
    assert_int_equal(sp_demangle("_ZN3foo3barEi", SP_DEMANGLE_SHORT, out, 9), 8);
    assert_int_equal(sp_demangle("_RNvCs1234_7mycrate3foo", SP_DEMANGLE_SHORT, out, 12), 0);
    assert_int_equal(sp_demangle("_RNvCs1234_7mycrate3foo", SP_DEMANGLE_SHORT, out, 13), 12);
}

/* `head`, then `unit` again and again, then `tail`, to a length that the demangler still accepts. */
static void demangle_repeated(const char *head, const char *unit, const char *tail)
{
    static char name[2 * SP_DEMANGLE_INPUT_MAX], out[4096];
    static const size_t lengths[] = {64, 300, 1000, 2000, 4000, SP_DEMANGLE_INPUT_MAX - 64, SP_DEMANGLE_INPUT_MAX + 64};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t n = (size_t)sprintf(name, "%s", head);
        while (n < lengths[i])
            n += (size_t)sprintf(name + n, "%s", unit);
        sprintf(name + n, "%s", tail);
        sp_demangle(name, SP_DEMANGLE_SHORT, out, sizeof(out));
        sp_demangle(name, SP_DEMANGLE_FULL, out, sizeof(out));
    }
}

static void test_demangle_hostile_names_end_soon(void **state)
{
    (void)state;
    static const char *const units[] = {
        "P",   "N",       "I",        "F",  "S_",     "T_",     "PFv", "Ul",    "Dp",    "K",       "1aI", "L_Z",
        "X",   "cv",      "St",       "Z",  "E",      "_",      "9",   "M1a",   "A1_",   "Dv1_",    "J",   "sZ",
        "RN",  "NvC",     "INvC1a1b", "B_", "TB_B_E", "B0_",    "FK",  "Q",     "Uv",    "Nv",      "lt",  "ad",
        "RT_", "1aIRT_E", "Qb",       "H",  "HQb",    "__T1aT", "S1a", "VAyaa", ".cold", ".part.0", "@"};
    static const char *const heads[] = {"_D1f1gF", "_D1f__T1gT",  "_Z1f", "_Z",  "_ZN1fIi",    "_ZZ1fv",    "_Z1fIiEv",
                                        "_ZN1fcv", "_ZZ1fvENKUl", "_R",   "_RI", "_RINvC1a1b", "_ZN1acvT_I"};
    for (size_t h = 0; h < sizeof(heads) / sizeof(heads[0]); h++)
        for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
            demangle_repeated(heads[h], units[u], "");
            demangle_repeated(heads[h], units[u], "E_clEv");
        }
}

static void test_demangle_name_that_doubles_is_bounded(void **state)
{
    (void)state;
    /* Each argument is a function type of the one before, twice: 2^n words in print. */
    char name[2048], out[4096];
    size_t n = (size_t)sprintf(name, "_ZZ1fvENKUlPFiiE");
    for (int i = 0; i < 9; i++)
        n += (size_t)sprintf(name + n, "PFS%d_S%d_E", i * 2 + 0, i * 2 + 0);
    for (int i = 0; i < 200; i++)
        n += (size_t)sprintf(name + n, "S%c_", 'A' + i % 8);
    sprintf(name + n, "E_clEv");
    sp_demangle(name, SP_DEMANGLE_SHORT, out, sizeof(out));
    sp_demangle(name, SP_DEMANGLE_FULL, out, sizeof(out));
    /* The same in Rust: a tuple of two references to the tuple before. */
    n = (size_t)sprintf(name, "_RINvC1a1bTuuE");
    for (size_t at = 10, next; n < 900; at = next) {
        next = n - 2;
        char reference[8] = "_";
        static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        if (at >= 63)
            snprintf(reference, sizeof(reference), "%c%c_", digits[(at - 1) / 62], digits[(at - 1) % 62]);
        else if (at > 0)
            snprintf(reference, sizeof(reference), "%c_", digits[at - 1]);
        n += (size_t)snprintf(name + n, sizeof(name) - n, "TB%sB%sE", reference, reference);
    }
    sprintf(name + n, "E");
    assert_int_equal(sp_demangle(name, SP_DEMANGLE_SHORT, out, sizeof(out)), 0);
    assert_int_equal(sp_demangle(name, SP_DEMANGLE_FULL, out, sizeof(out)), 0);
    /* And in D: each associative array is of the one before, by itself. */
    n = (size_t)sprintf(name, "_D1f1gF");
    for (int i = 0; i < 40; i++)
        n += (size_t)sprintf(name + n, "H");
    n += (size_t)sprintf(name + n, "Aa");
    for (size_t i = 0; i < 40; i++) {
        size_t distance = n - (46 - i);
        n += (size_t)(distance < 26
                          ? sprintf(name + n, "Q%c", (char)('a' + distance))
                          : sprintf(name + n, "Q%c%c", (char)('A' + distance / 26), (char)('a' + distance % 26)));
    }
    sprintf(name + n, "Zv");
    assert_int_equal(sp_demangle(name, SP_DEMANGLE_FULL, out, sizeof(out)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demangle_has_the_shape_of_pprof),
        cmocka_unit_test(test_demangle_full_has_all_arguments),
        cmocka_unit_test(test_demangle_none_changes_nothing),
        cmocka_unit_test(test_demangle_d),
        cmocka_unit_test(test_demangle_parts_and_versions_belong_to_their_function),
        cmocka_unit_test(test_demangle_without_room_gives_nothing),
        cmocka_unit_test(test_demangle_hostile_names_end_soon),
        cmocka_unit_test(test_demangle_name_that_doubles_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
