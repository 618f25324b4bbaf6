// Kernels: what they compute, and what they do wrong.
#include "check.h"

namespace {

// Reads device memory back.
template <class T> std::vector<T> read(Gpu &gpu, CUdeviceptr p, size_t count) {
    std::vector<T> out(count);
    OK(cuMemcpyDtoHAsync_v2(out.data(), p, count * sizeof(T), gpu.stream));
    return out;
}
template <class T> CUdeviceptr write(Gpu &gpu, const std::vector<T> &x) {
    CUdeviceptr p = gpu.alloc(x.size() * sizeof(T));
    OK(cuMemcpyHtoDAsync_v2(p, x.data(), x.size() * sizeof(T), gpu.stream));
    return p;
}

struct Affine {
    float a, b;
    int n;
};

// Grids, structs, shuffles, barriers, both kinds of shared memory, atomics.
void compute() {
    Gpu gpu;
    const int n = 5000;
    std::vector<float> x(n);
    std::vector<unsigned char> bytes(n);
    for (int i = 0; i < n; i++) x[size_t(i)] = float(i % 97), bytes[size_t(i)] = static_cast<unsigned char>(i * 7);
    CUdeviceptr px = write(gpu, x), partial = gpu.alloc(4 * 6);
    OK(gpu.launch("probe_sum", 6, 96, 0, gpu.stream, px, partial, n));
    float sum = 0, want_sum = 0;
    for (float s : read<float>(gpu, partial, 6)) sum += s;
    for (float v : x) want_sum += v;
    EXPECT(sum == want_sum);  // whole numbers below 2^24: every order gives the same

    OK(gpu.launch("probe_affine", 10, 512, 0, gpu.stream, Affine{2, 1, 4000}, px));
    std::vector<float> y = read<float>(gpu, px, n);
    for (int i = 0; i < n; i++) EXPECT(y[size_t(i)] == (i < 4000 ? 2 * x[size_t(i)] + 1 : x[size_t(i)]));

    CUdeviceptr pz = write(gpu, std::vector<float>(x.begin(), x.begin() + 2000));
    OK(gpu.launch("probe_reverse", 2, 1000, 4000, gpu.stream, pz));
    std::vector<float> z = read<float>(gpu, pz, 2000);
    for (size_t i = 0; i < 2000; i++) EXPECT(z[i] == x[i / 1000 * 1000 + 999 - i % 1000]);

    CUdeviceptr pb = write(gpu, bytes), bins = gpu.alloc(1024);
    OK(cuMemsetD8Async(bins, 0, 1024, gpu.stream));
    OK(gpu.launch("probe_histogram", 16, 128, 0, gpu.stream, pb, bins, n));
    std::vector<unsigned> want_bins(256);
    for (unsigned char b : bytes) want_bins[b]++;
    EXPECT(read<unsigned>(gpu, bins, 256) == want_bins);
    for (CUdeviceptr p : {px, partial, pz, pb, bins}) OK(cuMemFree_v2(p));
    gpu.close();
}

// A store beyond the allocation loses the context; cleaning up still works.
void overrun() {
    Gpu gpu;
    CUdeviceptr at_end = gpu.alloc(512);  // the first allocation ends at its guard page
    OK(gpu.launch("probe_store", 1, 1, 0, gpu.stream, at_end, 511ll));
    OK(cuStreamSynchronize(gpu.stream));
    OK(gpu.launch("probe_store", 1, 1, 0, gpu.stream, at_end, 512ll));
    WANT(ILLEGAL_ADDRESS, cuStreamSynchronize(gpu.stream));
    CUdeviceptr more;
    CUfunction f;
    WANT(ILLEGAL_ADDRESS, cuMemAlloc_v2(&more, 1));
    WANT(ILLEGAL_ADDRESS, cuModuleGetFunction(&f, gpu.module, "probe_store"));
    WANT(ILLEGAL_ADDRESS, cuCtxSynchronize());
}

void underrun() {
    Gpu gpu;
    CUdeviceptr at_end = gpu.alloc(512), at_start = gpu.alloc(512);
    (void)at_end;
    OK(gpu.launch("probe_store", 1, 1, 0, gpu.stream, at_start, -1ll));
    WANT(ILLEGAL_ADDRESS, cuStreamSynchronize(gpu.stream));
    WANT(ILLEGAL_ADDRESS, cuMemFree_v2(at_start));  // freed all the same
    WANT(ILLEGAL_ADDRESS, cuMemFree_v2(at_end));
    WANT(ILLEGAL_ADDRESS, cuStreamDestroy_v2(gpu.stream));
    WANT(ILLEGAL_ADDRESS, cuModuleUnload(gpu.module));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    Gpu again;  // a new context works
    again.close();
}

// The padding that the alignment leaves is looked at when the memory is freed.
void padding() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(500);
    OK(gpu.launch("probe_store", 1, 1, 0, gpu.stream, x, 503ll));
    OK(cuMemFree_v2(x));
    gpu.close();
}

void after_free() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(512);
    OK(cuMemFree_v2(x));
    gpu.alloc(512);
    OK(gpu.launch("probe_store", 1, 1, 0, gpu.stream, x, 8ll));
    WANT(ILLEGAL_ADDRESS, cuStreamSynchronize(gpu.stream));
}

void deadlock() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(256);
    OK(gpu.launch("probe_deadlock", 1, 64, 0, gpu.stream, x));
    WANT(LAUNCH_FAILED, cuStreamSynchronize(gpu.stream));
}

