/*
 * Rust names, in pprof's shape, and the choice of language and style. See demangle.h for the place and the shape. Its
 * parts: demangle_cpp.c (C++ in short), demangle_full.c (C++ with all arguments), demangle_d.c (D), demangle_suffix.c
 * (clones, versions).
 *
 * libiberty prints Rust's names; generic arguments are cut out of what it printed.
 *
 * Context: any thread.
 */
#include "symbolize/demangle_parts.h"

#include <string.h>

void sp_demangle_append(struct sp_demangle_text *text, const char *bytes, size_t n)
{
    if (text->is_full || n >= text->size - text->n) {
        text->is_full = true;
        return;
    }
    memcpy(text->at + text->n, bytes, n);
    text->n += n;
}

void sp_demangle_append_or_leave(const char *bytes, size_t n, void *opaque)
{
    struct sp_demangle_printed *printed = opaque;
    sp_demangle_append(printed->text, bytes, n);
    if (printed->text->is_full)
        longjmp(printed->too_long, 1);
}

/* Whether the '<' at `at` opens generic arguments, rather than the `<T as Trait>` of a path or `for<'a>`. */
static bool opens_generics(const char *text, size_t at)
{
    if (at == 0 || strchr(" <(&[*,", text[at - 1]))
        return false;
    bool is_for = at >= 3 && memcmp(text + at - 3, "for", 3) == 0;
    return !is_for || (at > 3 && !strchr(" <(&[*,", text[at - 4]));
}

/* Empties generic arguments: `Vec<T>` becomes `Vec<>`. The '>' of "->" closes nothing. */
static void drop_generics(struct sp_demangle_text *text)
{
    size_t kept = 0, inside = 0;
    for (size_t i = 0; i < text->n; i++) {
        char c = text->at[i];
        bool is_open = c == '<', is_close = c == '>' && (i == 0 || text->at[i - 1] != '-');
        if (inside > 0) {
            inside += is_open;
            inside -= is_close;
            if (inside > 0)
                continue;
        } else if (is_open && opens_generics(text->at, i)) {
            inside = 1;
        }
        text->at[kept++] = c;
    }
    text->n = kept;
}

static bool demangle_rust(const char *mangled, bool is_full, struct sp_demangle_text *text)
{
    struct sp_demangle_printed printed = {.text = text};
    if (setjmp(printed.too_long) != 0)
        return false;
    if (!rust_demangle_callback(mangled, DMGL_NO_OPTS, sp_demangle_append_or_leave, &printed))
        return false;
    if (!is_full && mangled[1] == 'R')
        drop_generics(text);
    return true;
}

/* A legacy Rust name is a C++ name whose last part is 'h' and sixteen hex digits. */
static bool may_be_rust(const char *mangled, size_t length)
{
    if (mangled[1] == 'R')
        return true;
    const char *hash = memmem(mangled, length, "17h", 3);
    return mangled[1] == 'Z' && mangled[2] == 'N' && hash != NULL;
}

/* By the language that the name's beginning tells. */
static bool demangle(const char *mangled, size_t length, bool is_full, struct sp_demangle_text *text)
{
    const struct sp_demangle_text empty = *text;
    if (length < 4 || mangled[0] != '_')
        return false;
    if (may_be_rust(mangled, length) && demangle_rust(mangled, is_full, text) && !text->is_full)
        return true;
    *text = empty;
    if (mangled[1] == 'D')
        return sp_demangle_d(mangled, length, is_full, text);
    if (mangled[1] != 'Z')
        return false;
    if (is_full && sp_demangle_cpp_full(mangled, text))
        return true;
    *text = empty; /* what is too large in full has a short name still */
    return sp_demangle_cpp(mangled, text);
}

size_t sp_demangle(const char *mangled, enum sp_demangle_style style, char *out, size_t size)
{
    size_t length = strnlen(mangled, SP_DEMANGLE_INPUT_MAX);
    if (style == SP_DEMANGLE_NONE || size == 0 || length == 0 || length >= SP_DEMANGLE_INPUT_MAX)
        return 0;
    char base[SP_DEMANGLE_INPUT_MAX];
    size_t base_length = sp_demangle_base(mangled, length);
    memcpy(base, mangled, base_length);
    base[base_length] = '\0';
    struct sp_demangle_text text = {.at = out, .size = size};
    if (!demangle(base, base_length, style == SP_DEMANGLE_FULL, &text)) {
        if (base_length == length)
            return 0;
        text = (struct sp_demangle_text){.at = out, .size = size};
        sp_demangle_append(&text, base, base_length);
    }
    if (text.is_full || text.n == 0)
        return 0;
    out[text.n] = '\0';
    return text.n;
}
