/*
 * C++ names in pprof's shape: without parameters, template arguments and return types. See demangle.h for the place.
 *
 * libiberty parses the name into a tree, and we print the tree ourselves, since dropping template arguments from
 * printed text cannot be told from `operator<`. Printing ourselves also bounds it: a short name can stand for a tree
 * that prints to gigabytes, because substitutions share nodes. Only leaves (operators, lambdas' parameter types) are
 * printed by libiberty, after a walk has shown that they are small.
 *
 * Context: any thread.
 */
#include "symbolize/demangle_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct demangle_component node;

/* How deep names nest, and how many nodes a subtree may have (shared ones counted each time) to be printed. */
#define DEPTH_MAX 200
#define NODES_MAX 512

/* One C++ name being printed. */
struct printer {
    struct sp_demangle_text *text;
    const node *arguments; /* of the template whose name is being printed: what T_ means in `operator T_` */
    unsigned depth;
    unsigned nodes; /* visited in all */
    bool failed;
};

static void put(struct printer *printer, const char *word)
{
    sp_demangle_append(printer->text, word, strlen(word));
}

static void append_callback(const char *bytes, size_t n, void *text)
{
    sp_demangle_append(text, bytes, n);
}

/* What a node's union holds, as far as a walk needs it. */
enum shape { LEAF, ONE_CHILD, TWO_CHILDREN, UNKNOWN };

static enum shape shape_of(const node *tree)
{
    switch (tree->type) {
    case DEMANGLE_COMPONENT_NAME:
    case DEMANGLE_COMPONENT_TEMPLATE_PARAM:
    case DEMANGLE_COMPONENT_SUB_STD:
    case DEMANGLE_COMPONENT_BUILTIN_TYPE:
    case DEMANGLE_COMPONENT_EXTENDED_BUILTIN_TYPE:
    case DEMANGLE_COMPONENT_OPERATOR:
    case DEMANGLE_COMPONENT_NUMBER:
    case DEMANGLE_COMPONENT_UNNAMED_TYPE:
        return LEAF;
    case DEMANGLE_COMPONENT_LAMBDA:
    case DEMANGLE_COMPONENT_DEFAULT_ARG:
        return ONE_CHILD;
    case DEMANGLE_COMPONENT_QUAL_NAME:
    case DEMANGLE_COMPONENT_LOCAL_NAME:
    case DEMANGLE_COMPONENT_TYPED_NAME:
    case DEMANGLE_COMPONENT_TEMPLATE:
    case DEMANGLE_COMPONENT_RESTRICT:
    case DEMANGLE_COMPONENT_VOLATILE:
    case DEMANGLE_COMPONENT_CONST:
    case DEMANGLE_COMPONENT_RESTRICT_THIS:
    case DEMANGLE_COMPONENT_VOLATILE_THIS:
    case DEMANGLE_COMPONENT_CONST_THIS:
    case DEMANGLE_COMPONENT_REFERENCE_THIS:
    case DEMANGLE_COMPONENT_RVALUE_REFERENCE_THIS:
    case DEMANGLE_COMPONENT_VENDOR_TYPE_QUAL:
    case DEMANGLE_COMPONENT_POINTER:
    case DEMANGLE_COMPONENT_REFERENCE:
    case DEMANGLE_COMPONENT_RVALUE_REFERENCE:
    case DEMANGLE_COMPONENT_COMPLEX:
    case DEMANGLE_COMPONENT_VENDOR_TYPE:
    case DEMANGLE_COMPONENT_FUNCTION_TYPE:
    case DEMANGLE_COMPONENT_ARRAY_TYPE:
    case DEMANGLE_COMPONENT_PTRMEM_TYPE:
    case DEMANGLE_COMPONENT_VECTOR_TYPE:
    case DEMANGLE_COMPONENT_ARGLIST:
    case DEMANGLE_COMPONENT_TEMPLATE_ARGLIST:
    case DEMANGLE_COMPONENT_CONVERSION:
    case DEMANGLE_COMPONENT_PACK_EXPANSION:
    case DEMANGLE_COMPONENT_TAGGED_NAME:
    case DEMANGLE_COMPONENT_NOEXCEPT:
    case DEMANGLE_COMPONENT_LITERAL:
        return TWO_CHILDREN;
    default:
        return UNKNOWN;
    }
}

