//go:build cgo && (linux || windows) && (amd64 || arm64)

// One wrapper for each call. The current context is a property of the thread, and Go moves
// goroutines between threads, so each call sets it; with the work in the same C function
// nothing can come between. It is set each time, and not remembered for the thread: other
// code of the process may have set another.
#include "driver.h"

enum { INVALID_VALUE = 1, INVALID_HANDLE = 400 };

#define FAIL(code_) return (mg_out){.code = (code_)}
#define CALL(call) return (mg_out){.code = (call)}

// ENTER makes the context current, or fails the call.
#define ENTER(ctx)                                     \
  do {                                                 \
    int code_ = a->cuCtxSetCurrent((mg_handle)(ctx));  \
    if (code_) FAIL(code_);                            \
  } while (0)

// NEED refuses a handle that was never made; drivers differ in whether they survive one.
#define NEED(handle) \
  if (!(handle)) FAIL(INVALID_HANDLE)

// SIZE refuses a number of bytes that would wrap round as a size_t.
#define SIZE(n) \
  if ((n) < 0) FAIL(INVALID_VALUE)

mg_out mg_version(const mg_api *a) {
  int v = 0, r = a->cuDriverGetVersion(&v);
  return (mg_out){.code = r, .a = v};
}

mg_out mg_device_count(const mg_api *a) {
  int n = 0, r = a->cuDeviceGetCount(&n);
  return (mg_out){.code = r, .a = n};
}

mg_out mg_device_get(const mg_api *a, int ordinal) {
  int d = 0, r = a->cuDeviceGet(&d, ordinal);
  return (mg_out){.code = r, .a = d};
}

mg_out mg_device_attribute(const mg_api *a, int dev, int attr) {
  int v = 0, r = a->cuDeviceGetAttribute(&v, attr, dev);
  return (mg_out){.code = r, .a = (uint64_t)(int64_t)v};
}

mg_out mg_device_total_mem(const mg_api *a, int dev) {
  size_t n = 0;
  int r = a->cuDeviceTotalMem_v2(&n, dev);
  return (mg_out){.code = r, .a = n};
}

int mg_device_name(const mg_api *a, int dev, char *s, int cap) { return a->cuDeviceGetName(s, cap, dev); }
int mg_device_pci(const mg_api *a, int dev, char *s, int cap) { return a->cuDeviceGetPCIBusId(s, cap, dev); }
int mg_device_uuid(const mg_api *a, int dev, void *uuid) { return a->cuDeviceGetUuid(uuid, dev); }

mg_out mg_ctx_retain(const mg_api *a, int dev) {
  mg_handle c = NULL;
  int r = a->cuDevicePrimaryCtxRetain(&c, dev);
  return (mg_out){.code = r, .a = (uintptr_t)c};
}

mg_out mg_ctx_release(const mg_api *a, int dev) { CALL(a->cuDevicePrimaryCtxRelease_v2(dev)); }

mg_out mg_ctx_synchronize(const mg_api *a, uintptr_t ctx) {
  ENTER(ctx);
  CALL(a->cuCtxSynchronize());
}

mg_out mg_mem_info(const mg_api *a, uintptr_t ctx) {
  ENTER(ctx);
  size_t free = 0, total = 0;
  int r = a->cuMemGetInfo_v2(&free, &total);
  return (mg_out){.code = r, .a = free, .b = total};
}

mg_out mg_module_load(const mg_api *a, uintptr_t ctx, const void *image, char *log, size_t cap) {
  ENTER(ctx);
  int options[] = {5, 6}; // CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES
  void *values[] = {log, (void *)cap};
  mg_handle m = NULL;
  int r = a->cuModuleLoadDataEx(&m, image, 2, options, values);
  return (mg_out){.code = r, .a = (uintptr_t)m};
}

mg_out mg_module_unload(const mg_api *a, uintptr_t ctx, uintptr_t mod) {
  NEED(mod);
  ENTER(ctx);
  CALL(a->cuModuleUnload((mg_handle)mod));
}

