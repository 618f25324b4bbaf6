// Memory, copies, streams and events.
#include "check.h"

namespace {

constexpr int n = 1000;

// Pinned copies and launches of one stream run later and in order.
void order() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(4 * n), y = gpu.alloc(4 * n), out = gpu.alloc(4 * n);
    float *hx = gpu.pinned<float>(n), *hy = gpu.pinned<float>(n), *got = gpu.pinned<float>(n);
    for (int i = 0; i < n; i++) hx[i] = float(i), hy[i] = 0.5f, got[i] = 7;
    OK(cuMemcpyHtoDAsync_v2(x, hx, 4 * n, gpu.stream));
    OK(cuMemcpyHtoDAsync_v2(y, hy, 4 * n, gpu.stream));
    OK(gpu.launch("probe_saxpy", 3, 64, 0, gpu.stream, 2.0f, x, y, out, (long long)n));
    OK(cuMemcpyDtoHAsync_v2(got, out, 4 * n, gpu.stream));
    WANT(NOT_READY, cuStreamQuery(gpu.stream));
    EXPECT(got[0] != got[0]);  // poisoned until the copy has run
    OK(cuStreamSynchronize(gpu.stream));
    OK(cuStreamQuery(gpu.stream));
    for (int i = 0; i < n; i++) EXPECT(got[i] == 2.0f * float(i) + 0.5f);
    for (CUdeviceptr p : {x, y, out}) OK(cuMemFree_v2(p));
    for (float *p : {hx, hy, got}) OK(cuMemFreeHost(p));
    gpu.close();
}

// Pinned memory that changes before the copy runs: the device gets what is there then.
void changed() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(4);
    int *host = gpu.pinned<int>(1), *back = gpu.pinned<int>(1);
    *host = 1;
    OK(cuMemcpyHtoDAsync_v2(x, host, 4, gpu.stream));
    *host = 2;
    OK(cuMemcpyDtoHAsync_v2(back, x, 4, gpu.stream));
    OK(cuStreamSynchronize(gpu.stream));
    EXPECT(*back == 2);
}

// Other host memory may change at once, and is filled when the call returns.
void pageable() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(4);
    auto *host = new int(1);
    OK(cuMemcpyHtoDAsync_v2(x, host, 4, gpu.stream));
    *host = 2;
    delete host;
    int back = 0;
    OK(cuMemcpyDtoHAsync_v2(&back, x, 4, gpu.stream));
    EXPECT(back == 1);
    OK(cuMemFree_v2(x));
    gpu.close();
}

// Registered memory is as good as pinned memory, as long as it is registered.
void registered() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(4);
    int host = 1, back = 0;
    OK(cuMemHostRegister_v2(&back, 4, 0));
    WANT(HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister_v2(&back, 4, 0));
    OK(cuMemcpyHtoDAsync_v2(x, &host, 4, gpu.stream));
    OK(cuMemcpyDtoHAsync_v2(&back, x, 4, gpu.stream));
    WANT(NOT_READY, cuStreamQuery(gpu.stream));
    EXPECT(back != 1);
    OK(cuStreamSynchronize(gpu.stream));
    EXPECT(back == 1);
    OK(cuMemHostUnregister(&back));
    OK(cuMemFree_v2(x));
    gpu.close();
}

// Copies x to the device on one stream and back on another, with or without an event between.
float across(bool wait) {
    Gpu gpu;
    CUstream other;
    CUevent done;
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    OK(cuEventCreate(&done, CU_EVENT_DISABLE_TIMING));
    CUdeviceptr x = gpu.alloc(4);
    float *host = gpu.pinned<float>(1), *back = gpu.pinned<float>(1);
    *host = 3;
    OK(cuStreamWaitEvent(other, done, 0));  // never recorded: nothing to wait for
    OK(cuMemcpyHtoDAsync_v2(x, host, 4, gpu.stream));
    OK(cuEventRecord(done, gpu.stream));
    if (wait) OK(cuStreamWaitEvent(other, done, 0));
    OK(cuEventDestroy_v2(done));  // the wait outlives the event
    OK(cuMemcpyDtoHAsync_v2(back, x, 4, other));
    if (!wait) OK(cuStreamSynchronize(other));
    OK(cuStreamDestroy_v2(other));  // and the work the stream
    float got = *back;
    OK(cuCtxSynchronize());
    if (wait) got = *back;
    OK(cuMemFreeHost(host));
    OK(cuMemFreeHost(back));
    OK(cuMemFree_v2(x));
    gpu.close();
    return got;
}
void event() { EXPECT(across(true) == 3); }
void missing_event() {
    float got = across(false);
    EXPECT(got != got);
}

