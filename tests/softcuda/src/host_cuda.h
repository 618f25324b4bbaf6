// The kernel headers for the driver's own sources, which are not kernels: without the names
// that would get in the way.
#pragma once
#include "soft_cuda.h"
#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim
#undef KERNEL
