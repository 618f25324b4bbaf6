// A program that calls the driver as a C program would, one scenario for each run: scenarios
// need knobs of their own, and knobs are read once.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cuda_abi.h"

// The functions that are called, found by name in the library that was opened.
#define CALLS(X)                                                                                                    \
    X(cuInit, (unsigned))                                                                                           \
    X(cuDeviceGetCount, (int *))                                                                                    \
    X(cuDeviceGet, (CUdevice *, int))                                                                               \
    X(cuDeviceGetName, (char *, int, CUdevice))                                                                     \
    X(cuDeviceGetAttribute, (int *, int, CUdevice))                                                                 \
    X(cuDeviceTotalMem_v2, (size_t *, CUdevice))                                                                    \
    X(cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                                                            \
    X(cuDevicePrimaryCtxRelease_v2, (CUdevice))                                                                     \
    X(cuCtxSetCurrent, (CUcontext))                                                                                 \
    X(cuCtxGetCurrent, (CUcontext *))                                                                               \
    X(cuCtxGetDevice, (CUdevice *))                                                                                 \
    X(cuMemcpyHtoD_v2, (CUdeviceptr, const void *, size_t))                                                         \
    X(cuMemcpyDtoH_v2, (void *, CUdeviceptr, size_t))                                                               \
    X(cuMemcpyDtoD_v2, (CUdeviceptr, CUdeviceptr, size_t))                                                          \
    X(cuMemsetD8_v2, (CUdeviceptr, unsigned char, size_t))                                                          \
    X(cuCtxSynchronize, ())                                                                                         \
    X(cuMemGetInfo_v2, (size_t *, size_t *))                                                                        \
    X(cuMemAlloc_v2, (CUdeviceptr *, size_t))                                                                       \
    X(cuMemFree_v2, (CUdeviceptr))                                                                                  \
    X(cuMemHostAlloc, (void **, size_t, unsigned))                                                                  \
    X(cuMemFreeHost, (void *))                                                                                      \
    X(cuMemHostRegister_v2, (void *, size_t, unsigned))                                                             \
    X(cuMemHostUnregister, (void *))                                                                                \
    X(cuMemcpyHtoDAsync_v2, (CUdeviceptr, const void *, size_t, CUstream))                                          \
    X(cuMemcpyDtoHAsync_v2, (void *, CUdeviceptr, size_t, CUstream))                                                \
    X(cuMemcpyDtoDAsync_v2, (CUdeviceptr, CUdeviceptr, size_t, CUstream))                                           \
    X(cuMemsetD8Async, (CUdeviceptr, unsigned char, size_t, CUstream))                                              \
    X(cuStreamCreate, (CUstream *, unsigned))                                                                       \
    X(cuStreamDestroy_v2, (CUstream))                                                                               \
    X(cuStreamSynchronize, (CUstream))                                                                              \
    X(cuStreamQuery, (CUstream))                                                                                    \
    X(cuStreamWaitEvent, (CUstream, CUevent, unsigned))                                                             \
    X(cuEventCreate, (CUevent *, unsigned))                                                                         \
    X(cuEventDestroy_v2, (CUevent))                                                                                 \
    X(cuEventRecord, (CUevent, CUstream))                                                                           \
    X(cuEventSynchronize, (CUevent))                                                                                \
    X(cuEventElapsedTime, (float *, CUevent, CUevent))                                                              \
    X(cuModuleLoadDataEx, (CUmodule *, const void *, unsigned, int *, void **))                                     \
    X(cuModuleUnload, (CUmodule))                                                                                   \
    X(cuModuleGetFunction, (CUfunction *, CUmodule, const char *))                                                  \
    X(cuFuncGetAttribute, (int *, int, CUfunction))                                                                 \
    X(cuFuncSetAttribute, (CUfunction, int, int))                                                                   \
    X(cuLaunchKernel, (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, \
                       void **, void **))
#define X(name, parameters) extern CUresult(*name) parameters;
CALLS(X)
#undef X

// Ends the program if a call gives another result than wanted.
#define WANT(result, call) want(result, call, #call, __FILE__, __LINE__)
#define OK(call) WANT(SUCCESS, call)
void want(CUresult wanted, CUresult got, const char *call, const char *file, int line);

// Ends the program if the condition does not hold.
#define EXPECT(condition) \
    if (!(condition)) fail(#condition, __FILE__, __LINE__)
[[noreturn]] void fail(const char *what, const char *file, int line);

// The PTX that declares what probe.cu defines.
extern std::string probe_ptx;

// The first device, ready to work with.
struct Gpu {
    CUcontext context = nullptr;
    CUmodule module = nullptr;
    CUstream stream = nullptr;
    Gpu();
    void close();  // releases everything; what is made through Gpu otherwise is the scenario's
    CUfunction kernel(const char *name);
    CUdeviceptr alloc(size_t bytes);
    template <class T = char> T *pinned(size_t count) {
        void *p = nullptr;
        OK(cuMemHostAlloc(&p, count * sizeof(T), 0));
        return static_cast<T *>(p);
    }
    template <class... A> CUresult launch(const char *name, unsigned grid, unsigned block, unsigned shared, CUstream s, A... a) {
        void *arguments[] = {&a..., nullptr};
        return cuLaunchKernel(kernel(name), grid, 1, 1, block, 1, 1, shared, s, arguments, nullptr);
    }
};

// A scenario and its name on the command line.
struct Scenario {
    const char *name;
    void (*run)();
};
extern const std::vector<Scenario> copies, kernels, failures;
