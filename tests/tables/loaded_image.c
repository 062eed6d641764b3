/* See loaded_image.h. */
#include "loaded_image.h"

#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "own_reader.h"

#if defined(__x86_64__)
enum { OWN_CPU = EM_X86_64 };
#else
enum { OWN_CPU = EM_AARCH64 };
#endif

static uintptr_t page_of(uintptr_t address)
{
    return address & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
}

/* Where an image that is mapped whole ends as a file: behind its section headers or its segments. */
static size_t file_bytes(const char *image)
{
    Elf64_Ehdr header;
    Elf64_Phdr phdr;
    memcpy(&header, image, sizeof header);
    size_t bytes = header.e_shoff + (size_t)header.e_shnum * header.e_shentsize;
    for (size_t i = 0; i < header.e_phnum; i++) {
        memcpy(&phdr, image + header.e_phoff + i * sizeof phdr, sizeof phdr);
        if (phdr.p_type == PT_LOAD && phdr.p_offset + phdr.p_filesz > bytes)
            bytes = phdr.p_offset + phdr.p_filesz;
    }
    return bytes;
}

/* The kernel's vDSO as a file; -1: there is none. */
static int open_vdso(void)
{
    const char *const vdso = (const char *)getauxval(AT_SYSINFO_EHDR); /* NOLINT: the kernel's promise */
    if (vdso == NULL)
        return -1;
    const size_t bytes = file_bytes(vdso);
    const int fd = memfd_create("vdso", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, vdso, bytes) != (ssize_t)bytes) {
        close(fd);
        return -1;
    }
    return fd;
}

static enum image_status check_header(Elf *elf, GElf_Ehdr *header)
{
    if (elf == NULL || elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, header) == NULL)
        return IMAGE_NOT_ELF;
    if (header->e_machine != OWN_CPU || gelf_getclass(elf) != ELFCLASS64)
        return IMAGE_OTHER_CPU;
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return IMAGE_NOT_LOADED;
    return IMAGE_READY;
}

/* The program header number `i`; false: there is none. */
static bool segment(Elf *elf, size_t i, GElf_Phdr *out)
{
    size_t n = 0;
    return elf_getphdrnum(elf, &n) == 0 && i < n && gelf_getphdr(elf, (int)i, out) != NULL;
}

/* Reserves the addresses of all segments: no byte of them can be read yet. */
static enum image_status reserve(struct loaded_image *image)
{
    GElf_Phdr phdr;
    uintptr_t low = UINTPTR_MAX, high = 0;
    for (size_t i = 0; segment(image->elf, i, &phdr); i++)
        if (phdr.p_type == PT_LOAD) {
            low = phdr.p_vaddr < low ? phdr.p_vaddr : low;
            high = phdr.p_vaddr + phdr.p_memsz > high ? phdr.p_vaddr + phdr.p_memsz : high;
        }
    if (low >= high)
        return IMAGE_NOT_LOADED;
    image->bytes = high - page_of(low);
    image->at = mmap(NULL, image->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (image->at == MAP_FAILED)
        return IMAGE_NOT_LOADED;
    image->base = (uintptr_t)image->at - page_of(low);
    return IMAGE_READY;
}

static enum image_status map_segments(const struct loaded_image *image)
{
    GElf_Phdr phdr;
    size_t bytes = 0;
    if (elf_rawfile(image->elf, &bytes) == NULL)
        return IMAGE_NOT_ELF;
    for (size_t i = 0; segment(image->elf, i, &phdr); i++) {
        if (phdr.p_type != PT_LOAD || phdr.p_filesz == 0)
            continue;
        if (phdr.p_offset > bytes || phdr.p_filesz > bytes - phdr.p_offset)
            return IMAGE_NO_CONTENTS;
        const uintptr_t before = phdr.p_vaddr - page_of(phdr.p_vaddr);
        char *const wanted = (char *)image->at + (page_of(phdr.p_vaddr) + image->base - (uintptr_t)image->at);
        if (mmap(wanted, phdr.p_filesz + before, PROT_READ, MAP_PRIVATE | MAP_FIXED, image->fd,
                 (off_t)(phdr.p_offset - before)) == MAP_FAILED)
            return IMAGE_NOT_LOADED;
    }
    return IMAGE_READY;
}

/* The section that is loaded at `address`. */
static bool section_at(Elf *elf, GElf_Addr address, GElf_Shdr *out)
{
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section != NULL; section = elf_nextscn(elf, section))
        if (gelf_getshdr(section, out) != NULL && (out->sh_flags & SHF_ALLOC) != 0 && out->sh_addr == address &&
            out->sh_size != 0)
            return true;
    return false;
}