// The default stream waits for the blocking streams and they for it.
void default_stream() {
    Gpu gpu;
    CUstream blocking;
    OK(cuStreamCreate(&blocking, 0));
    CUdeviceptr x = gpu.alloc(4), y = gpu.alloc(4);
    int *host = gpu.pinned<int>(1), *back = gpu.pinned<int>(1);
    *host = 5;
    OK(cuMemcpyHtoDAsync_v2(x, host, 4, blocking));
    OK(cuMemcpyDtoDAsync_v2(y, x, 4, nullptr));
    OK(cuMemcpyDtoHAsync_v2(back, y, 4, blocking));
    OK(cuStreamSynchronize(blocking));
    EXPECT(*back == 5);
}

// Calls without a stream are over when they return, also with pinned memory.
void synchronous() {
    Gpu gpu;
    CUcontext context;
    CUdevice device = 7;
    OK(cuCtxGetCurrent(&context));
    OK(cuCtxGetDevice(&device));
    EXPECT(context == gpu.context && device == 0);
    CUdeviceptr x = gpu.alloc(4), y = gpu.alloc(4);
    char *host = gpu.pinned(4);
    memcpy(host, "abcd", 4);
    OK(cuMemcpyHtoD_v2(x, host, 4));
    memset(host, 0, 4);
    OK(cuMemcpyDtoD_v2(y, x, 4));
    OK(cuMemsetD8_v2(y + 1, 'x', 2));
    OK(cuMemcpyDtoH_v2(host, y, 4));
    EXPECT(memcmp(host, "axxd", 4) == 0);
    OK(cuMemFreeHost(host));
    OK(cuMemFree_v2(x));
    OK(cuMemFree_v2(y));
    gpu.close();
}

// Two devices: memory, streams and events belong to one of them; events order both.
void two_devices() {
    Gpu gpu;
    CUcontext second;
    CUstream other;
    CUevent done;
    OK(cuDevicePrimaryCtxRetain(&second, 1));
    int *host = gpu.pinned<int>(1);
    *host = 9;
    CUdeviceptr x = gpu.alloc(4);
    OK(cuMemcpyHtoDAsync_v2(x, host, 4, gpu.stream));
    *host = 9;
    int *back = gpu.pinned<int>(1);
    OK(cuMemcpyDtoHAsync_v2(back, x, 4, gpu.stream));
    OK(cuEventCreate(&done, 0));
    OK(cuEventRecord(done, gpu.stream));

    OK(cuCtxSetCurrent(second));
    CUdeviceptr y = gpu.alloc(4);
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    WANT(INVALID_VALUE, cuMemsetD8Async(x, 0, 4, other));
    WANT(INVALID_HANDLE, cuMemsetD8Async(y, 0, 4, gpu.stream));
    WANT(INVALID_HANDLE, cuEventRecord(done, other));
    OK(cuStreamWaitEvent(other, done, 0));
    OK(cuMemcpyHtoDAsync_v2(y, back, 4, other));
    int got = 0;
    OK(cuMemcpyDtoHAsync_v2(&got, y, 4, other));
    EXPECT(got == 9);
}

// Every range is checked where it is given to the driver.
void bounds() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(1000), y = gpu.alloc(1000);
    char *host = gpu.pinned(1001);
    WANT(INVALID_VALUE, cuMemcpyHtoDAsync_v2(x, host, 1001, gpu.stream));
    WANT(INVALID_VALUE, cuMemcpyHtoDAsync_v2(x - 1, host, 1, gpu.stream));
    WANT(INVALID_VALUE, cuMemcpyDtoHAsync_v2(host, x + 999, 2, gpu.stream));
    WANT(INVALID_VALUE, cuMemcpyDtoDAsync_v2(y + 1, x, 1000, gpu.stream));
    WANT(INVALID_VALUE, cuMemcpyDtoDAsync_v2(x, x + 1, 500, gpu.stream));
    WANT(INVALID_VALUE, cuMemsetD8Async(x + 1000, 0, 1, gpu.stream));
    WANT(INVALID_VALUE, cuMemcpyHtoDAsync_v2((CUdeviceptr)host, host, 1, gpu.stream));
    WANT(INVALID_VALUE, cuMemcpyHtoDAsync_v2(x, (void *)y, 1, gpu.stream));
    WANT(INVALID_VALUE, cuMemcpyHtoDAsync_v2(x, host + 1000, 2, gpu.stream));
    OK(cuMemcpyHtoDAsync_v2(x, host, 1000, gpu.stream));
    OK(cuMemsetD8Async(x + 999, 0, 1, gpu.stream));
    OK(cuStreamSynchronize(gpu.stream));
    OK(cuMemFree_v2(x));
    WANT(INVALID_VALUE, cuMemcpyHtoDAsync_v2(x, host, 1, gpu.stream));
    WANT(INVALID_VALUE, cuMemFree_v2(x));
}

