// Calls that make and free memory.
#include "call.h"
#include "host_traffic.h"
#include "memory.h"
#include "settings.h"

namespace {
constexpr size_t granule = 256;
size_t accounted(size_t bytes) { return (bytes + granule - 1) / granule * granule; }

uintptr_t address(const void *p) { return reinterpret_cast<uintptr_t>(p); }

// Frees host memory, which no copy may be using: NVIDIA's driver promises nothing then.
CUresult free_host(Kind kind, void *p, CUresult unknown) {
    Allocation a;
    if (memory().find(address(p), 1, a) && a.at == address(p) && a.kind == kind && host_traffic().busy(a.at, a.size))
        violation("%s %llu is freed while a copy that was queued still needs it", name_of(kind),
                  static_cast<unsigned long long>(a.id));
    if (memory().release(kind, address(p))) return SUCCESS;
    violation("%p is no %s memory, or it is freed already", p, name_of(kind));
    return unknown;
}
}  // namespace

API CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
    return begins(__func__, [&](Call &call) {
        *total = settings().memory;
        *available = *total - call.context->device.used();
        return SUCCESS;
    });
}

API CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
    return begins(__func__, [&](Call &call) -> CUresult {
        if (!bytes) return INVALID_VALUE;
        Device &device = call.context->device;
        if (bytes > settings().memory || !device.reserve(accounted(bytes))) return OUT_OF_MEMORY;
        *pointer = memory().allocate(Kind::device, call.context, bytes);
        if (!*pointer) device.give_back(accounted(bytes));
        return *pointer ? SUCCESS : OUT_OF_MEMORY;
    });
}

API CUresult cuMemFree_v2(CUdeviceptr pointer) {
    return ends(__func__, [&](Call &call) -> CUresult {
        if (!pointer) return SUCCESS;
        call.context->synchronize();
        Allocation a;
        if (!memory().release(Kind::device, pointer, &a)) {
            violation("0x%llx is no device memory, or it is freed already", pointer);
            return INVALID_VALUE;
        }
        a.owner->device.give_back(accounted(a.size));
        return SUCCESS;
    });
}

API CUresult cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
    return begins(__func__, [&](Call &call) -> CUresult {
        if (!bytes || flags > 7) return INVALID_VALUE;
        *pointer = reinterpret_cast<void *>(memory().allocate(Kind::pinned, call.context, bytes));
        return *pointer ? SUCCESS : OUT_OF_MEMORY;
    });
}

API CUresult cuMemFreeHost(void *pointer) {
    return ends(__func__, [&](Call &) { return free_host(Kind::pinned, pointer, INVALID_VALUE); });
}

API CUresult cuMemHostRegister_v2(void *pointer, size_t bytes, unsigned) {
    return begins(__func__, [&](Call &call) -> CUresult {
        if (!pointer || !bytes) return INVALID_VALUE;
        return memory().add_registered(call.context, address(pointer), bytes) ? SUCCESS : HOST_MEMORY_ALREADY_REGISTERED;
    });
}

API CUresult cuMemHostUnregister(void *pointer) {
    return ends(__func__, [&](Call &) { return free_host(Kind::registered, pointer, HOST_MEMORY_NOT_REGISTERED); });
}
