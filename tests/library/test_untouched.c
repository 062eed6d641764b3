/*
 * What the handler must leave alone: errno, the x87 and vector registers with their control words, and the red zone
 * below the stack pointer. Each thread computes something with one of them in a tight loop, once in peace and once
 * under samples at a high rate plus forced ones; the results are equal.
 */
#include "session/thread_start.h"
#include "sigprof/sigprof.h"

#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <stdatomic.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "force.h"

enum { ROUNDS = 2000 };

typedef uint64_t computation(void);

static uint64_t with_errno(void)
{
    uint64_t wrong = 0;
    for (int i = 0; i < ROUNDS * 100; i++) {
        errno = i;
        for (volatile int pause = 0; pause < 50; pause++)
            ;
        wrong += errno != i;
    }
    return wrong;
}

/* The rounding mode is in the control word: it has to survive, and shows in the sums. */
static uint64_t with_doubles(void)
{
    double sum = 0;
    fesetround(FE_TOWARDZERO);
    for (int i = 1; i < ROUNDS * 5000; i++)
        sum += 1.0 / (double)i;
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return fegetround() == FE_TOWARDZERO ? bits : 0;
}

static uint64_t with_long_doubles(void)
{
    long double sum = 0;
    fesetround(FE_UPWARD);
    for (int i = 1; i < ROUNDS * 2000; i++)
        sum += 1.0L / (long double)i;
    uint64_t bits = 0;
    memcpy(&bits, &sum, sizeof bits);
    return fegetround() == FE_UPWARD ? bits : 0;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t with_avx(void)
{
    if (!__builtin_cpu_supports("avx2"))
        return 0;
    __m256i a = _mm256_set_epi64x(1, 2, 3, 4), b = _mm256_set_epi64x(5, 6, 7, 8), c = a, d = b;
    for (int i = 0; i < ROUNDS * 10000; i++) {
        a = _mm256_add_epi64(a, _mm256_slli_epi64(b, 7));
        b = _mm256_xor_si256(b, _mm256_srli_epi64(a, 3));
        c = _mm256_sub_epi64(c, a);
        d = _mm256_xor_si256(_mm256_permute4x64_epi64(d, 0x39), c);
    }
    uint64_t words[4];
    _mm256_storeu_si256((__m256i *)(void *)words, _mm256_xor_si256(a, _mm256_add_epi64(d, _mm256_xor_si256(b, c))));
    return words[0] ^ words[1] << 1 ^ words[2] << 2 ^ words[3] << 3;
}

/* 16 words below the stack pointer, written, kept a while, compared. */
uint64_t red_zone_rounds(uint64_t n);
__asm__(".pushsection .text\n"
        ".globl red_zone_rounds\n"
        ".type red_zone_rounds,@function\n"
        "red_zone_rounds:\n"
        "  xor %eax, %eax\n"
        "1:\n"
        "  .set offset, 8\n"
        "  .rept 16\n"
        "  mov %rdi, -offset(%rsp)\n"
        "  .set offset, offset + 8\n"
        "  .endr\n"
        "  mov $500, %ecx\n"
        "2:\n"
        "  dec %ecx\n"
        "  jnz 2b\n"
        "  .set offset, 8\n"
        "  .rept 16\n"
        "  xor %edx, %edx\n"
        "  cmp %rdi, -offset(%rsp)\n"
        "  setne %dl\n"
        "  add %rdx, %rax\n"
        "  .set offset, offset + 8\n"
        "  .endr\n"
        "  dec %rdi\n"
        "  jnz 1b\n"
        "  ret\n"
        ".size red_zone_rounds, .-red_zone_rounds\n"
        ".popsection\n");

static uint64_t with_red_zone(void)
{
    return red_zone_rounds(ROUNDS * 200);
}
#endif

static const struct {
    const char *name;
    computation *compute;
} computations[] = {
    {"errno", with_errno}, {"doubles", with_doubles},   {"long doubles", with_long_doubles},
#if defined(__x86_64__)
    {"avx", with_avx},     {"red zone", with_red_zone},
#endif
};
enum { COMPUTATIONS = sizeof computations / sizeof *computations };

static struct worker {
    computation *compute;
    _Atomic pid_t tid;
    atomic_bool is_done;
    uint64_t result;
} workers[COMPUTATIONS];

static void *work(void *argument)
{
    struct worker *worker = argument;
    /* As libsigprof.so's pthread_create would have it do: this is the static library. */
    sp_session_begin_thread((uintptr_t)work, 0);
    atomic_store(&worker->tid, (pid_t)gettid());
    worker->result = worker->compute();
    atomic_store(&worker->is_done, true);
    return NULL;
}

/* Sends to each worker until all are done. */
static uint64_t force_until_done(void)
{
    uint64_t sent = 0;
    for (bool is_done = false; !is_done;) {
        is_done = true;
        for (unsigned i = 0; i < COMPUTATIONS; i++) {
            const pid_t tid = atomic_load(&workers[i].tid);
            if (atomic_load(&workers[i].is_done))
                continue;
            is_done = false;
            const uint64_t cookie = tid != 0 ? cookie_of_thread(tid) : 0;
            if (cookie != 0 && force_sample(tid, cookie) == 0)
                sent++;
        }
        usleep(20);
    }
    return sent;
}

int main(void)
{
    pthread_t threads[COMPUTATIONS];
    uint64_t expected[COMPUTATIONS];
    struct sigprof_options options;
    for (unsigned i = 0; i < COMPUTATIONS; i++) {
        workers[i].compute = computations[i].compute;
        require_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
        require_equal(pthread_join(threads[i], NULL), 0);
        expected[i] = workers[i].result;
    }
    require_equal(expected[0], 0);
    sigprof_options_init(&options);
    options.rate_hz = 20000;
    require_equal(sigprof_start(&options), 0);
    for (unsigned i = 0; i < COMPUTATIONS; i++) {
        workers[i].tid = 0;
        workers[i].is_done = false;
        require_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    const uint64_t sent = force_until_done();
    for (unsigned i = 0; i < COMPUTATIONS; i++) {
        require_equal(pthread_join(threads[i], NULL), 0);
        if (workers[i].result != expected[i])
            fprintf(stderr, "%s: another result under samples\n", computations[i].name);
        require(workers[i].result == expected[i]);
    }
    require_equal(sigprof_stop(), 0);
    struct sigprof_statistics statistics = {.struct_bytes = sizeof statistics};
    require_equal(sigprof_statistics(&statistics), 0);
    printf("%llu forced, %llu recorded\n", (unsigned long long)sent, (unsigned long long)statistics.recorded);
    require(statistics.recorded > 100); /* there were samples, or nothing was shown */
    return 0;
}