// The stack of a thread has room for large frames, and an end.
void stack() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(4);
    int local;
    OK(cuFuncGetAttribute(&local, CU_FUNC_LOCAL_SIZE_BYTES, gpu.kernel("probe_stack")));
    EXPECT(local == 1024);
    OK(gpu.launch("probe_stack", 1, 1, 0, gpu.stream, x, 100));
    EXPECT(read<float>(gpu, x, 1)[0] == 5050);
    OK(gpu.launch("probe_stack", 1, 1, 0, gpu.stream, x, 1000000));
    WANT(ILLEGAL_ADDRESS, cuStreamSynchronize(gpu.stream));
}

void divide() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(4);
    OK(gpu.launch("probe_divide", 1, 1, 0, gpu.stream, x, 7, 2));
    EXPECT(read<int>(gpu, x, 1)[0] == 3);
    OK(gpu.launch("probe_divide", 1, 1, 0, gpu.stream, x, 7, 0));
    WANT(LAUNCH_FAILED, cuStreamSynchronize(gpu.stream));
}

void trap() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(256);
    OK(gpu.launch("probe_trap", 8, 32, 0, gpu.stream, x));
    WANT(LAUNCH_FAILED, cuStreamSynchronize(gpu.stream));
}

// A missing barrier gives different results in different launches.
void race() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(1024);
    int right = 0;
    for (int launch = 0; launch < 32; launch++) {
        OK(gpu.launch("probe_race", 1, 256, 0, gpu.stream, x));
        right += read<unsigned>(gpu, x, 256)[100] == 99;
    }
    EXPECT(right > 0 && right < 32);
}

// What a launch may ask for.
void limits() {
    Gpu gpu;
    CUdeviceptr x = gpu.alloc(1024);
    CUfunction f = gpu.kernel("probe_reverse");
    void *arguments[] = {&x};
    int value;
    auto launch = [&](unsigned grid, unsigned block, unsigned shared) {
        return cuLaunchKernel(f, grid, 1, 1, block, 1, 1, shared, gpu.stream, arguments, nullptr);
    };
    OK(cuFuncGetAttribute(&value, CU_FUNC_MAX_THREADS_PER_BLOCK, gpu.kernel("probe_histogram")));
    EXPECT(value == 256);
    OK(cuFuncGetAttribute(&value, CU_FUNC_SHARED_SIZE_BYTES, gpu.kernel("probe_sum")));
    EXPECT(value == 128);
    WANT(INVALID_VALUE, launch(0, 1, 0));
    WANT(INVALID_VALUE, launch(1, 1025, 0));
    WANT(INVALID_VALUE, launch(1, 1, 49153));
    WANT(INVALID_VALUE, cuFuncSetAttribute(f, CU_FUNC_MAX_DYNAMIC_SHARED, 101377));
    OK(cuFuncSetAttribute(f, CU_FUNC_MAX_DYNAMIC_SHARED, 101376));
    OK(launch(1, 1, 101376));
    OK(cuStreamSynchronize(gpu.stream));
    WANT(NOT_FOUND, cuModuleGetFunction(&f, gpu.module, "probe_nothing"));
}

// Replaces a text that has to be there.
std::string replace(std::string text, const std::string &old, const std::string &now) {
    size_t at = text.find(old);
    EXPECT(at != std::string::npos);
    return text.replace(at, old.size(), now);
}

// PTX that is not exactly what was compiled in is refused, with the reason.
void mismatch() {
    Gpu gpu;
    struct { std::string old, now; CUresult result; const char *log; } cases[] = {
        {".version", "version", INVALID_PTX, "not PTX"},
        {".version 7.0", ".version 8.5", UNSUPPORTED_PTX_VERSION, "8.5"},
        {".target sm_70", ".target sm_90", INVALID_PTX, "sm_90"},
        {"probe_affine(", "probe_afine(", INVALID_PTX, "probe_affine: it is in the host build of probe.cu but not in the PTX"},
        {"probe_affine(", "probe_afine(", INVALID_PTX, "probe_afine: it is in the PTX but not in the host build"},
        {"probe_affine_param_0[12]", "probe_affine_param_0[16]", INVALID_PTX, "parameter 0 has 16 bytes"},
        {".param .align 4 .b8 probe_affine_param_0", ".param .align 8 .b8 probe_affine_param_0", INVALID_PTX, "aligned to 8"},
        {".param .u32 probe_sum_param_2", ".param .u64 probe_sum_param_2", INVALID_PTX, "parameter 2 has 8 bytes"},
        {",\n\t.param .u32 probe_sum_param_2", "", INVALID_PTX, "the PTX has 2 parameters, the host build 3"},
        {".maxntid 64, 1, 1", ".maxntid 32, 1, 1", INVALID_PTX, ".maxntid 32"},
    };
    for (const auto &c : cases) {
        char log[2000] = "";
        int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
        void *values[] = {log, (void *)sizeof log};
        CUmodule module;
        std::string text = replace(probe_ptx, c.old, c.now);
        WANT(c.result, cuModuleLoadDataEx(&module, text.c_str(), 2, options, values));
        if (!strstr(log, c.log)) printf("the log lacks %s: %s", c.log, log);
        EXPECT(strstr(log, c.log));
    }
}

}  // namespace

const std::vector<Scenario> kernels = {
    {"compute", compute}, {"overrun", overrun},       {"underrun", underrun}, {"padding", padding}, {"after_free", after_free},
    {"deadlock", deadlock}, {"trap", trap}, {"stack", stack}, {"divide", divide}, {"race", race},         {"limits", limits},   {"mismatch", mismatch},
};
