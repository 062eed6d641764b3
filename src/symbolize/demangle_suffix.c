/*
 * Where a symbol's name ends and what compilers and linkers put behind it begins. See demangle_parts.h.
 *
 * A function is split and copied by optimizers: `parse.cold` holds the branches of `parse` that were judged unlikely,
 * `parse.part.0` what was left when its beginning was inlined. Whoever reads a profile knows `parse`.
 * Go's names look alike (`main.cold` is a function of a package there) and cannot be told apart by the name alone: who
 * knows that it is Go's says so (struct sp_named_frame), and does not ask. A profile's name of unknown origin may be,
 * so only words that are hardly anybody's function are known here, and numbers alone are no suffix
 * (`main.main.func1.2`). Context: any thread; no state.
 */
#include "symbolize/demangle_parts.h"

#include <string.h>

static const char *const words[] = {"cold", "part",     "constprop",  "isra",   "llvm",
                                    "warm", "lto_priv", "localalias", "__uniq", "specialized"};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The length of a suffix's word at `at`, or 0. */
static size_t word_length(const char *at, size_t length)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t n = strlen(words[i]);
        if (n <= length && memcmp(at, words[i], n) == 0 && (n == length || at[n] == '.'))
            return n;
    }
    return 0;
}

/* Whether all of suffix[0..length) is ".word" or ".word.12", once or more. */
static bool is_suffix(const char *suffix, size_t length)
{
    size_t at = 0;
    while (at < length) {
        size_t word = suffix[at] == '.' ? word_length(suffix + at + 1, length - at - 1) : 0;
        if (word == 0)
            return false;
        at += 1 + word;
        if (at + 1 < length && suffix[at] == '.' && is_digit(suffix[at + 1]))
            for (at++; at < length && is_digit(suffix[at]);)
                at++;
    }
    return true;
}

/* Without a version. */
static size_t unversioned(const char *name, size_t length)
{
    const char *at = memchr(name, '@', length);
    size_t before = at ? (size_t)(at - name) : 0;
    bool is_plt = at && length - before == 4 && memcmp(at, "@plt", 4) == 0;
    return before > 0 && !is_plt ? before : length;
}

size_t sp_demangle_base(const char *name, size_t length)
{
    length = unversioned(name, length);
    /* From the end, so that the work is bounded by the suffixes that there are; real names have three at most. */
    size_t base = length;
    unsigned dots = 0;
    for (size_t at = length; at-- > 1 && dots < 16;)
        if (name[at] == '.') {
            dots++;
            if (is_suffix(name + at, base - at))
                base = at;
        }
    return base;
}
