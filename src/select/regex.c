/*
 * Regular expressions. See regex.h.
 * Context: ordinary code of one thread at a time.
 */
#include "select/regex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "profile/utf8.h"
#include "select/re2_syntax.h"

enum {
    TOO_COMPLICATED = 184,     /* PCRE2's, without a name: some 600 groups in each other */
    MOST_STEPS = 20000,        /* of the way that backtracks, before the other one is taken */
    MOST_HEAP_KIB = 1 << 16,   /* that a match may take */
    FIRST_WORKSPACE = 1 << 10, /* ints, for the way that follows all at once */
    LAST_WORKSPACE = 1 << 22,
    NESTED = 1 << 12, /* more groups than re2_syntax lets through, with those that it adds */
};

/* What an expression learns as it is used. */
struct hardness {
    bool is_hard;   /* backtracking took too many steps once */
    int *workspace; /* NULL until it is needed */
    size_t workspace_size;
};

struct sp_regex {
    char *pattern;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    struct hardness *hardness;
};

static int say_why(int code, const char *pattern, char *why, size_t why_size)
{
    PCRE2_UCHAR message[256];
    const char *what = (const char *)message;
    if (pcre2_get_error_message(code, message, sizeof(message)) < 0)
        what = "not accepted";
    if (code == PCRE2_ERROR_PATTERN_TOO_LARGE || code == PCRE2_ERROR_PATTERN_TOO_COMPLICATED)
        what = "expression too large";
    if (code == PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP || code == PCRE2_ERROR_QUERY_BARJX_NEST_TOO_DEEP)
        what = "expression nests too deeply";
    if (code == PCRE2_ERROR_UNKNOWN_UNICODE_PROPERTY)
        what = "invalid character class range";
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return -ENOMEM;
    if (why_size)
        snprintf(why, why_size, "error parsing regexp: %s: `%s`", what, pattern);
    return -EINVAL;
}

static int compile(struct sp_regex *regex, const char *translated, char *why, size_t why_size)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return -ENOMEM;
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, NESTED);
    int code;
    PCRE2_SIZE offset;
    regex->code = pcre2_compile((PCRE2_SPTR)translated, PCRE2_ZERO_TERMINATED,
                                PCRE2_UTF | PCRE2_ALT_CIRCUMFLEX | PCRE2_NO_AUTO_CAPTURE, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!regex->code)
        return say_why(code, regex->pattern, why, why_size);
    /* Where no code can be made at run time, PCRE2 interprets. */
    pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
    regex->match = pcre2_match_data_create(1, NULL);
    regex->limits = pcre2_match_context_create(NULL);
    regex->hardness = calloc(1, sizeof(*regex->hardness));
    if (!regex->match || !regex->limits || !regex->hardness)
        return -ENOMEM;
    pcre2_set_match_limit(regex->limits, MOST_STEPS);
    pcre2_set_heap_limit(regex->limits, MOST_HEAP_KIB);
    return 0;
}

int sp_regex_new(const char *pattern, struct sp_regex **regex, char *why, size_t why_size)
{
    char *translated = NULL;
    int error = sp_re2_translate(pattern, &translated, why, why_size);
    if (error)
        return error;
    struct sp_regex *made = calloc(1, sizeof(*made));
    error = -ENOMEM;
    if (made && (made->pattern = strdup(pattern)))
        error = compile(made, translated, why, why_size);
    free(translated);
    if (error)
        sp_regex_free(made);
    else
        *regex = made;
    return error;
}

void sp_regex_free(struct sp_regex *regex)
{
    if (!regex)
        return;
    pcre2_match_context_free(regex->limits);
    pcre2_match_data_free(regex->match);
    pcre2_code_free(regex->code);
    if (regex->hardness)
        free(regex->hardness->workspace);
    free(regex->hardness);
    free(regex->pattern);
    free(regex);
}

/* Makes the workspace larger: whether that could be. */
static bool grow_workspace(struct hardness *hardness)
{
    size_t size = hardness->workspace_size ? hardness->workspace_size * 4 : FIRST_WORKSPACE;
    if (size > LAST_WORKSPACE)
        return false;
    int *larger = realloc(hardness->workspace, size * sizeof(*larger));
    if (!larger)
        return false;
    hardness->workspace = larger;
    hardness->workspace_size = size;
    return true;
}

/* Matches without backtracking. */
static int match_hard(const struct sp_regex *regex, const char *text, size_t length)
{
    struct hardness *hardness = regex->hardness;
    if (!hardness->workspace && !grow_workspace(hardness))
        return PCRE2_ERROR_DFA_WSSIZE;
    int code;
    do
        code = pcre2_dfa_match(regex->code, (PCRE2_SPTR)text, length, 0, PCRE2_DFA_SHORTEST, regex->match,
                               regex->limits, hardness->workspace, hardness->workspace_size);
    while (code == PCRE2_ERROR_DFA_WSSIZE && grow_workspace(hardness));
    return code;
}

/* PCRE2's answer: 0 or more where there is a match. */
static int match(const struct sp_regex *regex, const char *text, size_t length)
{
    if (!regex->hardness->is_hard) {
        int code = pcre2_match(regex->code, (PCRE2_SPTR)text, length, 0, 0, regex->match, regex->limits);
        bool is_answer =
            code >= PCRE2_ERROR_NOMATCH || (code <= PCRE2_ERROR_UTF8_ERR1 && code >= PCRE2_ERROR_UTF8_ERR21);
        if (is_answer)
            return code;
    }
    regex->hardness->is_hard = true;
    return match_hard(regex, text, length);
}

bool sp_regex_matches_n(const struct sp_regex *regex, const char *text, size_t length)
{
    int code = match(regex, text, length);
    if (code > PCRE2_ERROR_UTF8_ERR1 || code < PCRE2_ERROR_UTF8_ERR21)
        return code >= 0;
    char *repaired = malloc(SP_UTF8_REPAIRED_MAX(length));
    if (!repaired)
        return false;
    code = match(regex, repaired, sp_utf8_repair(repaired, text, length));
    free(repaired);
    return code >= 0;
}

bool sp_regex_matches(const struct sp_regex *regex, const char *text)
{
    return sp_regex_matches_n(regex, text, strlen(text));
}

const char *sp_regex_pattern(const struct sp_regex *regex)
{
    return regex->pattern;
}