/* The template argument that T_, T0_, ... stands for, or NULL. */
static const node *argument_at(const node *arguments, long index)
{
    for (; arguments && arguments->type == DEMANGLE_COMPONENT_TEMPLATE_ARGLIST; index--) {
        if (index == 0)
            return arguments->u.s_binary.left;
        arguments = arguments->u.s_binary.right;
    }
    return NULL;
}

/*
 * Drops template arguments below `tree`, in place, and puts in what template parameters stand for. Takes one from
 * `*budget` for each visit. Returns false when the tree is larger, or holds a kind of node that is not known here:
 * then it must not be printed (putting in arguments may even have made a loop).
 */
static bool simplify(node *tree, const node *arguments, bool in_lambda, unsigned *budget)
{
    if (!tree)
        return true;
    if ((*budget)-- <= 1)
        return false;
    if (tree->type == DEMANGLE_COMPONENT_TEMPLATE && tree->u.s_binary.left) {
        *tree = *tree->u.s_binary.left;
        return simplify(tree, arguments, in_lambda, budget);
    }
    if (tree->type == DEMANGLE_COMPONENT_TEMPLATE_PARAM && !in_lambda) {
        const node *argument = argument_at(arguments, tree->u.s_number.number);
        if (!argument || argument == tree)
            return false;
        *tree = *argument;
        return simplify(tree, arguments, in_lambda, budget);
    }
    in_lambda |= tree->type == DEMANGLE_COMPONENT_LAMBDA;
    switch (shape_of(tree)) {
    case LEAF:
        return true;
    case ONE_CHILD:
        return simplify(tree->u.s_unary_num.sub, arguments, in_lambda, budget);
    case TWO_CHILDREN:
        return simplify(tree->u.s_binary.left, arguments, in_lambda, budget) &&
               simplify(tree->u.s_binary.right, arguments, in_lambda, budget);
    default:
        return false;
    }
}

/* Prints a small subtree by libiberty. */
static bool print_small(struct printer *printer, node *tree)
{
    unsigned budget = NODES_MAX;
    size_t before = printer->text->n;
    if (simplify(tree, printer->arguments, false, &budget) &&
        cplus_demangle_print_callback(DMGL_PARAMS | DMGL_ANSI, tree, append_callback, printer->text))
        return true;
    printer->text->n = before;
    return false;
}

static void print_name(struct printer *printer, node *tree);

/* A lambda whose parameters cannot be shown keeps its number. */
static void print_lambda(struct printer *printer, node *tree)
{
    int number = tree->u.s_unary_num.num;
    char word[48];
    if (print_small(printer, tree))
        return;
    snprintf(word, sizeof(word), "{lambda(...)#%ld}", (long)number + 1);
    put(printer, word);
}

/* The function around a local name, or behind a thunk: its name and "()". */
static void print_function(struct printer *printer, node *tree)
{
    print_name(printer, tree);
    if (tree && tree->type == DEMANGLE_COMPONENT_TYPED_NAME)
        put(printer, "()");
}

static void print_local(struct printer *printer, node *tree)
{
    node *entity = tree->u.s_binary.right;
    print_function(printer, tree->u.s_binary.left);
    if (entity && entity->type == DEMANGLE_COMPONENT_DEFAULT_ARG) {
        char word[48];
        snprintf(word, sizeof(word), "::{default arg#%ld}", (long)entity->u.s_unary_num.num + 1);
        put(printer, word);
        entity = entity->u.s_unary_num.sub;
    }
    put(printer, "::");
    print_name(printer, entity);
}

/* A name that the ABI abbreviates; its text may hold the arguments of the template that it stands for. */
static void print_standard(struct printer *printer, const node *tree)
{
    size_t length = (size_t)tree->u.s_string.len;
    const char *arguments = memchr(tree->u.s_string.string, '<', length);
    sp_demangle_append(printer->text, tree->u.s_string.string,
                       arguments ? (size_t)(arguments - tree->u.s_string.string) : length);
}

