/*
 * Minidebuginfo through liblzma. See mini_debug.h.
 *
 * A few bytes of xz can stand for gigabytes, so the output is bounded by the input: symbol tables shrink to a fifth or
 * a tenth, never to a fiftieth.
 * Context: ordinary code of one thread at a time.
 */
#include "symbolize/mini_debug.h"

#include <errno.h>
#include <gelf.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

const bool sp_mini_debug_is_read = true;

#define RATIO_MAX 50
#define OUTPUT_MAX ((size_t)256 << 20)
/* What the decoder may take: enough for all that `xz -8` makes; files in the wild are made by `xz` without a level. */
#define DECODER_BYTES_MAX ((uint64_t)40 << 20)

/* The bytes of .gnu_debugdata, or NULL. */
static const Elf_Data *find_section(Elf *elf)
{
    size_t names;
    if (elf_getshdrstrndx(elf, &names) != 0)
        return NULL;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr header;
        const char *name;
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_PROGBITS &&
            (name = elf_strptr(elf, names, header.sh_name)) && strcmp(name, ".gnu_debugdata") == 0) {
            const Elf_Data *data = elf_getdata(section, NULL);
            return data && data->d_buf && data->d_size > 0 ? data : NULL;
        }
    }
    return NULL;
}

/* Decodes until the end of the stream, into memory that grows as the bytes come. */
static int decode(lzma_stream *stream, size_t limit, char **out, size_t *size)
{
    size_t capacity = 0;
    lzma_ret result = LZMA_OK;
    *out = NULL;
    while (result == LZMA_OK) {
        size_t grown = capacity ? 2 * capacity : 65536;
        char *bytes = capacity < limit ? realloc(*out, grown < limit ? grown : limit) : NULL;
        if (!bytes)
            return capacity < limit ? -ENOMEM : -EBADMSG;
        *out = bytes;
        stream->next_out = (uint8_t *)bytes + capacity;
        stream->avail_out = (grown < limit ? grown : limit) - capacity;
        capacity += stream->avail_out;
        result = lzma_code(stream, LZMA_FINISH);
    }
    *size = (size_t)stream->total_out;
    return result == LZMA_STREAM_END ? 0 : result == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static int decompress(const Elf_Data *data, char **out, size_t *size)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_ret result = lzma_stream_decoder(&stream, DECODER_BYTES_MAX, 0);
    if (result != LZMA_OK)
        return -ENOMEM;
    stream.next_in = data->d_buf;
    stream.avail_in = data->d_size;
    size_t limit = data->d_size < OUTPUT_MAX / RATIO_MAX ? data->d_size * RATIO_MAX : OUTPUT_MAX;
    int error = decode(&stream, limit, out, size);
    lzma_end(&stream);
    return error;
}

int sp_mini_debug_open(const struct sp_elf_image *image, struct sp_elf_image **out)
{
    const Elf_Data *data = find_section(image->elf);
    if (!data)
        return -ENOENT;
    char *bytes = NULL;
    size_t size = 0;
    struct sp_elf_image *mini = malloc(sizeof(*mini));
    int error = mini ? decompress(data, &bytes, &size) : -ENOMEM;
    if (!error)
        error = sp_elf_image_open_memory(mini, bytes, size);
    free(bytes);
    if (error)
        free(mini);
    else
        *out = mini;
    return error;
}

void sp_mini_debug_close(struct sp_elf_image *mini)
{
    if (mini)
        sp_elf_image_close(mini);
    free(mini);
}