// Fresh memory of every kind is full of NaNs.
void uninitialised() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(n), words = gpu.alloc(8);
    auto *host = gpu.pinned<unsigned char>(n);
    for (int i = 0; i < n; i++) EXPECT(host[i] == 0xff);
    memset(host, 0, n);
    OK(cuMemcpyDtoHAsync_v2(host, x, n, gpu.stream));
    OK(cuStreamSynchronize(gpu.stream));
    for (int i = 0; i < n; i++) EXPECT(host[i] == 0xff);
    OK(gpu.launch("probe_uninitialised", 1, 32, 64, gpu.stream, words));
    unsigned got[2] = {};
    OK(cuMemcpyDtoHAsync_v2(got, words, 8, gpu.stream));
    EXPECT(got[0] == ~0u && got[1] == ~0u);
}

// Pinned memory that is freed while a copy waits for it.
void freed_early() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(n);
    char *host = gpu.pinned(n);
    OK(cuMemcpyHtoDAsync_v2(x, host, n, gpu.stream));
    OK(cuMemFreeHost(host));
    WANT(ILLEGAL_ADDRESS, cuStreamSynchronize(gpu.stream));
    WANT(ILLEGAL_ADDRESS, cuMemAlloc_v2(&x, n));
}

// SOFTCUDA_MEMORY=1M is all there is, and comes back.
void memory() {
    Gpu gpu;
    size_t available, total, size;
    OK(cuDeviceTotalMem_v2(&size, 0));
    OK(cuMemGetInfo_v2(&available, &total));
    EXPECT(total == 1 << 20 && size == total && available == total);
    CUdeviceptr x = gpu.alloc(1000), y;
    OK(cuMemGetInfo_v2(&available, &total));
    EXPECT(available == total - 1024);
    WANT(OUT_OF_MEMORY, cuMemAlloc_v2(&y, available + 1));
    WANT(OUT_OF_MEMORY, cuMemAlloc_v2(&y, ~size_t(0)));
    WANT(INVALID_VALUE, cuMemAlloc_v2(&y, 0));
    y = gpu.alloc(available);
    WANT(OUT_OF_MEMORY, cuMemAlloc_v2(&x, 1));
    OK(cuMemFree_v2(x));
    OK(cuMemFree_v2(y));
    OK(cuMemGetInfo_v2(&available, &total));
    EXPECT(available == total);
    gpu.close();
}

// Handles that are gone are refused.
void handles() {
    Gpu gpu;
    CUevent event;
    CUstream stream;
    float ms;
    OK(cuEventCreate(&event, 0));
    WANT(INVALID_HANDLE, cuEventElapsedTime(&ms, event, event));
    OK(cuEventRecord(event, gpu.stream));
    OK(cuEventSynchronize(event));
    OK(cuEventElapsedTime(&ms, event, event));
    EXPECT(ms == 0);
    OK(cuEventDestroy_v2(event));
    WANT(INVALID_HANDLE, cuEventRecord(event, gpu.stream));
    WANT(INVALID_HANDLE, cuEventDestroy_v2(event));
    OK(cuStreamCreate(&stream, 0));
    OK(cuStreamDestroy_v2(stream));
    WANT(INVALID_HANDLE, cuStreamSynchronize(stream));
    CUfunction f = gpu.kernel("probe_trap");
    OK(cuModuleUnload(gpu.module));
    WANT(INVALID_HANDLE, cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, gpu.stream, nullptr, nullptr));
}

// What is left when the context goes is a leak.
void leak() {
    Gpu gpu;
    CUevent event;
    OK(cuEventCreate(&event, 0));
    gpu.alloc(16);
    gpu.pinned(16);
    OK(cuDevicePrimaryCtxRelease_v2(0));
    WANT(INVALID_CONTEXT, cuCtxSynchronize());
    WANT(INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
    OK(cuDevicePrimaryCtxRetain(&gpu.context, 0));  // and a new one starts empty
    size_t available, total;
    OK(cuMemGetInfo_v2(&available, &total));
    EXPECT(available == total);
}

// Prints the visible devices.
void devices() {
    CUresult result = cuInit(0);
    int count = 0;
    if (!result) OK(cuDeviceGetCount(&count));
    printf("%d:", result);
    for (int d = 0; d < count; d++) {
        char name[64];
        int major, minor;
        OK(cuDeviceGetName(name, sizeof name, d));
        OK(cuDeviceGetAttribute(&major, CU_COMPUTE_MAJOR, d));
        OK(cuDeviceGetAttribute(&minor, CU_COMPUTE_MINOR, d));
        printf(" %s sm_%d%d", name + strlen(name) - 1, major, minor);
    }
    CUdevice d;
    if (!result) WANT(INVALID_DEVICE, cuDeviceGet(&d, count));
    printf("\n");
}

}  // namespace

const std::vector<Scenario> copies = {
    {"order", order},           {"changed", changed},
    {"pageable", pageable},     {"registered", registered},
    {"event", event},           {"missing_event", missing_event},
    {"bounds", bounds},         {"uninitialised", uninitialised},
    {"freed_early", freed_early}, {"memory", memory},
    {"handles", handles},       {"leak", leak},
    {"devices", devices},       {"default_stream", default_stream},
    {"synchronous", synchronous}, {"two_devices", two_devices},
};
