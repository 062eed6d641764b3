/*
 * Tests of src/symbolize/elf_plt.c on files of several linkers and CPUs, made here; objdump says what is right.
 */
#include "symbolize/elf_symbols.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test_folder.h"

/* Calls functions through tables of the lazy kind, and one (stdout's and free's) whose address is also taken. */
static const char source[] = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
                             "static void (*volatile keep)(void *) = free;\n"
                             "int main(int n, char **words) { char *copy = strdup(words[0]); puts(copy);"
                             " if (n > 9) abort(); printf(\"%d\", atoi(copy)); free(copy); keep(0);"
                             " return getenv(\"x\") != NULL; }\n";

static const char ifunc_source[] = "static int one(int x) { return x + 1; }\n"
                                   "static int (*choose(void))(int) { return one; }\n"
                                   "int chosen(int) __attribute__((ifunc(\"choose\")));\n"
                                   "int main(int n, char **words) { (void)words; return chosen(n); }\n";

static struct sp_elf_image open_subject(void)
{
    char path[64];
    struct sp_elf_image image;
    snprintf(path, sizeof(path), "%s/subject", test_folder);
    assert_int_equal(sp_elf_image_open_file(&image, path), 0);
    return image;
}

/* Compares each "address <name@plt>:" of objdump with ours; the number of them. */
static unsigned compare_with(const char *tools, const struct sp_elf_symbols *symbols)
{
    char command[256], line[1024], name[512];
    uint64_t address;
    unsigned n = 0;
    snprintf(command, sizeof(command), "%sobjdump -d %s/subject", tools, test_folder);
    FILE *lines = popen(command, "r");
    assert_non_null(lines);
    while (fgets(line, sizeof(line), lines)) {
        if (sscanf(line, "%" SCNx64 " <%511[^>]>:", &address, name) != 2)
            continue;
        size_t length = strlen(name);
        if (length < 5 || strcmp(name + length - 4, "@plt") != 0)
            continue;
        const char *ours = sp_elf_symbols_find(symbols, address);
        assert_string_equal(ours ? ours : "(none)", name);
        ours = sp_elf_symbols_find(symbols, address + 7);
        assert_string_equal(ours ? ours : "(none)", name);
        n++;
    }
    pclose(lines);
    return n;
}

static bool has_name(const struct sp_elf_symbols *symbols, const char *name)
{
    for (size_t i = 0; i < symbols->n; i++)
        if (strcmp(symbols->at[i].name, name) == 0)
            return true;
    return false;
}

/* Makes the subject by `command`, and compares before and after it is stripped. `tools` is the prefix of their names.
 */
static void compare(const char *command, const char *tools)
{
    char strip[64];
    snprintf(strip, sizeof(strip), "%sstrip subject", tools);
    if (!run_in_test_folder(command)) {
        print_message("skipped, cannot be built here: %s\n", command);
        return;
    }
    for (int is_stripped = 0; is_stripped < 2; is_stripped++) {
        struct sp_elf_image image = open_subject();
        struct sp_elf_symbols symbols;
        assert_int_equal(sp_elf_symbols_init(&symbols, &image), 0);
        assert_true(sp_elf_symbols_are_valid(&symbols));
        unsigned n = compare_with(tools, &symbols);
        print_message("%s: %u entries\n", command, n);
        static const char *const names[] = {"strdup@plt", "puts@plt", "abort@plt", "printf@plt", "getenv@plt"};
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            assert_true(has_name(&symbols, names[i]));
        sp_elf_symbols_done(&symbols);
        sp_elf_image_close(&image);
        assert_true(run_in_test_folder(strip));
    }
}

