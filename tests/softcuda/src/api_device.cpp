// Calls on the driver, its devices and their contexts.
#include <cstdio>
#include <cstring>

#include "call.h"
#include "settings.h"

namespace {

// CUdevice_attribute, as an NVIDIA GA104 (compute capability 8.6) answers.
struct Attribute { int number, value; };
constexpr Attribute attributes[] = {
    {1, 1024},         // MAX_THREADS_PER_BLOCK
    {2, 1024},         // MAX_BLOCK_DIM_X
    {3, 1024},         // MAX_BLOCK_DIM_Y
    {4, 64},           // MAX_BLOCK_DIM_Z
    {5, 0x7fffffff},   // MAX_GRID_DIM_X
    {6, 65535},        // MAX_GRID_DIM_Y
    {7, 65535},        // MAX_GRID_DIM_Z
    {8, 49152},        // MAX_SHARED_MEMORY_PER_BLOCK
    {9, 65536},        // TOTAL_CONSTANT_MEMORY
    {10, 32},          // WARP_SIZE
    {12, 65536},       // MAX_REGISTERS_PER_BLOCK
    {13, 1725000},     // CLOCK_RATE, kHz
    {16, 4},           // MULTIPROCESSOR_COUNT: few, so that grids sized after it stay small
    {18, 0},           // INTEGRATED
    {19, 1},           // CAN_MAP_HOST_MEMORY
    {36, 7001000},     // MEMORY_CLOCK_RATE, kHz
    {37, 256},         // GLOBAL_MEMORY_BUS_WIDTH, bits
    {38, 4 << 20},     // L2_CACHE_SIZE
    {39, 1536},        // MAX_THREADS_PER_MULTIPROCESSOR
    {40, 2},           // ASYNC_ENGINE_COUNT
    {41, 1},           // UNIFIED_ADDRESSING
    {81, 102400},      // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
    {82, 65536},       // MAX_REGISTERS_PER_MULTIPROCESSOR
    {97, 101376},      // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    {106, 16},         // MAX_BLOCKS_PER_MULTIPROCESSOR
};

bool known(CUdevice d) { return d >= 0 && size_t(d) < devices().size(); }

// A question about one device.
template <class Body> CUresult ask(const char *name, CUdevice d, Body body) {
    return query(name, [&]() -> CUresult { return known(d) ? body(*devices()[size_t(d)]) : INVALID_DEVICE; });
}

CUresult attribute(int number, int &value) {
    value = number == CU_COMPUTE_MAJOR ? settings().major : number == CU_COMPUTE_MINOR ? settings().minor : 0;
    for (const Attribute &a : attributes)
        if (a.number == number) value = a.value;
    return number > 0 ? SUCCESS : INVALID_VALUE;
}

}  // namespace

int device_attribute(int number) {
    int value = 0;
    attribute(number, value);
    return value;
}

API CUresult cuInit(unsigned flags) {
    return run_call(__func__, Effect::begin, Needs::nothing, [&](Call &) -> CUresult {
        if (!settings().mistake.empty()) {
            violation("%s cannot be read", settings().mistake.c_str());
            return INVALID_VALUE;
        }
        if (flags) return INVALID_VALUE;
        if (devices().empty()) return NO_DEVICE;
        set_initialized();
        return SUCCESS;
    });
}

API CUresult cuDriverGetVersion(int *version) {
    return run_call(__func__, Effect::begin, Needs::nothing, [&](Call &) { return *version = settings().version, SUCCESS; });
}

API CUresult cuDeviceGetCount(int *count) {
    return query(__func__, [&] { return *count = static_cast<int>(devices().size()), SUCCESS; });
}

API CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    return ask(__func__, ordinal, [&](Device &) { return *device = ordinal, SUCCESS; });
}

API CUresult cuDeviceGetName(char *name, int length, CUdevice d) {
    return ask(__func__, d, [&](Device &device) {
        snprintf(name, size_t(length), "Software CUDA device %d", device.number);
        return SUCCESS;
    });
}

API CUresult cuDeviceGetPCIBusId(char *id, int length, CUdevice d) {
    return ask(__func__, d, [&](Device &device) {
        snprintf(id, size_t(length), "0000:%02x:00.0", device.number + 1);
        return SUCCESS;
    });
}

API CUresult cuDeviceGetUuid(void *uuid, CUdevice d) {
    return ask(__func__, d, [&](Device &device) { return device_uuid(device.number, static_cast<unsigned char *>(uuid)), SUCCESS; });
}

API CUresult cuDeviceGetUuid_v2(void *uuid, CUdevice d) {
    return ask(__func__, d, [&](Device &device) { return device_uuid(device.number, static_cast<unsigned char *>(uuid)), SUCCESS; });
}

API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice d) {
    return ask(__func__, d, [&](Device &) { return *bytes = settings().memory, SUCCESS; });
}

API CUresult cuDeviceGetAttribute(int *value, int number, CUdevice d) {
    return ask(__func__, d, [&](Device &) { return attribute(number, *value); });
}

API CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice d) {
    return ask(__func__, d, [&](Device &device) {
        device.primary.retain();
        *context = reinterpret_cast<CUcontext>(&device.primary);
        return SUCCESS;
    });
}

API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice d) {
    return run_call(__func__, Effect::end, Needs::initialized, [&](Call &) -> CUresult {
        if (!known(d)) return INVALID_DEVICE;
        return devices()[size_t(d)]->primary.release() ? SUCCESS : INVALID_CONTEXT;
    });
}

// Neither counted nor logged: it precedes every other call, and does not fail in a context that
// is alive.
API CUresult cuCtxSetCurrent(CUcontext handle) {
    for (Device *device : devices()) {
        if (handle != reinterpret_cast<CUcontext>(&device->primary)) continue;
        if (!device->primary.alive()) break;
        set_current_context(&device->primary);
        return SUCCESS;
    }
    if (!handle) set_current_context(nullptr);
    return handle ? INVALID_CONTEXT : SUCCESS;
}

API CUresult cuCtxGetCurrent(CUcontext *handle) {
    *handle = reinterpret_cast<CUcontext>(current_context());
    return SUCCESS;
}

API CUresult cuCtxGetDevice(CUdevice *d) {
    return begins(__func__, [&](Call &call) {
        for (size_t i = 0; i < devices().size(); i++)
            if (devices()[i] == &call.context->device) *d = static_cast<CUdevice>(i);
        return SUCCESS;
    });
}

API CUresult cuCtxSynchronize() {
    return ends(__func__, [&](Call &call) { return call.context->synchronize(), SUCCESS; });
}