mg_out mg_module_function(const mg_api *a, uintptr_t ctx, uintptr_t mod, const char *name) {
  NEED(mod);
  ENTER(ctx);
  mg_handle f = NULL;
  int r = a->cuModuleGetFunction(&f, (mg_handle)mod, name);
  return (mg_out){.code = r, .a = (uintptr_t)f};
}

mg_out mg_func_get(const mg_api *a, uintptr_t ctx, uintptr_t fn, int attr) {
  NEED(fn);
  ENTER(ctx);
  int v = 0, r = a->cuFuncGetAttribute(&v, attr, (mg_handle)fn);
  return (mg_out){.code = r, .a = (uint64_t)(int64_t)v};
}

mg_out mg_func_set(const mg_api *a, uintptr_t ctx, uintptr_t fn, int attr, int value) {
  NEED(fn);
  ENTER(ctx);
  CALL(a->cuFuncSetAttribute((mg_handle)fn, attr, value));
}

mg_out mg_occupancy(const mg_api *a, uintptr_t ctx, uintptr_t fn, int threads, int64_t shared) {
  NEED(fn);
  SIZE(shared);
  ENTER(ctx);
  int n = 0, r = a->cuOccupancyMaxActiveBlocksPerMultiprocessor(&n, (mg_handle)fn, threads, shared);
  return (mg_out){.code = r, .a = n};
}

// The driver wants a pointer to each argument; all of them point into the block, which the
// driver reads before it returns.
int mg_launch(const mg_api *a, uintptr_t ctx, uintptr_t fn, const uint32_t *d,
              uintptr_t stream, void *block, const mg_span *spans, uint32_t n) {
  void *args[MG_MAX_ARGS];
  if (!fn) return INVALID_HANDLE;
  if (n > MG_MAX_ARGS) return INVALID_VALUE;
  for (uint32_t i = 0; i < n; i++) args[i] = (char *)block + spans[i].offset;
  int r = a->cuCtxSetCurrent((mg_handle)ctx);
  if (r) return r;
  return a->cuLaunchKernel((mg_handle)fn, d[0], d[1], d[2], d[3], d[4], d[5], d[6],
                           (mg_handle)stream, args, NULL);
}

mg_out mg_mem_alloc(const mg_api *a, uintptr_t ctx, int64_t n) {
  SIZE(n);
  ENTER(ctx);
  mg_dptr p = 0;
  int r = a->cuMemAlloc_v2(&p, n);
  return (mg_out){.code = r, .a = p};
}

mg_out mg_mem_free(const mg_api *a, uintptr_t ctx, mg_dptr p) {
  ENTER(ctx);
  CALL(a->cuMemFree_v2(p));
}

mg_host mg_host_alloc(const mg_api *a, uintptr_t ctx, int64_t n, unsigned flags) {
  void *p = NULL;
  int r = n > 0 ? a->cuCtxSetCurrent((mg_handle)ctx) : INVALID_VALUE;
  if (!r) r = a->cuMemHostAlloc(&p, n, flags);
  return (mg_host){.code = r, .p = p};
}

mg_out mg_host_free(const mg_api *a, uintptr_t ctx, void *p) {
  ENTER(ctx);
  CALL(a->cuMemFreeHost(p));
}

mg_out mg_host_register(const mg_api *a, uintptr_t ctx, void *p, int64_t n, unsigned flags) {
  ENTER(ctx);
  CALL(a->cuMemHostRegister_v2(p, n, flags));
}

mg_out mg_host_unregister(const mg_api *a, uintptr_t ctx, void *p) {
  ENTER(ctx);
  CALL(a->cuMemHostUnregister(p));
}

mg_out mg_memset(const mg_api *a, uintptr_t ctx, mg_dptr d, unsigned char v, int64_t n, uintptr_t s) {
  SIZE(n);
  ENTER(ctx);
  CALL(n ? a->cuMemsetD8Async(d, v, n, (mg_handle)s) : 0);
}

