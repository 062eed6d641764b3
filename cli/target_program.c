/*
 * PATH, ELF headers and file modes.
 *
 * Place: see target_program.h. Context: ordinary code. The files are foreign: a short or odd one is let through, exec
 * will say what it is.
 */
#include "target_program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "command.h"

enum { SCRIPTS_DEEP = 4 };

static bool is_executable_file(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return false;
    if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return false;
    }
    return access(path, X_OK) == 0;
}

static int complain_about(const char *name, int error)
{
    if (error == ENOENT || error == ENOTDIR) {
        sp_complain("%s: command not found; check the name, or give the path", name);
        return SP_EXIT_NOT_FOUND;
    }
    sp_complain("%s: cannot be executed: %s; check its permissions", name, strerror(error));
    return SP_EXIT_NOT_EXECUTABLE;
}

int sp_program_find(const char *name, char path[PATH_MAX])
{
    const char *search = getenv("PATH");
    int error = ENOENT;
    if (strchr(name, '/') != NULL) {
        if (!is_executable_file(name))
            return complain_about(name, errno);
        snprintf(path, PATH_MAX, "%s", name);
        return SP_EXIT_OK;
    }
    for (const char *at = search != NULL ? search : "/bin:/usr/bin"; *name != '\0';) {
        const size_t length = strcspn(at, ":");
        snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, at, length > 0 ? "/" : "", name);
        if (is_executable_file(path))
            return SP_EXIT_OK;
        if (errno != ENOENT && errno != ENOTDIR)
            error = errno;
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    return complain_about(name, error);
}

/* ld.so(8), secure-execution mode: LD_PRELOAD with a slash is ignored when the program gains rights. */
static const char *gained_rights(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || geteuid() == 0)
        return NULL;
    if ((status.st_mode & S_ISUID) != 0 && status.st_uid != geteuid())
        return "is setuid";
    if ((status.st_mode & S_ISGID) != 0 && status.st_gid != getegid())
        return "is setgid";
    if (getxattr(path, "security.capability", NULL, 0) > 0)
        return "has file capabilities";
    return NULL;
}

/* Reads up to `size` bytes at `offset`; the number of bytes, 0 on any error. */
static size_t read_at(int fd, void *data, size_t size, uint64_t offset)
{
    const ssize_t got = pread(fd, data, size, (off_t)offset);
    return got > 0 ? (size_t)got : 0;
}

#if defined(__x86_64__)
enum { OWN_MACHINE = EM_X86_64 };
#else
enum { OWN_MACHINE = EM_AARCH64 };
#endif

/* The dynamic linker that the ELF file asks for: 1 and its path, or 0 when it is static, or -1 when not to be told. */
static int find_interpreter(int fd, const Elf64_Ehdr *head, char interpreter[PATH_MAX])
{
    for (unsigned i = 0; i < head->e_phnum; i++) {
        Elf64_Phdr segment;
        if (read_at(fd, &segment, sizeof segment, head->e_phoff + i * sizeof segment) != sizeof segment)
            return -1;
        if (segment.p_type != PT_INTERP)
            continue;
        const size_t length = segment.p_filesz < PATH_MAX ? segment.p_filesz : PATH_MAX - 1;
        interpreter[read_at(fd, interpreter, length, segment.p_offset)] = '\0';
        return 1;
    }
    return 0;
}

static int check_elf(const char *path, int fd, const Elf64_Ehdr *head)
{
    char interpreter[PATH_MAX];
    if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_machine != OWN_MACHINE) {
        sp_complain("%s is built for another kind of CPU or for 32 bits, and this sigprof cannot be preloaded into it",
                    path);
        return SP_EXIT_FAILED;
    }
    const int has = find_interpreter(fd, head, interpreter);
    if (has == 0) {
        sp_complain("%s is statically linked and ignores LD_PRELOAD, so sigprof cannot get into it; link it "
                    "dynamically, or link it with libsigprof.a and call sigprof_start",
                    path);
        return SP_EXIT_FAILED;
    }
    if (has > 0 && strstr(interpreter, "ld-musl") != NULL) {
        sp_complain("%s is linked with musl (%s), and this sigprof is built for glibc; build sigprof with musl", path,
                    interpreter);
        return SP_EXIT_FAILED;
    }
    return SP_EXIT_OK;
}

/* "#!/path argument\n" in line[0..n): the path, in place, or NULL. */
static char *script_interpreter(char *line, size_t n)
{
    if (n < 3 || line[0] != '#' || line[1] != '!')
        return NULL;
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    char *path = line + 2 + strspn(line + 2, " \t");
    path[strcspn(path, " \t")] = '\0';
    return *path != '\0' ? path : NULL;
}

static int check(const char *path, unsigned scripts_left)
{
    union {
        Elf64_Ehdr elf;
        char text[512];
    } head;
    const char *gained = gained_rights(path);
    if (gained != NULL) {
        sp_complain("%s %s: the dynamic linker ignores LD_PRELOAD in it, so sigprof cannot get into it; run sigprof as "
                    "its owner or as root, or record a copy without that bit",
                    path, gained);
        return SP_EXIT_FAILED;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* executable, but not readable: exec will do, we cannot look */
        return SP_EXIT_OK;
    const size_t got = read_at(fd, &head, sizeof head - 1, 0);
    int result = SP_EXIT_OK;
    char *interpreter = script_interpreter(head.text, got);
    if (got >= sizeof head.elf && memcmp(head.elf.e_ident, ELFMAG, SELFMAG) == 0)
        result = check_elf(path, fd, &head.elf);
    else if (interpreter != NULL && scripts_left > 0)
        result = check(interpreter, scripts_left - 1);
    close(fd);
    return result;
}

int sp_program_check(const char *path)
{
    return check(path, SCRIPTS_DEEP);
}

/* Joins and resolves; whether the file is there. */
static bool exists_at(const char *folder, const char *relative, char path[PATH_MAX])
{
    char joined[PATH_MAX + 256];
    snprintf(joined, sizeof joined, "%s/%s", folder, relative);
    return realpath(joined, path) != NULL;
}

int sp_preload_find(char path[PATH_MAX])
{
    static const char *const relatives[] = {
        "preload/libsigprof-preload.so",                        /* the build tree */
        SP_LIBDIR_FROM_BINDIR "/sigprof/libsigprof-preload.so", /* installed, wherever the prefix is now */
    };
    char folder[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    folder[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    for (unsigned i = 0; i < sizeof relatives / sizeof relatives[0]; i++) {
        if (!exists_at(folder, relatives[i], path))
            continue;
        if (strpbrk(path, " :") == NULL)
            return SP_EXIT_OK;
        sp_complain("the path %s has a space or a colon, which LD_PRELOAD cannot carry; install sigprof elsewhere",
                    path);
        return SP_EXIT_FAILED;
    }
    sp_complain("libsigprof-preload.so is neither in %s/preload nor in %s/%s/sigprof; install sigprof again", folder,
                folder, SP_LIBDIR_FROM_BINDIR);
    return SP_EXIT_FAILED;
}
