/*
 * The state of a translation from RE2's syntax to PCRE2's, for the two files that do it.
 * Place on the way of a sample: inside src/select, under regex.h.
 * Context: ordinary code of one thread at a time.
 */
#ifndef SIGPROF_SELECT_RE2_PARSER_H
#define SIGPROF_SELECT_RE2_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    RE2_FOLDS_CASE = 1, /* (?i) */
    RE2_HAS_LINES = 2,  /* (?m) */
    RE2_DOT_ALL = 4,    /* (?s) */
    RE2_UNGREEDY = 8,   /* (?U): accepted; it makes no difference to whether something matches */
};

enum {
    RE2_MOST_NESTED = 1000, /* groups */
    RE2_LAST_RUNE = 0x10ffff,
    RE2_FOLDED_RUNES = 1 << 24, /* how many characters all ranges under (?i) may have: PCRE2 looks at each */
};

struct re2_group {
    unsigned flags;
    bool is_folding;
    uint32_t factor;
};

struct re2_parser {
    const char *pattern; /* valid UTF-8 */
    const char *at;
    FILE *out; /* for PCRE2 */
    unsigned flags;
    bool is_folding;         /* what PCRE2 has been told of (?i) */
    bool has_operand;        /* something that can be repeated stands before `at` */
    bool is_repeated;        /* and already is */
    const char *last_repeat; /* the repetition that stands right before `at`, or NULL */
    uint32_t factor;         /* how often the last operand repeats what is innermost in it */
    uint32_t group_factor;   /* the same of all before it in the group */
    uint32_t folded_runes;
    size_t depth;
    char *why;
    size_t why_size;
    struct re2_group groups[RE2_MOST_NESTED];
};

/* Says `what` is wrong with pattern[from..to); always false. */
bool re2_fail(struct re2_parser *parser, const char *what, const char *from, const char *to);

/* The character at `*at`, which is moved behind it. Not at the end. */
uint32_t re2_next_rune(const char **at);

/* Reads the escape sequence of a single character at `at`, a backslash: whether it is one. */
bool re2_read_escape(struct re2_parser *parser, uint32_t *rune);

/* Tells PCRE2 of (?i) or (?-i), where that has changed. Before each operand. */
void re2_show_folding(struct re2_parser *parser);

/* Writes a character that stands for itself. */
void re2_put_rune(struct re2_parser *parser, uint32_t rune);

/* Translates the class at `at`, "[": whether it is one. */
bool re2_class(struct re2_parser *parser);

/*
 * Translates a class that is written as an escape at `at`: \d, \pN, \p{Greek}. 1 where it is one, 0 where it is not, -1
 * where it is a wrong one. `is_in_class`: between brackets.
 */
int re2_class_escape(struct re2_parser *parser, bool is_in_class);

#endif