mg_out mg_htod(const mg_api *a, uintptr_t ctx, mg_dptr d, const void *s, int64_t n, uintptr_t st) {
  ENTER(ctx);
  CALL(n ? a->cuMemcpyHtoDAsync_v2(d, s, n, (mg_handle)st) : 0);
}

mg_out mg_dtoh(const mg_api *a, uintptr_t ctx, void *d, mg_dptr s, int64_t n, uintptr_t st) {
  ENTER(ctx);
  CALL(n ? a->cuMemcpyDtoHAsync_v2(d, s, n, (mg_handle)st) : 0);
}

mg_out mg_dtod(const mg_api *a, uintptr_t ctx, mg_dptr d, mg_dptr s, int64_t n, uintptr_t st) {
  SIZE(n);
  ENTER(ctx);
  CALL(n ? a->cuMemcpyDtoDAsync_v2(d, s, n, (mg_handle)st) : 0);
}

mg_out mg_stream_create(const mg_api *a, uintptr_t ctx, unsigned flags) {
  ENTER(ctx);
  mg_handle s = NULL;
  int r = a->cuStreamCreate(&s, flags);
  return (mg_out){.code = r, .a = (uintptr_t)s};
}

mg_out mg_stream_destroy(const mg_api *a, uintptr_t ctx, uintptr_t s) {
  NEED(s);
  ENTER(ctx);
  CALL(a->cuStreamDestroy_v2((mg_handle)s));
}

mg_out mg_stream_synchronize(const mg_api *a, uintptr_t ctx, uintptr_t s) {
  ENTER(ctx);
  CALL(a->cuStreamSynchronize((mg_handle)s));
}

mg_out mg_stream_query(const mg_api *a, uintptr_t ctx, uintptr_t s) {
  ENTER(ctx);
  CALL(a->cuStreamQuery((mg_handle)s));
}

mg_out mg_stream_wait(const mg_api *a, uintptr_t ctx, uintptr_t s, uintptr_t e) {
  NEED(e);
  ENTER(ctx);
  CALL(a->cuStreamWaitEvent((mg_handle)s, (mg_handle)e, 0));
}

mg_out mg_event_create(const mg_api *a, uintptr_t ctx, unsigned flags) {
  ENTER(ctx);
  mg_handle e = NULL;
  int r = a->cuEventCreate(&e, flags);
  return (mg_out){.code = r, .a = (uintptr_t)e};
}

mg_out mg_event_destroy(const mg_api *a, uintptr_t ctx, uintptr_t e) {
  NEED(e);
  ENTER(ctx);
  CALL(a->cuEventDestroy_v2((mg_handle)e));
}

mg_out mg_event_record(const mg_api *a, uintptr_t ctx, uintptr_t e, uintptr_t s) {
  NEED(e);
  ENTER(ctx);
  CALL(a->cuEventRecord((mg_handle)e, (mg_handle)s));
}

mg_out mg_event_query(const mg_api *a, uintptr_t ctx, uintptr_t e) {
  NEED(e);
  ENTER(ctx);
  CALL(a->cuEventQuery((mg_handle)e));
}

mg_out mg_event_synchronize(const mg_api *a, uintptr_t ctx, uintptr_t e) {
  NEED(e);
  ENTER(ctx);
  CALL(a->cuEventSynchronize((mg_handle)e));
}

mg_time mg_event_elapsed(const mg_api *a, uintptr_t ctx, uintptr_t start, uintptr_t end) {
  float ms = 0;
  int r = start && end ? a->cuCtxSetCurrent((mg_handle)ctx) : INVALID_HANDLE;
  if (!r) r = a->cuEventElapsedTime(&ms, (mg_handle)start, (mg_handle)end);
  return (mg_time){.code = r, .ms = ms};
}
