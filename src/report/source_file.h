/*
 * The lines of source files.
 *
 * Place on the way of a sample: under the reports that show source lines.
 *
 * Representation: a file is read whole, once, and what was read last is kept, a few files with their texts: functions
 * of one file follow each other in a report, mostly. A file that cannot be read is remembered, too.
 *
 *   text     int main(void)\r\n{\n\n}          CRLF or LF; the last one may be missing
 *   starts   0               15 17 18 19       [n_lines + 1]
 *
 * Context: ordinary code of one thread.
 */
#ifndef SIGPROF_REPORT_SOURCE_FILE_H
#define SIGPROF_REPORT_SOURCE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A larger file is not read: -EFBIG. The largest that people have are made by programs, and have 10 MB. */
enum { SP_SOURCE_FILE_BYTES = 32 << 20 };

struct sp_source_file {
    char *path; /* as asked for */
    char *text;
    uint32_t *starts;
    size_t n_lines;
    int error; /* -errno: why there are no lines; -EBADMSG: no regular file */
};

struct sp_source_files;

/* Where files are looked for is sp_open_source's rule. The texts may be NULL, and outlive it. NULL without memory. */
struct sp_source_files *sp_source_files_new(const char *source_path, const char *trim_path);
void sp_source_files_free(struct sp_source_files *files);

/* The file of a profile's path, good until the next call; NULL: no memory. */
const struct sp_source_file *sp_source_files_get(struct sp_source_files *files, const char *path);

/* Line `number`, from 1, without its end: its first byte and its length; NULL: there is no such line. */
const char *sp_source_line(const struct sp_source_file *file, int64_t number, size_t *length);

/* Writes why the file has no lines as pprof says it: "open /a.c: no such file or directory". */
void sp_source_error_text(const struct sp_source_files *files, const struct sp_source_file *file, char *text,
                          size_t text_size);

#endif