/* A template's name without its arguments, which `operator T` alone needs. */
static void print_template(struct printer *printer, node *tree)
{
    const node *outer = printer->arguments;
    printer->arguments = tree->u.s_binary.right;
    print_name(printer, tree->u.s_binary.left);
    printer->arguments = outer;
}

static void print_prefixed(struct printer *printer, const char *prefix, node *tree)
{
    put(printer, prefix);
    print_function(printer, tree->u.s_binary.left);
}

static void print_node(struct printer *printer, node *tree)
{
    switch (tree->type) {
    case DEMANGLE_COMPONENT_NAME:
        sp_demangle_append(printer->text, tree->u.s_name.s, (size_t)tree->u.s_name.len);
        break;
    case DEMANGLE_COMPONENT_SUB_STD:
        print_standard(printer, tree);
        break;
    case DEMANGLE_COMPONENT_QUAL_NAME:
        print_name(printer, tree->u.s_binary.left);
        put(printer, "::");
        print_name(printer, tree->u.s_binary.right);
        break;
    case DEMANGLE_COMPONENT_LOCAL_NAME:
        print_local(printer, tree);
        break;
    case DEMANGLE_COMPONENT_TEMPLATE:
        print_template(printer, tree);
        break;
    case DEMANGLE_COMPONENT_TYPED_NAME: /* the name of a function, then its type */
    case DEMANGLE_COMPONENT_CLONE:
    case DEMANGLE_COMPONENT_RESTRICT_THIS:
    case DEMANGLE_COMPONENT_VOLATILE_THIS:
    case DEMANGLE_COMPONENT_CONST_THIS:
    case DEMANGLE_COMPONENT_REFERENCE_THIS:
    case DEMANGLE_COMPONENT_RVALUE_REFERENCE_THIS:
        print_name(printer, tree->u.s_binary.left);
        break;
    case DEMANGLE_COMPONENT_TAGGED_NAME:
        print_name(printer, tree->u.s_binary.left);
        put(printer, "[abi:");
        print_name(printer, tree->u.s_binary.right);
        put(printer, "]");
        break;
    case DEMANGLE_COMPONENT_CTOR:
        print_name(printer, tree->u.s_ctor.name);
        break;
    case DEMANGLE_COMPONENT_DTOR:
        put(printer, "~");
        print_name(printer, tree->u.s_dtor.name);
        break;
    case DEMANGLE_COMPONENT_LAMBDA:
        print_lambda(printer, tree);
        break;
    case DEMANGLE_COMPONENT_THUNK:
        print_prefixed(printer, "non-virtual thunk to ", tree);
        break;
    case DEMANGLE_COMPONENT_VIRTUAL_THUNK:
        print_prefixed(printer, "virtual thunk to ", tree);
        break;
    case DEMANGLE_COMPONENT_COVARIANT_THUNK:
        print_prefixed(printer, "covariant return thunk to ", tree);
        break;
    case DEMANGLE_COMPONENT_TLS_INIT:
        print_prefixed(printer, "TLS init function for ", tree);
        break;
    case DEMANGLE_COMPONENT_TLS_WRAPPER:
        print_prefixed(printer, "TLS wrapper function for ", tree);
        break;
    default: /* operators, conversions, unnamed types */
        printer->failed |= !print_small(printer, tree);
    }
}

/* Prints the name in a tree; every way down the tree comes through here. */
static void print_name(struct printer *printer, node *tree)
{
    if (!tree || printer->depth >= DEPTH_MAX || ++printer->nodes > NODES_MAX * 8)
        printer->failed = true;
    if (printer->failed || printer->text->is_full)
        return;
    printer->depth++;
    print_node(printer, tree);
    printer->depth--;
}

bool sp_demangle_cpp(const char *mangled, struct sp_demangle_text *text)
{
    void *memory = NULL;
    node *tree = cplus_demangle_v3_components(mangled, DMGL_NO_OPTS, &memory);
    if (!tree)
        return false;
    struct printer printer = {.text = text};
    print_name(&printer, tree);
    free(memory);
    return !printer.failed;
}
