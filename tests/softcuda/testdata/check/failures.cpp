// A program that works for a while on two streams and releases everything, whatever happens.
#include "check.h"

namespace {

struct Work {
    static constexpr int n = 3000, slots = 2;
    CUresult result = SUCCESS;
    bool retained = false;
    CUmodule module = nullptr;
    CUfunction kernel = nullptr;
    CUstream stream[slots] = {};
    CUevent event[slots] = {};
    CUdeviceptr x[slots] = {};
    void *host[slots] = {};

    // Makes a call unless one has failed, and reports whether all is well.
    template <class F> bool then(F call) {
        if (!result) result = call();
        return !result;
    }
    void open() {
        CUcontext context;
        then([&] { return cuInit(0); });
        retained = then([&] { return cuDevicePrimaryCtxRetain(&context, 0); });
        then([&] { return cuCtxSetCurrent(context); });
        then([&] { return cuModuleLoadDataEx(&module, probe_ptx.c_str(), 0, nullptr, nullptr); });
        then([&] { return cuModuleGetFunction(&kernel, module, "probe_affine"); });
        for (int s = 0; s < slots; s++) {
            then([&] { return cuStreamCreate(&stream[s], CU_STREAM_NON_BLOCKING); });
            then([&] { return cuEventCreate(&event[s], CU_EVENT_DISABLE_TIMING); });
            then([&] { return cuMemAlloc_v2(&x[s], 4 * n); });
            then([&] { return cuMemHostAlloc(&host[s], 4 * n, 0); });
        }
    }
    // Doubles and adds one, round after round, alternating between the slots.
    void run() {
        for (int round = 0; round < 6; round++) {
            const int s = round % slots;
            if (round >= slots) then([&] { return cuEventSynchronize(event[s]); });
            if (result) return;
            auto *y = static_cast<float *>(host[s]);
            for (int i = 0; i < n; i++) {
                if (round >= slots && y[i] != 2 * float(i + round - slots) + 1) exit(3);  // wrong, and nobody said so
                y[i] = float(i + round);
            }
            struct { float a, b; int n; } affine = {2, 1, n};
            void *arguments[] = {&affine, &x[s]};
            then([&] { return cuMemcpyHtoDAsync_v2(x[s], host[s], 4 * n, stream[s]); });
            then([&] { return cuLaunchKernel(kernel, 3, 1, 1, 1000, 1, 1, 0, stream[s], arguments, nullptr); });
            then([&] { return cuMemcpyDtoHAsync_v2(host[s], x[s], 4 * n, stream[s]); });
            then([&] { return cuEventRecord(event[s], stream[s]); });
        }
        for (int s = 0; s < slots; s++) then([&] { return cuStreamSynchronize(stream[s]); });
    }
    // Releases what was made; failures only count.
    void close() {
        auto and_then = [&](CUresult r) { result = result ? result : r; };
        for (int s = 0; s < slots; s++) if (stream[s]) and_then(cuStreamSynchronize(stream[s]));
        for (int s = 0; s < slots; s++) {
            if (event[s]) and_then(cuEventDestroy_v2(event[s]));
            if (stream[s]) and_then(cuStreamDestroy_v2(stream[s]));
            if (x[s]) and_then(cuMemFree_v2(x[s]));
            if (host[s]) and_then(cuMemFreeHost(host[s]));
        }
        if (module) and_then(cuModuleUnload(module));
        if (retained) and_then(cuDevicePrimaryCtxRelease_v2(0));
    }
};

void work() {
    Work w;
    w.open();
    w.run();
    w.close();
    printf("%d\n", w.result);
}

}  // namespace

const std::vector<Scenario> failures = {{"work", work}};
