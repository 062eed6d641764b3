/*
 * C++ names in full: parameters and template arguments, as c++filt prints them, without the return type.
 *
 * libiberty parses and prints; before it prints, a walk shows that the tree is small, since parts that substitutions
 * share are printed again and again. What the walk cannot see (a template parameter stands for an argument) is bounded
 * by the room for the text: libiberty cannot be told to stop, so the jump out of it is ours.
 *
 * Context: any thread.
 */
#include "symbolize/demangle_parts.h"

#include <stdlib.h>
#include <string.h>

typedef struct demangle_component node;

/* How deep trees nest, and how many nodes they may have, shared ones counted each time. */
#define DEPTH_MAX 300
#define NODES_MAX 8192
/* libiberty keeps an array of this many on the stack (16 bytes each): templates times uses of their parameters. */
#define COPIES_MAX 16384

struct walk {
    unsigned nodes, templates, parameters;
};

/* Nodes without children, or whose only child is not printed as one. */
static bool is_leaf(const node *tree)
{
    switch (tree->type) {
    case DEMANGLE_COMPONENT_NAME:
    case DEMANGLE_COMPONENT_TEMPLATE_PARAM:
    case DEMANGLE_COMPONENT_FUNCTION_PARAM:
    case DEMANGLE_COMPONENT_SUB_STD:
    case DEMANGLE_COMPONENT_BUILTIN_TYPE:
    case DEMANGLE_COMPONENT_EXTENDED_BUILTIN_TYPE:
    case DEMANGLE_COMPONENT_OPERATOR:
    case DEMANGLE_COMPONENT_NUMBER:
    case DEMANGLE_COMPONENT_UNNAMED_TYPE:
    case DEMANGLE_COMPONENT_CHARACTER:
        return true;
    default:
        return false;
    }
}

/* Nodes with children of their own kind, and those that a libiberty newer than this code may have: not walked. */
static bool is_other(const node *tree)
{
    return tree->type == DEMANGLE_COMPONENT_FIXED_TYPE || tree->type == DEMANGLE_COMPONENT_EXTENDED_OPERATOR ||
           tree->type > DEMANGLE_COMPONENT_EXTENDED_BUILTIN_TYPE;
}

/* Whether a tree is small enough to be printed; counts in `walk`. */
static bool is_small(const node *tree, unsigned depth, struct walk *walk)
{
    if (!tree)
        return true;
    if (depth > DEPTH_MAX || ++walk->nodes > NODES_MAX || is_other(tree))
        return false;
    walk->templates += tree->type == DEMANGLE_COMPONENT_TEMPLATE;
    walk->parameters += tree->type == DEMANGLE_COMPONENT_TEMPLATE_PARAM;
    switch (tree->type) {
    case DEMANGLE_COMPONENT_CTOR:
        return is_small(tree->u.s_ctor.name, depth + 1, walk);
    case DEMANGLE_COMPONENT_DTOR:
        return is_small(tree->u.s_dtor.name, depth + 1, walk);
    case DEMANGLE_COMPONENT_LAMBDA:
    case DEMANGLE_COMPONENT_DEFAULT_ARG:
        return is_small(tree->u.s_unary_num.sub, depth + 1, walk);
    default:
        return is_leaf(tree) ||
               (is_small(tree->u.s_binary.left, depth + 1, walk) && is_small(tree->u.s_binary.right, depth + 1, walk));
    }
}

/* Apart, as what setjmp's function holds in registers is lost. */
static bool print(node *tree, struct sp_demangle_printed *printed)
{
    if (setjmp(printed->too_long) != 0)
        return false;
    return cplus_demangle_print_callback(DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP, tree, sp_demangle_append_or_leave,
                                         printed) != 0;
}

bool sp_demangle_cpp_full(const char *mangled, struct sp_demangle_text *text)
{
    void *memory = NULL;
    node *tree = cplus_demangle_v3_components(mangled, DMGL_PARAMS | DMGL_ANSI, &memory);
    if (!tree)
        return false;
    struct walk walk = {0};
    struct sp_demangle_printed printed = {.text = text};
    bool is_done = is_small(tree, 0, &walk) && walk.templates * walk.parameters <= COPIES_MAX && print(tree, &printed);
    free(memory);
    return is_done;
}
