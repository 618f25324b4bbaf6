// Kernels for the tests of the software driver: one for each thing that a kernel can do or do
// wrong.
#include "soft_cuda.h"

struct Affine {
    float a, b;
    int n;
};

// out[i] = a*x[i] + y[i], one rounding
KERNEL(probe_saxpy, 256, float a, const float *x, const float *y, float *out, long long n) {
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) out[i] = fmaf(a, x[i], y[i]);
}

// x[i] = a*x[i] + b for i < n, with the numbers in a struct
KERNEL(probe_affine, 1024, Affine p, float *x) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < p.n) x[i] = fmaf(p.a, x[i], p.b);
}

// partial[block] = sum of x over the block's grid-stride share: shuffles, then shared memory
KERNEL(probe_sum, 1024, const float *x, float *partial, int n) {
    __shared__ float warp_sum[32];
    float s = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) s += x[i];
    for (int d = 16; d > 0; d >>= 1) s += __shfl_down_sync(0xffffffffu, s, d);
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    if (lane == 0) warp_sum[warp] = s;
    __syncthreads();
    if (warp != 0) return;
    s = lane < (int)((blockDim.x + 31) >> 5) ? warp_sum[lane] : 0.f;
    for (int d = 16; d > 0; d >>= 1) s += __shfl_down_sync(0xffffffffu, s, d);
    if (lane == 0) partial[blockIdx.x] = s;
}

// reverses each block's share of x through dynamic shared memory
KERNEL(probe_reverse, 1024, float *x) {
    DYNAMIC_SHARED(float, tile);
    float *mine = x + (long long)blockIdx.x * blockDim.x;
    tile[threadIdx.x] = mine[threadIdx.x];
    __syncthreads();
    mine[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

// bins[x[i]]++ from all blocks at once
KERNEL(probe_histogram, 256, const unsigned char *x, unsigned *bins, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&bins[x[i]], 1u);
}

// out[0] = static, out[1] = dynamic shared memory that nothing was written to
KERNEL(probe_uninitialised, 32, unsigned *out) {
    __shared__ unsigned fixed[64];
    DYNAMIC_SHARED(unsigned, tile);
    if (out[0] == 12345) fixed[63] = tile[0] = 0;  // never; or the compiler would know what is in them
    out[0] = fixed[63];
    out[1] = tile[0];
}

// p[i] = 1, wherever that is
KERNEL(probe_store, 1, char *p, long long i) { p[i] = 1; }

// out[0] = a sum over n frames of 1 KiB, each in a call of its own
static __device__ __noinline__ float frames(int n, float x) {
    volatile float frame[256];
    frame[n % 256] = x;
    return n > 0 ? frames(n - 1, x + 1) + frame[n % 256] : x;
}
KERNEL(probe_stack, 1, float *out, int n) { out[0] = frames(n, 0); }

// out[0] = a / b
KERNEL(probe_divide, 1, int *out, int a, int b) { out[0] = a / b; }

// odd threads wait at the barrier, even ones for all lanes of the warp
KERNEL(probe_deadlock, 64, float *x) {
    if (threadIdx.x & 1) __syncthreads();
    else x[threadIdx.x] = __shfl_sync(0xffffffffu, x[0], 0);
}

// the neighbour's number through shared memory, without the barrier that it needs
KERNEL(probe_race, 256, unsigned *out) {
    __shared__ unsigned tile[256];
    tile[threadIdx.x] = threadIdx.x;
    out[threadIdx.x] = tile[threadIdx.x ? threadIdx.x - 1 : blockDim.x - 1];
}

// out[block] = block, then a trap in block 3
KERNEL(probe_trap, 32, unsigned *out) {
    out[blockIdx.x] = blockIdx.x;
    if (blockIdx.x == 3) __trap();
}
