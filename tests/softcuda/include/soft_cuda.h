// CUDA C++ for a host compiler: what a .cu file may use when it is compiled into the
// software driver (-DSOFTCUDA, C++17, -ffp-contract=off).
//
// Contract of a .cu file:
//
//   KERNEL(name, threads, parameters...) { body }
//       An entry point. `threads` is the largest block it may be launched with.
//       For a device compiler the same line means
//           extern "C" __global__ __launch_bounds__(threads) void name(parameters...)
//       Here it also registers the name and the sizes of the parameters, which are compared
//       with the PTX that the program loads. Parameters are trivially copyable.
//   __shared__ T name[n];          static shared memory, poisoned before the first block of a
//                                  launch (on each host thread); T has no constructor
//   DYNAMIC_SHARED(T, name);       the dynamic shared memory of the launch, poisoned before
//                                  every block; for a device compiler the same line means
//                                  extern __shared__ T name[]
//   __device__, __forceinline__, __noinline__, __constant__, threadIdx, blockIdx, blockDim,
//   gridDim, __syncthreads*, __syncwarp, __shfl_*_sync, __ballot_sync, atomics, bit casts,
//   rounding intrinsics: as in CUDA, below.
//
// A block runs on one host thread; blocks run side by side. A thread of a block is a plain call
// until it waits for others; then the threads continue as fibers. Nothing runs in parallel
// inside a block, so what a block computes is deterministic; no order of the threads is promised.
//
// What is missing on purpose: textures, cooperative groups, printf, new and delete,
// overflowing float-to-integer casts (use __float2int_rz and its family, which saturate).
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __constant__
#define __shared__ static __thread
#define __align__(n) __attribute__((aligned(n)))
#define warpSize 32

#define KERNEL(name, threads, ...)                                                               \
    extern "C" void name(__VA_ARGS__);                                                           \
    static const soft::Registration soft_entry_##name(soft::describe<&name>(__FILE__, #name, threads)); \
    extern "C" void name(__VA_ARGS__)
#define DYNAMIC_SHARED(T, name) T *const name = static_cast<T *>(soft::dynamic_shared())

struct uint3 { unsigned x, y, z; };

#include "soft_kernel.h"
#include "soft_vector.h"
#include "soft_sync.h"
#include "soft_atomic.h"
#include "soft_math.h"
