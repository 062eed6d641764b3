/*
 * Pieces of the language of graphviz. See dot_write.h.
 * Context: ordinary code.
 */
#include "report/dot_write.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"
#include "report/names.h"
#include "report/short_names.h"

void sp_dot_text(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\l", out);
        else
            fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
}

int sp_dot_name(const struct sp_node *node, FILE *out)
{
    char *name = sp_node_name_text(node);
    if (!name)
        return -ENOMEM;
    sp_dot_text(name, out);
    free(name);
    return 0;
}

/* The function's name with line breaks where its parts end. */
static void write_parts(const char *name, FILE *out)
{
    static const char generic[] = "[...]"; /* Go's type parameters */
    while (*name) {
        if (strncmp(name, "::", 2) == 0) {
            fputs("\\n", out);
            name += 2;
        } else if (strncmp(name, generic, strlen(generic)) == 0) {
            fputs("[…]", out);
            name += strlen(generic);
        } else if (*name == '.') {
            fputs("\\n", out);
            name++;
        } else {
            sp_dot_text((const char[]){*name++, '\0'}, out);
        }
    }
}

static int write_function(const char *name, FILE *out)
{
    char *copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    sp_name_abbreviate(copy);
    write_parts(copy, out);
    free(copy);
    return 0;
}

/* What of a name is not the function: "file.c:12:3", "[libc.so.6]", "<unknown>". */
static void write_place(const struct sp_node *node, FILE *out)
{
    size_t length = 0;
    const char *file = node->file[0] ? sp_base_name(node->file, &length) : "";
    fprintf(out, "%.*s", (int)length, file);
    if (node->line != 0)
        fprintf(out, ":%lld", (long long)node->line);
    if (node->line != 0 && node->column != 0)
        fprintf(out, ":%lld", (long long)node->column);
    if (node->line != 0 || node->file[0] != '\0')
        return;
    const char *object = sp_base_name(node->object, &length);
    if (node->object[0] != '\0')
        fprintf(out, "[%.*s]", (int)length, object);
    else
        fputs("<unknown>", out);
}

int sp_dot_box_name(const struct sp_node *node, FILE *out)
{
    int error = 0;
    if (node->address != 0)
        fprintf(out, "%016llx\\n", (unsigned long long)node->address);
    if (node->name[0] != '\0') {
        error = write_function(node->name, out);
        fputs("\\n", out);
    }
    if (node->name[0] == '\0' || node->line != 0 || node->file[0] != '\0') {
        write_place(node, out);
        fputs("\\n", out);
    }
    return error;
}

/* A part of a colour, from a number that may be none. */
static unsigned byte_of(double value)
{
    return (unsigned)(unsigned char)sp_truncated(value * 255);
}

void sp_dot_color(int64_t value, int64_t total, bool is_background, FILE *out)
{
    const double stretch = 0.3; /* moves values away from grey */
    double score = (double)value / (double)sp_magnitude(total);
    double saturation = is_background ? 0.1 : 1.0, brightness = is_background ? 0.93 : 0.7;
    score = score > 1 ? 1 : score < -1 ? -1 : score;
    if (fabs(score) < 0.2)
        saturation *= fabs(score) / 0.2;
    if (score != 0 && !isnan(score))
        score = copysign(pow(fabs(score), stretch), score);
    double red = score < 0 ? brightness * (1 + saturation * score) : brightness;
    double green = score < 0 ? brightness : brightness * (1 - saturation * score);
    double blue = brightness * (1 - saturation);
    fprintf(out, "#%02x%02x%02x", byte_of(red), byte_of(green), byte_of(blue));
}
