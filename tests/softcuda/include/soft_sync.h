// Barriers, shuffles, votes and fences. A lane that a mask names but that never arrives is a
// deadlock, which the driver reports as CUDA_ERROR_LAUNCH_FAILED.
#pragma once

static inline void __syncthreads() { soft::sync_threads(); }
static inline int __syncthreads_count(int p) { return static_cast<int>(soft::sync_threads_count(p != 0)); }
static inline int __syncthreads_or(int p) { return soft::sync_threads_count(p != 0) != 0; }
static inline int __syncthreads_and(int p) { return soft::sync_threads_count(p == 0) == 0; }
static inline void __syncwarp(unsigned mask = ~0u) { soft::ballot(mask, false); }
static inline unsigned __ballot_sync(unsigned mask, int p) { return soft::ballot(mask, p != 0); }
static inline int __any_sync(unsigned mask, int p) { return soft::ballot(mask, p != 0) != 0; }
static inline int __all_sync(unsigned mask, int p) { return soft::ballot(mask, p == 0) == 0; }

namespace soft {
template <class T> T shuffle_as(unsigned mask, T value, int source) {
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>, "at most 8 bytes are shuffled");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = shuffle(mask, bits, source);
    memcpy(&value, &bits, sizeof value);
    return value;
}
// The lane at `source` if it is in the caller's segment of `width` lanes, else the caller.
inline int in_segment(int source, int width) {
    int own = lane(), segment = ~(width - 1);
    return source >= 0 && (source & segment) == (own & segment) ? source : own;
}
}  // namespace soft

template <class T> static inline T __shfl_sync(unsigned mask, T v, int source, int width = 32) {
    return soft::shuffle_as(mask, v, (soft::lane() & ~(width - 1)) | (source & (width - 1)));
}
template <class T> static inline T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32) {
    return soft::shuffle_as(mask, v, soft::in_segment(soft::lane() + static_cast<int>(delta), width));
}
template <class T> static inline T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32) {
    return soft::shuffle_as(mask, v, soft::in_segment(soft::lane() - static_cast<int>(delta), width));
}
template <class T> static inline T __shfl_xor_sync(unsigned mask, T v, int bits, int width = 32) {
    return soft::shuffle_as(mask, v, soft::in_segment(soft::lane() ^ bits, width));
}

static inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __trap() { soft::trap(); }
