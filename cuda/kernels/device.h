// What a .cu file of this folder is written in: a small part of CUDA C++ and a few types.
// The same text is compiled by clang for a GPU, without any file of NVIDIA's, and by a host
// compiler into the software driver (SOFTCUDA).
#pragma once

#ifdef SOFTCUDA
#include "soft_cuda.h"
#define GLOBAL
#else
#include "device_ptx.h"
#define GLOBAL __attribute__((address_space(1)))
#endif

// Loops whose trip count is known become straight code, so that the arrays they index live in
// registers: indexing by a variable would need a stack frame. ROLLED loops keep code short; a host
// compiler does there as it likes.
#if defined(SOFTCUDA)
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define ROLLED
#else
#define UNROLL _Pragma("unroll")
#define ROLLED _Pragma("nounroll")
#endif
#define DEVICE static __device__ __forceinline__
#define DEVICE_MEMBER __device__ __forceinline__

// The thread and the size of its block, read again at every use where they are seldom needed:
// what is computed from threadIdx would be kept in registers through all loops.
#if defined(SOFTCUDA)
DEVICE unsigned this_thread() { return threadIdx.x; }
DEVICE unsigned all_threads() { return blockDim.x; }
#else
DEVICE unsigned this_thread() {
    unsigned v;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(v));
    return v;
}
DEVICE unsigned all_threads() {
    unsigned v;
    asm volatile("mov.u32 %0, %%ntid.x;" : "=r"(v));
    return v;
}
#endif

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

// Memory is read and written as integers, whatever is in it.
typedef u8 m8 __attribute__((may_alias));
typedef u16 m16 __attribute__((may_alias));
typedef u32 m32 __attribute__((may_alias));
typedef u64 m64 __attribute__((may_alias));
typedef u32 m32x4 __attribute__((vector_size(16), may_alias));
typedef u64 m64x2 __attribute__((vector_size(16), may_alias));

// An address of global memory as T, to be read or written.
template <class T> DEVICE GLOBAL T *at(u64 address) { return (GLOBAL T *)address; }

template <class To, class From> DEVICE To bits_as(From v) { return __builtin_bit_cast(To, v); }

DEVICE s64 least(s64 a, s64 b) { return a < b ? a : b; }

DEVICE s64 quotient(s64 a, s64 b) {  // of numbers that are not negative
    return (u64(a | b) >> 32) == 0 ? s64(u32(a) / u32(b)) : a / b;
}
