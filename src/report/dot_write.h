/*
 * Pieces of the language of graphviz, as pprof writes them.
 * Place on the way of a sample: under the drawing of a graph. Context: ordinary code.
 */
#ifndef SIGPROF_REPORT_DOT_WRITE_H
#define SIGPROF_REPORT_DOT_WRITE_H

#include "report/graph.h"

/* Writes a text for between quotes. */
void sp_dot_text(const char *text, FILE *out);
/* Writes a node's name, on one line or (abbreviated) on several: 0 or -ENOMEM. */
int sp_dot_name(const struct sp_node *node, FILE *out);
int sp_dot_box_name(const struct sp_node *node, FILE *out);
/* Writes the colour of a share of the total: from green (-1) over grey to red (1); pale for what is behind text. */
void sp_dot_color(int64_t value, int64_t total, bool is_background, FILE *out);

#endif
