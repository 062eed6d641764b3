/* Stepped through the C library and the dynamic linker: code that others built, in C and in assembly. */
#include "stepped_cases.h"

#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <regex.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

static void print(void)
{
    char text[256];
    snprintf(text, sizeof text, "%d %s %08lx %-10c|%5.2f %g %a %Lf %%", 42, "forty-two", 42UL, 'x', 3.14159, 1e100, 0.1,
             (long double)2.5);
    stepped_require(strstr(text, "forty-two") != NULL);
    wchar_t wide[64];
    swprintf(wide, 64, L"%ls %d", L"wide", 7);
    FILE *file = fopen("/dev/null", "w");
    stepped_require(file != NULL);
    fprintf(file, "%s\n", text);
    fputs(text, file);
    fclose(file);
    int number = 0;
    stepped_require(sscanf("17 apples", "%d", &number) == 1 && number == 17);
}

static void allocate(void)
{
    enum { N = 40 };
    void *blocks[N];
    for (size_t i = 0; i < N; i++)
        blocks[i] = malloc(8 + i * i * 7);
    for (size_t i = 0; i < N; i += 2)
        free(blocks[i]);
    for (size_t i = 1; i < N; i += 2)
        blocks[i] = realloc(blocks[i], 16 + i * 40);
    for (size_t i = 0; i < N; i += 2)
        blocks[i] = calloc(i + 1, 24);
    for (size_t i = 0; i < N; i++)
        free(blocks[i]);
    free(malloc(1 << 20)); /* by mmap */
    free(aligned_alloc(64, 640));
    stepped_require(blocks[0] != NULL);
}

static stepped_never_inlined int compare_numbers(const void *left, const void *right)
{
    const int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

struct wide_element {
    int key;
    char rest[60];
};

static void sort(void)
{
    int numbers[64];
    struct wide_element wide[24];
    for (int i = 0; i < 64; i++)
        numbers[i] = i * 37 % 64;
    for (int i = 0; i < 24; i++)
        wide[i].key = i * 7 % 24;
    qsort(numbers, 64, sizeof *numbers, compare_numbers);
    qsort(wide, 24, sizeof *wide, compare_numbers);
    const int key = 17;
    stepped_require(bsearch(&key, numbers, 64, sizeof *numbers, compare_numbers) == &numbers[17]);
    stepped_require(wide[23].key == 23);
}

static void read_clocks(void)
{
    struct timespec now;
    struct timeval then;
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC,          CLOCK_MONOTONIC_RAW,
                                       CLOCK_BOOTTIME, CLOCK_REALTIME_COARSE,    CLOCK_MONOTONIC_COARSE,
                                       CLOCK_TAI,      CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
        stepped_require(clock_gettime(clocks[i], &now) == 0);
    stepped_require(clock_getres(CLOCK_MONOTONIC, &now) == 0);
    stepped_require(gettimeofday(&then, NULL) == 0 && time(NULL) >= then.tv_sec);
}

/* Sizes on each side of what the implementations distinguish, at even and odd addresses. */
static void move_memory(void)
{
    static char from[8192 + 64], to[8192 + 64];
    static const size_t sizes[] = {0,   1,   3,   7,   8,   15,  16,  31,   32,   33,   63,   64,  65,
                                   127, 128, 129, 255, 256, 257, 511, 1024, 1500, 2047, 4096, 8192};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t size = sizes[i];
        for (size_t shift = 0; shift < 2; shift++) {
            memset(from + shift, 'a' + (int)i, size);
            from[shift + size] = '\0';
            memcpy(to, from + shift, size + 1);
            stepped_require(memcmp(to, from + shift, size + 1) == 0);
            memmove(to + 7, to, size);
            memmove(to, to + 7, size);
        }
    }
}

