// The application binary interface of the CUDA driver, as far as it is used here, and one
// wrapper for each call. Nothing of NVIDIA's headers is needed: handles are pointers, sizes
// are size_t, and every function returns an int.
#ifndef MECHA_DRIVER_H
#define MECHA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

typedef unsigned long long mg_dptr;
typedef void *mg_handle; // context, stream, event, module, function

// Every function of the driver with its parameters. Where cuda.h maps a name to a newer
// version, the _v2 name is the one that drivers of CUDA 11, 12 and 13 all export.
#define MG_FUNCS(X)                                                                        \
  X(cuInit, (unsigned))                                                                    \
  X(cuDriverGetVersion, (int *))                                                           \
  X(cuGetErrorName, (int, const char **))                                                  \
  X(cuGetErrorString, (int, const char **))                                                \
  X(cuDeviceGetCount, (int *))                                                             \
  X(cuDeviceGet, (int *, int))                                                             \
  X(cuDeviceGetName, (char *, int, int))                                                   \
  X(cuDeviceGetAttribute, (int *, int, int))                                               \
  X(cuDeviceGetPCIBusId, (char *, int, int))                                               \
  X(cuDeviceTotalMem_v2, (size_t *, int))                                                  \
  X(cuDevicePrimaryCtxRetain, (mg_handle *, int))                                          \
  X(cuDevicePrimaryCtxRelease_v2, (int))                                                   \
  X(cuCtxSetCurrent, (mg_handle))                                                          \
  X(cuCtxSynchronize, (void))                                                              \
  X(cuMemGetInfo_v2, (size_t *, size_t *))                                                 \
  X(cuModuleLoadDataEx, (mg_handle *, const void *, unsigned, int *, void **))             \
  X(cuModuleUnload, (mg_handle))                                                           \
  X(cuModuleGetFunction, (mg_handle *, mg_handle, const char *))                           \
  X(cuFuncGetAttribute, (int *, int, mg_handle))                                           \
  X(cuFuncSetAttribute, (mg_handle, int, int))                                             \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor, (int *, mg_handle, int, size_t))          \
  X(cuLaunchKernel, (mg_handle, unsigned, unsigned, unsigned, unsigned, unsigned,          \
                     unsigned, unsigned, mg_handle, void **, void **))                     \
  X(cuMemAlloc_v2, (mg_dptr *, size_t))                                                    \
  X(cuMemFree_v2, (mg_dptr))                                                               \
  X(cuMemHostAlloc, (void **, size_t, unsigned))                                           \
  X(cuMemFreeHost, (void *))                                                               \
  X(cuMemHostRegister_v2, (void *, size_t, unsigned))                                      \
  X(cuMemHostUnregister, (void *))                                                         \
  X(cuMemsetD8Async, (mg_dptr, unsigned char, size_t, mg_handle))                          \
  X(cuMemcpyHtoDAsync_v2, (mg_dptr, const void *, size_t, mg_handle))                      \
  X(cuMemcpyDtoHAsync_v2, (void *, mg_dptr, size_t, mg_handle))                            \
  X(cuMemcpyDtoDAsync_v2, (mg_dptr, mg_dptr, size_t, mg_handle))                           \
  X(cuStreamCreate, (mg_handle *, unsigned))                                               \
  X(cuStreamDestroy_v2, (mg_handle))                                                       \
  X(cuStreamSynchronize, (mg_handle))                                                      \
  X(cuStreamQuery, (mg_handle))                                                            \
  X(cuStreamWaitEvent, (mg_handle, mg_handle, unsigned))                                   \
  X(cuEventCreate, (mg_handle *, unsigned))                                                \
  X(cuEventDestroy_v2, (mg_handle))                                                        \
  X(cuEventRecord, (mg_handle, mg_handle))                                                 \
  X(cuEventQuery, (mg_handle))                                                             \
  X(cuEventSynchronize, (mg_handle))                                                       \
  X(cuEventElapsedTime, (float *, mg_handle, mg_handle))

// The functions of one library that was opened. cuDeviceGetUuid is apart because its
// newer name, which tells parts of a device (MIG) from each other, came with CUDA 11.4.
typedef struct {
#define X(name, params) int(*name) params;
  MG_FUNCS(X)
#undef X
  int (*cuDeviceGetUuid)(void *, int);
} mg_api;

// Results by value, so that Go passes no pointers to its own memory for them.
typedef struct {
  int code;      // 0 or the driver's result code
  uint64_t a, b; // a handle, an address, a size, a number
} mg_out;

typedef struct {
  int code;
  void *p;
} mg_host;

typedef struct {
  int code;
  float ms;
} mg_time;

// An argument of a launch: where it lies in the packed block, in bytes.
typedef struct {
  uint32_t offset, size;
} mg_span;

