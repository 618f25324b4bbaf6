// CUDA's built-in names for clang with -nocudainc -nocudalib: no NVIDIA file is needed to make
// PTX. Names and meanings are those of the CUDA C++ programming guide.
#pragma once

#define __host__ __attribute__((host))
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __forceinline__ __inline__ __attribute__((always_inline))

// An entry point and the dynamic shared memory of its blocks (see soft_cuda.h, the twin). One
// block is asked for a multiprocessor, so that ptxas gives a thread the registers it needs:
// without the number it aims at more blocks and spills.
#define KERNEL(name, threads, ...) extern "C" __global__ __launch_bounds__(threads, 1) void name(__VA_ARGS__)
#define DYNAMIC_SHARED(T, name) extern __shared__ T name[]

// clang asks for this type even where no kernel is launched.
typedef struct dim3 { unsigned x, y, z; } dim3;

// Special registers, as members that are read.
#define SPECIAL_REGISTER(name, reg)                                                              \
    struct name##_t {                                                                            \
        __declspec(property(get = get_x)) unsigned x;                                            \
        static __device__ __forceinline__ unsigned get_x() { return __nvvm_read_ptx_sreg_##reg##_x(); } \
    };                                                                                           \
    extern const __device__ __attribute__((weak)) name##_t name;
SPECIAL_REGISTER(threadIdx, tid)
SPECIAL_REGISTER(blockIdx, ctaid)
SPECIAL_REGISTER(blockDim, ntid)
SPECIAL_REGISTER(gridDim, nctaid)
#undef SPECIAL_REGISTER

// __syncthreads is known to clang.

// Atomics on global memory, whose order with other accesses does not matter.
static __device__ __forceinline__ unsigned atomicOr(unsigned *p, unsigned v) { return __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }
static __device__ __forceinline__ unsigned long long atomicAdd(unsigned long long *p, unsigned long long v) {
    return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
}
static __device__ __forceinline__ unsigned long long atomicMax(unsigned long long *p, unsigned long long v) {
    return __nvvm_atom_max_gen_ull(p, v);
}
