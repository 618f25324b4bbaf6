// Atomics on global and shared memory, for 32-bit and 64-bit integers and floats. Each returns
// the old value. Blocks run on several host threads, so these are real atomic operations.
#pragma once

namespace soft {
// Replaces *p by f(*p). T has 4 or 8 bytes.
template <class T, class F> T atomic_update(T *p, F f) {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    static_assert(sizeof(T) == sizeof(Bits), "atomics have 4 or 8 bytes");
    Bits *word = reinterpret_cast<Bits *>(p), old_bits = __atomic_load_n(word, __ATOMIC_RELAXED), new_bits;
    T old;
    do {
        memcpy(&old, &old_bits, sizeof old);
        T next = f(old);
        memcpy(&new_bits, &next, sizeof next);
    } while (!__atomic_compare_exchange_n(word, &old_bits, new_bits, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return old;
}
}  // namespace soft

// The second argument does not take part in deduction, so it converts as in CUDA.
template <class T> struct soft_same { using type = T; };
#define SOFT_ATOMIC(name, expression)                                            \
    template <class T> static inline T name(T *p, typename soft_same<T>::type v) { \
        return soft::atomic_update(p, [v](T old) { return static_cast<T>(expression); }); \
    }
SOFT_ATOMIC(atomicAdd, old + v)
SOFT_ATOMIC(atomicSub, old - v)
SOFT_ATOMIC(atomicAnd, old & v)
SOFT_ATOMIC(atomicOr, old | v)
SOFT_ATOMIC(atomicXor, old ^ v)
SOFT_ATOMIC(atomicMin, old < v ? old : v)
SOFT_ATOMIC(atomicMax, old > v ? old : v)
SOFT_ATOMIC(atomicExch, ((void)old, v))
#undef SOFT_ATOMIC

template <class T>
static inline T atomicCAS(T *p, typename soft_same<T>::type expected, typename soft_same<T>::type v) {
    return soft::atomic_update(p, [=](T old) { return old == expected ? v : old; });
}
