#include <dlfcn.h>

#include <fstream>
#include <sstream>

#include "check.h"

#define X(name, parameters) CUresult(*name) parameters;
CALLS(X)
#undef X
std::string probe_ptx;

void fail(const char *what, const char *file, int line) {
    printf("%s:%d: %s\n", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line, what);
    exit(1);
}

void want(CUresult wanted, CUresult got, const char *call, const char *file, int line) {
    if (wanted == got) return;
    std::string text = std::string(call) + " gave " + std::to_string(got) + ", wanted " + std::to_string(wanted);
    fail(text.c_str(), file, line);
}

Gpu::Gpu() {
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&context, 0));
    OK(cuCtxSetCurrent(context));
    OK(cuModuleLoadDataEx(&module, probe_ptx.c_str(), 0, nullptr, nullptr));
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
}

void Gpu::close() {
    OK(cuStreamDestroy_v2(stream));
    OK(cuModuleUnload(module));
    OK(cuDevicePrimaryCtxRelease_v2(0));
}

CUfunction Gpu::kernel(const char *name) {
    CUfunction f;
    OK(cuModuleGetFunction(&f, module, name));
    return f;
}

CUdeviceptr Gpu::alloc(size_t bytes) {
    CUdeviceptr p;
    OK(cuMemAlloc_v2(&p, bytes));
    return p;
}

// check LIBRARY PTX SCENARIO
int main(int count, char **arguments) {
    if (count != 4) return fprintf(stderr, "usage: check LIBRARY PTX SCENARIO\n"), 2;
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) return fprintf(stderr, "%s\n", dlerror()), 2;
#define X(name, parameters) \
    if (!(name = reinterpret_cast<CUresult(*) parameters>(dlsym(library, #name)))) return fprintf(stderr, "no " #name "\n"), 2;
    CALLS(X)
#undef X
    std::stringstream text;
    text << std::ifstream(arguments[2]).rdbuf();
    probe_ptx = text.str();
    for (const auto *list : {&copies, &kernels, &failures})
        for (const Scenario &s : *list)
            if (strcmp(s.name, arguments[3]) == 0) return s.run(), 0;
    return fprintf(stderr, "no scenario %s\n", arguments[3]), 2;
}
