/*
 * Atomics with the order in the name, so that each use shows what it relies on.
 *
 * Place: below everything. Context: signal handler, any thread, collector. All operands are C11 atomics of at most
 * 8 bytes, which are lock-free and address-free on x86-64 and aarch64, so they also work between two processes that
 * share the memory.
 */
#ifndef SIGPROF_HANDLER_ORDER_H
#define SIGPROF_HANDLER_ORDER_H

#include <stdatomic.h>

#define sp_load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define sp_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define sp_load_seq_cst(p) atomic_load_explicit((p), memory_order_seq_cst)
#define sp_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define sp_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define sp_store_seq_cst(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)
#define sp_exchange_acquire(p, v) atomic_exchange_explicit((p), (v), memory_order_acquire)
#define sp_exchange_seq_cst(p, v) atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define sp_add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define sp_add_seq_cst(p, v) atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define sp_or_relaxed(p, v) atomic_fetch_or_explicit((p), (v), memory_order_relaxed)
#define sp_sub_release(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_release)
/* Strong compare-and-swap; `expected` is a pointer and is updated on failure. */
#define sp_cas_seq_cst(p, expected, v) \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_seq_cst, memory_order_seq_cst)

#endif
