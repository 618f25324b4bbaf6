// The table of result codes: every code that the driver returns by itself or that a test is
// likely to inject.
#include "cuda_abi.h"

namespace {
struct Row {
    CUresult code;
    const char *name, *text;
    bool lost;  // the context cannot be used afterwards
};
constexpr Row rows[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error", false},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument", false},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory", false},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error", false},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected", false},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal", false},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context", false},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device", false},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered", true},
    {INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed", false},
    {UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain.", false},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle", false},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found", false},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready", false},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered", true},
    {LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch", false},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated", true},
    {HOST_MEMORY_ALREADY_REGISTERED, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped", false},
    {HOST_MEMORY_NOT_REGISTERED, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region", false},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address", true},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure", true},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported", false},
    {UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error", false},
};

const Row *find(CUresult code) {
    for (const Row &row : rows)
        if (row.code == code) return &row;
    return nullptr;
}
}  // namespace

bool loses_context(CUresult code) {
    const Row *row = find(code);
    return row && row->lost;
}

API CUresult cuGetErrorName(CUresult code, const char **name) {
    const Row *row = find(code);
    *name = row ? row->name : nullptr;
    return row ? SUCCESS : INVALID_VALUE;
}

API CUresult cuGetErrorString(CUresult code, const char **text) {
    const Row *row = find(code);
    *text = row ? row->text : nullptr;
    return row ? SUCCESS : INVALID_VALUE;
}