static void test_plt_entries_have_the_names_of_objdump(void **state)
{
    (void)state;
    char command[256];
    static const char *const native[] = {"cc -O1 s.c",
                                         "cc -O1 -no-pie s.c",
                                         "cc -O1 -Wl,-z,now s.c",
                                         "cc -O1 -Wl,-z,lazy -fcf-protection s.c -Wl,-z,ibtplt",
                                         "cc -O1 -Wl,-z,now -fcf-protection s.c -Wl,-z,ibtplt",
                                         "cc -O1 -fuse-ld=lld s.c",
                                         "cc -O1 -fuse-ld=gold s.c"};
    static const char *const arm[] = {"s.c", "-Wl,-z,now s.c", "-no-pie s.c",
                                      "-mbranch-protection=standard s.c -Wl,-z,force-bti", "-Wl,-z,pac-plt s.c"};
    for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++) {
        snprintf(command, sizeof(command), "%s -fno-builtin -o subject", native[i]);
        compare(command, "");
    }
    for (size_t i = 0; i < sizeof(arm) / sizeof(arm[0]); i++) {
        snprintf(command, sizeof(command), "aarch64-linux-gnu-gcc -fno-builtin -O1 -o subject %s", arm[i]);
        compare(command, "aarch64-linux-gnu-");
    }
}

/* A local ifunc's entry, in a program of each kind; objdump knows no name for it. */
static void test_plt_entries_of_ifuncs_have_their_names(void **state)
{
    (void)state;
    static const char *const commands[] = {"cc -O1 i.c -o subject", "cc -O1 -no-pie i.c -o subject",
                                           "cc -O1 -static i.c -o subject", "aarch64-linux-gnu-gcc -O1 i.c -o subject"};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!run_in_test_folder(commands[i])) {
            print_message("skipped, cannot be built here: %s\n", commands[i]);
            continue;
        }
        struct sp_elf_image image = open_subject();
        struct sp_elf_symbols symbols;
        assert_int_equal(sp_elf_symbols_init(&symbols, &image), 0);
        assert_true(sp_elf_symbols_are_valid(&symbols));
        assert_true(has_name(&symbols, "chosen@plt"));
        sp_elf_symbols_done(&symbols);
        sp_elf_image_close(&image);
    }
}

/* Damage in relocations, tables and headers: any answer will do, but one there must be. */
static void test_plt_damaged_files_do_no_harm(void **state)
{
    (void)state;
    if (!run_in_test_folder("cc -O1 -s s.c -o subject")) {
        print_message("no compiler\n");
        skip();
    }
    char path[64];
    snprintf(path, sizeof(path), "%s/subject", test_folder);
    FILE *file = fopen(path, "rb");
    static char bytes[65536], copy[65536];
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    unsigned seed = 7;
    for (int round = 0; round < 3000; round++) {
        memcpy(copy, bytes, size);
        for (int flips = 1 + round % 6; flips > 0; flips--) {
            size_t at = (size_t)rand_r(&seed), tail = size > 2048 ? size - 2048 : 0;
            at = flips % 2 ? 0x200 + at % 0xf00 : tail + at % (size - tail);
            copy[at % size] = (char)(rand_r(&seed) % 5 ? rand_r(&seed) : 0xff);
        }
        struct sp_elf_image image;
        struct sp_elf_symbols symbols;
        if (sp_elf_image_open_memory(&image, copy, size) != 0)
            continue;
        if (sp_elf_symbols_init(&symbols, &image) == 0) {
            assert_true(sp_elf_symbols_are_valid(&symbols));
            sp_elf_symbols_done(&symbols);
        }
        sp_elf_image_close(&image);
    }
}

static bool write_file(const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/%s", test_folder, name);
    FILE *file = fopen(path, "w");
    return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

static int set_up(void **state)
{
    return make_test_folder(state) == 0 && write_file("s.c", source) && write_file("i.c", ifunc_source) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plt_entries_have_the_names_of_objdump),
        cmocka_unit_test(test_plt_entries_of_ifuncs_have_their_names),
        cmocka_unit_test(test_plt_damaged_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, set_up, remove_test_folder);
}
