/* A program for the comparison of names: static functions inlined several deep, clones, parts that are never run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline int third(int x)
{
    return x % 7 ? x * 3 : x + 1;
}

static inline int second(int x)
{
    int sum = 0;
    for (int i = 0; i < x; i++)
        sum += third(x + i);
    return sum;
}

static inline int first(int x)
{
    return second(x) + third(x);
}

__attribute__((noinline)) static int constant_clone(int x, int mode)
{
    return mode == 3 ? first(x) : second(x) + mode;
}

__attribute__((cold, noinline)) static void fail(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(1);
}

__attribute__((noinline)) int hot_and_cold(const char *text);

int hot_and_cold(const char *text)
{
    size_t length = strlen(text);
    if (length > 100)
        fail("long");
    if (length == 99) {
        fprintf(stderr, "%zu is nearly long\n", length);
        abort();
    }
    return first((int)length);
}

static int compare(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    int numbers[64];
    for (int i = 0; i < 64; i++)
        numbers[i] = constant_clone(i * argc, 3);
    qsort(numbers, 64, sizeof(numbers[0]), compare);
    printf("%d %d\n", numbers[5], hot_and_cold(argv[0]));
    return 0;
}