#define MG_MAX_ARGS 256

// The library of the system's driver, as the dynamic linker knows it.
extern const char *const mg_system_library;

// mg_open opens the library ("" is the system's), finds every function and initialises the
// driver. It fills *a and returns 0, or returns a result code; call then names the function
// that failed ("dlopen" for the library itself), and why says more than the code does, or is
// empty.
int mg_open(mg_api *a, const char *path, const char **call, char *why, size_t cap);

// Texts of a result code; never null.
const char *mg_error_name(const mg_api *a, int code);
const char *mg_error_text(const mg_api *a, int code);

mg_out mg_version(const mg_api *a);
mg_out mg_device_count(const mg_api *a);
mg_out mg_device_get(const mg_api *a, int ordinal);
mg_out mg_device_attribute(const mg_api *a, int dev, int attr);
mg_out mg_device_total_mem(const mg_api *a, int dev);
int mg_device_name(const mg_api *a, int dev, char *s, int cap);
int mg_device_pci(const mg_api *a, int dev, char *s, int cap);
int mg_device_uuid(const mg_api *a, int dev, void *uuid);
mg_out mg_ctx_retain(const mg_api *a, int dev);
mg_out mg_ctx_release(const mg_api *a, int dev);

// Everything below makes the context current on the calling thread first.
mg_out mg_ctx_synchronize(const mg_api *a, uintptr_t ctx);
mg_out mg_mem_info(const mg_api *a, uintptr_t ctx);
mg_out mg_module_load(const mg_api *a, uintptr_t ctx, const void *image, char *log, size_t cap);
mg_out mg_module_unload(const mg_api *a, uintptr_t ctx, uintptr_t mod);
mg_out mg_module_function(const mg_api *a, uintptr_t ctx, uintptr_t mod, const char *name);
mg_out mg_func_get(const mg_api *a, uintptr_t ctx, uintptr_t fn, int attr);
mg_out mg_func_set(const mg_api *a, uintptr_t ctx, uintptr_t fn, int attr, int value);
mg_out mg_occupancy(const mg_api *a, uintptr_t ctx, uintptr_t fn, int threads, int64_t shared);
int mg_launch(const mg_api *a, uintptr_t ctx, uintptr_t fn, const uint32_t *dims,
              uintptr_t stream, void *block, const mg_span *spans, uint32_t n);
mg_out mg_mem_alloc(const mg_api *a, uintptr_t ctx, int64_t n);
mg_out mg_mem_free(const mg_api *a, uintptr_t ctx, mg_dptr p);
mg_host mg_host_alloc(const mg_api *a, uintptr_t ctx, int64_t n, unsigned flags);
mg_out mg_host_free(const mg_api *a, uintptr_t ctx, void *p);
mg_out mg_host_register(const mg_api *a, uintptr_t ctx, void *p, int64_t n, unsigned flags);
mg_out mg_host_unregister(const mg_api *a, uintptr_t ctx, void *p);
mg_out mg_memset(const mg_api *a, uintptr_t ctx, mg_dptr d, unsigned char v, int64_t n, uintptr_t s);
mg_out mg_htod(const mg_api *a, uintptr_t ctx, mg_dptr d, const void *s, int64_t n, uintptr_t st);
mg_out mg_dtoh(const mg_api *a, uintptr_t ctx, void *d, mg_dptr s, int64_t n, uintptr_t st);
mg_out mg_dtod(const mg_api *a, uintptr_t ctx, mg_dptr d, mg_dptr s, int64_t n, uintptr_t st);
mg_out mg_stream_create(const mg_api *a, uintptr_t ctx, unsigned flags);
mg_out mg_stream_destroy(const mg_api *a, uintptr_t ctx, uintptr_t s);
mg_out mg_stream_synchronize(const mg_api *a, uintptr_t ctx, uintptr_t s);
mg_out mg_stream_query(const mg_api *a, uintptr_t ctx, uintptr_t s);
mg_out mg_stream_wait(const mg_api *a, uintptr_t ctx, uintptr_t s, uintptr_t e);
mg_out mg_event_create(const mg_api *a, uintptr_t ctx, unsigned flags);
mg_out mg_event_destroy(const mg_api *a, uintptr_t ctx, uintptr_t e);
mg_out mg_event_record(const mg_api *a, uintptr_t ctx, uintptr_t e, uintptr_t s);
mg_out mg_event_query(const mg_api *a, uintptr_t ctx, uintptr_t e);
mg_out mg_event_synchronize(const mg_api *a, uintptr_t ctx, uintptr_t e);
mg_time mg_event_elapsed(const mg_api *a, uintptr_t ctx, uintptr_t start, uintptr_t end);

#endif