static enum image_status find_tables(struct loaded_image *image)
{
    GElf_Phdr phdr, header = {0};
    GElf_Shdr section;
    for (size_t i = 0; segment(image->elf, i, &phdr); i++)
        if (phdr.p_type == PT_GNU_EH_FRAME)
            header = phdr;
    if (header.p_type != PT_GNU_EH_FRAME)
        return IMAGE_NO_HEADER;
    if (header.p_filesz < 8 || (section_at(image->elf, header.p_vaddr, &section) && section.sh_type == SHT_NOBITS))
        return IMAGE_NO_CONTENTS;
    for (size_t i = 0; segment(image->elf, i, &phdr); i++)
        if (phdr.p_type == PT_LOAD && header.p_vaddr - phdr.p_vaddr < phdr.p_filesz) {
            image->tables.low = image->base + phdr.p_vaddr;
            image->tables.high = image->tables.low + phdr.p_filesz;
        }
    if (image->tables.high == 0)
        return IMAGE_NO_CONTENTS;
    image->tables.header = image->base + header.p_vaddr;
    struct own_reader reader = {(const uint8_t *)image->at + (image->tables.header - (uintptr_t)image->at) + 4,
                                (const uint8_t *)image->tables.high, false}; /* NOLINT */
    image->frames = (uintptr_t)own_read_encoded(&reader, *(reader.at - 3), image->tables.header);
    if (reader.failed || image->frames < image->tables.low || image->frames >= image->tables.high)
        return IMAGE_SPLIT;
    image->frames_end = image->tables.high;
    image->has_sections = section_at(image->elf, image->frames - image->base, &section);
    if (image->has_sections && section.sh_size < image->frames_end - image->frames)
        image->frames_end = image->frames + section.sh_size;
    return IMAGE_READY;
}

enum image_status loaded_image_load(struct loaded_image *image, const char *path)
{
    GElf_Ehdr header;
    *image = (struct loaded_image){.at = MAP_FAILED};
    image->fd = strcmp(path, "vdso") == 0 ? open_vdso() : open(path, O_RDONLY | O_CLOEXEC);
    if (image->fd < 0)
        return IMAGE_NOT_ELF;
    image->elf = elf_begin(image->fd, ELF_C_READ_MMAP, NULL);
    enum image_status status = check_header(image->elf, &header);
    if (status == IMAGE_READY)
        status = reserve(image);
    if (status == IMAGE_READY)
        status = map_segments(image);
    if (status == IMAGE_READY)
        status = find_tables(image);
    if (status != IMAGE_READY)
        loaded_image_done(image);
    return status;
}

void loaded_image_drop_index(struct loaded_image *image)
{
    char *const header = image->at + (image->tables.header - (uintptr_t)image->at);
    char *const page = header - (image->tables.header - page_of(image->tables.header));
    const size_t bytes = (size_t)(header + 4 - page);
    if (mprotect(page, bytes, PROT_READ | PROT_WRITE) != 0)
        return;
    header[2] = header[3] = (char)DW_EH_PE_omit;
    mprotect(page, bytes, PROT_READ);
}

void loaded_image_done(struct loaded_image *image)
{
    if (image->at != MAP_FAILED)
        munmap(image->at, image->bytes);
    if (image->elf != NULL)
        elf_end(image->elf);
    if (image->fd >= 0)
        close(image->fd);
    *image = (struct loaded_image){.fd = -1, .at = MAP_FAILED};
}
