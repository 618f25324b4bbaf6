// The kernels of the tests of driver bindings. One text for two compilers: clang makes
// drivertest/kernels.ptx of it (scripts/driver-ptx.sh), and a host compiler builds it into the
// software driver (-DSOFTCUDA).
#ifdef SOFTCUDA
#include "soft_cuda.h"
#else
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef long long int64_t;
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define KERNEL(name, threads, ...) \
  extern "C" __attribute__((global)) __attribute__((launch_bounds(threads))) void name(__VA_ARGS__)
#define DYNAMIC_SHARED(T, name) extern __shared__ T name[]
#define BLOCK __nvvm_read_ptx_sreg_ctaid_x()
#define BLOCKS __nvvm_read_ptx_sreg_nctaid_x()
#define THREAD __nvvm_read_ptx_sreg_tid_x()
#define THREADS __nvvm_read_ptx_sreg_ntid_x()
static __device__ inline float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static __device__ inline void __trap() { __builtin_trap(); }
#endif
#ifdef SOFTCUDA
#define BLOCK blockIdx.x
#define BLOCKS gridDim.x
#define THREAD threadIdx.x
#define THREADS blockDim.x
#endif

struct Twelve { float a, b; uint32_t n; };                       // 12 bytes, aligned to 4
struct Mixed { uint8_t a; uint64_t b; uint16_t c; uint8_t d; };  // 24 bytes with holes
struct Large { uint32_t word[1020]; };                           // 4,080 bytes

// out[i] = fma(a, x[i], y[i]) for i < n
KERNEL(saxpy, 1024, float a, const float *x, const float *y, float *out, int64_t n) {
  for (int64_t i = (int64_t)BLOCK * THREADS + THREAD; i < n; i += (int64_t)BLOCKS * THREADS)
    out[i] = fmaf(a, x[i], y[i]);
}

// out[i] = the bits of parameter i
KERNEL(echo_scalars, 1, uint8_t a, uint16_t b, uint8_t c, uint32_t d, uint8_t e, uint64_t f,
       float g, double h, uint64_t *out) {
  union { float f; uint32_t u; } g_bits = {g};
  union { double d; uint64_t u; } h_bits = {h};
  out[0] = a, out[1] = b, out[2] = c, out[3] = d, out[4] = e, out[5] = f, out[6] = g_bits.u, out[7] = h_bits.u;
}

// out[i] = field i of the structs, in order, with numbers between them
KERNEL(echo_structs, 1, uint8_t a, Twelve t, uint8_t b, Mixed m, uint8_t c, uint64_t *out) {
  union { float f; uint32_t u; } ta = {t.a}, tb = {t.b};
  out[0] = a, out[1] = ta.u, out[2] = tb.u, out[3] = t.n, out[4] = b;
  out[5] = m.a, out[6] = m.b, out[7] = m.c, out[8] = m.d, out[9] = c;
}

// out[i] = word i of the struct, for i < n: 4,096 bytes of parameters
KERNEL(echo_large, 256, Large v, uint32_t *out, int64_t n) {
  for (int64_t i = THREAD; i < n; i += THREADS) out[i] = v.word[i];
}

// Each block reverses its part of x, through dynamic shared memory.
KERNEL(reverse_blocks, 256, uint32_t *x) {
  DYNAMIC_SHARED(uint32_t, part);
  uint32_t *own = x + (int64_t)BLOCK * THREADS;
  part[THREAD] = own[THREAD];
  __syncthreads();
  own[THREAD] = part[THREADS - 1 - THREAD];
}

// *x = 1, without a parameter that is a number
KERNEL(set_one, 1, uint32_t *x) { *x = 1; }

// A kernel without parameters that does nothing.
KERNEL(nothing, 1024) {}

// Kills the context.
KERNEL(crash, 1) { __trap(); }