static void search_strings(void)
{
    static char text[2100], copy[2100];
    static const size_t sizes[] = {0, 1, 15, 31, 33, 64, 100, 255, 512, 2047};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(text, 'b', sizes[i]);
        text[sizes[i]] = '\0';
        stepped_require(strlen(text) == sizes[i] && strnlen(text, sizeof text) == sizes[i]);
        stepped_require(strchr(text, 'c') == NULL && strrchr(text, 'c') == NULL && memchr(text, 'c', sizes[i]) == NULL);
        strcpy(copy, text);
        stepped_require(strcmp(copy, text) == 0 && strncmp(copy, text, sizes[i]) == 0 && strcasecmp(copy, text) == 0);
        strncpy(copy, text, sizeof copy - 1);
        stpcpy(copy, text);
        strcat(copy, "end");
        stepped_require(strstr(copy, "bend") != NULL || sizes[i] == 0);
        stepped_require(strspn(text, "b") == sizes[i] && strcspn(text, "x") == sizes[i]);
    }
}

/* Most of these are called for the first time: the dynamic linker binds them now. */
static void bind_lazily(void)
{
    volatile double x = 0.3;
    double sum =
        sin(x) + cos(x) + tan(x) + asin(x) + acos(x) + atan(x) + exp(x) + log(x) + pow(x, x) + sqrt(x) + cbrt(x);
    sum += sinh(x) + cosh(x) + tanh(x) + exp2(x) + log2(x) + log10(x) + erf(x) + tgamma(x) + fmod(x, 0.2) + hypot(x, x);
    sum += atan2(x, x) + floor(x) + ceil(x) + rint(x) + fma(x, x, x) + ldexp(x, 3) + j0(x) + expm1(x) + log1p(x);
    stepped_require(sum > 0);
    char text[64];
    const time_t zero = 0;
    struct tm tm;
    stepped_require(gmtime_r(&zero, &tm) != NULL && strftime(text, sizeof text, "%F %T %A", &tm) > 0);
    stepped_require(getenv("PATH") != NULL && getpid() > 1 && access("/", R_OK) == 0 && labs(-3) == 3);
    stepped_require(strtod("1.5e3", NULL) == 1500 && strtol("77", NULL, 8) == 63 && atoi("12") == 12);
}

static void match_expression(void)
{
    regex_t expression;
    regmatch_t match[3];
    stepped_require(regcomp(&expression, "([a-z]+)-([0-9]+)", REG_EXTENDED) == 0);
    stepped_require(regexec(&expression, "see issue-4", 3, match, 0) == 0 && match[2].rm_so == 10);
    regfree(&expression);
}

static char plugins[2][PATH_MAX];

static void name_plugins(void)
{
    char self[PATH_MAX - 32];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    stepped_require(n > 0);
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(plugins[0], PATH_MAX, "%s/oracle_plugin_a.so", self);
    snprintf(plugins[1], PATH_MAX, "%s/oracle_plugin_b.so", self);
}

/* Two libraries with the same addresses inside and other frames: the second comes to where the first was. */
static void load_plugins(void)
{
    for (int i = 0; i < 4; i++) {
        void *handle = dlopen(plugins[i % 2], RTLD_LAZY);
        stepped_require(handle != NULL);
        int (*work)(int) = (int (*)(int))dlsym(handle, "plugin_work");
        stepped_require(work != NULL && work(5) == 55 + i % 2);
        stepped_require(dlsym(handle, "no_such_name") == NULL && dlerror() != NULL);
        stepped_require(dlclose(handle) == 0);
    }
}

static const struct stepped_case cases[] = {
    {"printf", NULL, print},      {"malloc", NULL, allocate},        {"qsort", NULL, sort},
    {"clock", NULL, read_clocks}, {"memory", NULL, move_memory},     {"strings", NULL, search_strings},
    {"lazy", NULL, bind_lazily},  {"regex", NULL, match_expression}, {"dlopen", name_plugins, load_plugins},
};

int main(int argc, char **argv)
{
    return stepped_main(cases, sizeof cases / sizeof *cases, argc, argv);
}
