// Copies and memsets. Their ranges are checked when they are queued. With pinned host memory
// they run later and see what is there then; with other host memory a copy to the device takes
// the bytes along at once, and a copy to the host is over when the call returns.
#include <cstring>
#include <memory>
#include <vector>

#include "call.h"
#include "host_traffic.h"
#include "memory.h"
#include "poison.h"

namespace {

void *pointer(uintptr_t at) { return reinterpret_cast<void *>(at); }

// A range of device memory lies inside one allocation of the current device.
bool device_range(const Call &call, const char *name, uintptr_t at, size_t size) {
    Allocation a;
    const bool found = memory().find(at, size, a) && a.kind == Kind::device;
    if (found && a.owner == call.context) return true;
    if (found) violation("%s: alloc %llu is of another device", name, static_cast<unsigned long long>(a.id));
    else violation("%s: %zu bytes at 0x%zx (%s) are outside of device memory", name, size, at, memory().describe(at).c_str());
    return false;
}

enum class Host { wrong, pageable, pinned };

// What kind of memory a range of host memory is; wrong if it is on the device or half pinned.
Host host_range(const char *name, uintptr_t at, size_t size) {
    Allocation a;
    if (memory().touches(Kind::device, at, size)) {
        violation("%s: the host memory at 0x%zx is device memory (%s)", name, at, memory().describe(at).c_str());
        return Host::wrong;
    }
    if (memory().find(at, size, a)) return Host::pinned;
    if (!memory().touches(Kind::pinned, at, size) && !memory().touches(Kind::registered, at, size)) return Host::pageable;
    violation("%s: %zu bytes at 0x%zx (%s) are only partly pinned", name, size, at, memory().describe(at).c_str());
    return Host::wrong;
}

// Waits for what the call has queued.
CUresult finish(const Call &call, Stream &stream) {
    stream.wait(stream.queued());
    return call.context->error();
}

// Copies on a fiber, so that memory that has gone in the meantime loses the context only.
CUresult move(const char *kind, uintptr_t to, uintptr_t from, size_t size) {
    Fault fault = run_guarded([=] { memcpy(pointer(to), pointer(from), size); });
    if (!fault.signal) return SUCCESS;
    violation("%s of %zu bytes: 0x%zx (%s) cannot be used", kind, size, fault.address, memory().describe(fault.address).c_str());
    return ILLEGAL_ADDRESS;
}

// The copy of pinned memory that is queued now and runs later.
struct PinnedCopy {
    uintptr_t host = 0;
    size_t size = 0;
    uint64_t number = 0;
    bool checkable = false;
    uint64_t sum = 0;
    Allocation memory_then;

    PinnedCopy(uintptr_t host, size_t size) : host(host), size(size) {
        number = host_traffic().begin(host, size, checkable);
        memory().find(host, size, memory_then);
    }
    ~PinnedCopy() { host_traffic().end(number); }
    PinnedCopy(const PinnedCopy &) = delete;
    PinnedCopy &operator=(const PinnedCopy &) = delete;

    bool gone(const char *kind) const {
        Allocation now;
        if (memory().find(host, size, now) && now.id == memory_then.id && now.kind == memory_then.kind) return false;
        violation("%s of %zu bytes: %s %llu was freed before the copy ran", kind, size, name_of(memory_then.kind),
                  static_cast<unsigned long long>(memory_then.id));
        return true;
    }
};

CUresult upload_pinned(uintptr_t to, const PinnedCopy &from) {
    if (from.gone("h2d")) return ILLEGAL_ADDRESS;
    CUresult result = move("h2d", to, from.host, from.size);
    if (!result && from.checkable && checksum(pointer(to), from.size) != from.sum)
        violation("h2d of %zu bytes: %s %llu was changed between the call and the copy", from.size,
                  name_of(from.memory_then.kind), static_cast<unsigned long long>(from.memory_then.id));
    return result;
}

CUresult upload(Call &call, const char *name, CUdeviceptr to, const void *from, size_t size, CUstream handle, bool wait) {
    if (!size) return SUCCESS;
    std::shared_ptr<Stream> stream = call.context->stream(handle);
    if (!stream) return INVALID_HANDLE;
    const uintptr_t host = reinterpret_cast<uintptr_t>(from);
    const Host kind = host_range(name, host, size);
    if (!device_range(call, name, to, size) || kind == Host::wrong) return INVALID_VALUE;
    Operation operation;
    operation.kind = "h2d";
    operation.bytes = size;
    operation.engine = &call.context->device.upload;
    if (kind == Host::pinned) {
        auto copy = std::make_shared<PinnedCopy>(host, size);
        if (copy->checkable) copy->sum = checksum(from, size);
        operation.run = [=] { return upload_pinned(to, *copy); };
    } else {
        auto bytes = std::make_shared<std::vector<char>>(static_cast<const char *>(from), static_cast<const char *>(from) + size);
        operation.run = [=] { return move("h2d", to, reinterpret_cast<uintptr_t>(bytes->data()), size); };
    }
    call.enqueue(stream, std::move(operation));
    return wait ? finish(call, *stream) : SUCCESS;
}

CUresult download(Call &call, const char *name, void *to, CUdeviceptr from, size_t size, CUstream handle, bool wait) {
    if (!size) return SUCCESS;
    std::shared_ptr<Stream> stream = call.context->stream(handle);
    if (!stream) return INVALID_HANDLE;
    const uintptr_t host = reinterpret_cast<uintptr_t>(to);
    const Host kind = host_range(name, host, size);
    if (!device_range(call, name, from, size) || kind == Host::wrong) return INVALID_VALUE;
    Operation operation;
    operation.kind = "d2h";
    operation.bytes = size;
    operation.engine = &call.context->device.download;
    if (kind == Host::pinned) {
        auto copy = std::make_shared<PinnedCopy>(host, size);
        if (copy->checkable) memset(to, POISON, size);
        operation.run = [=]() -> CUresult { return copy->gone("d2h") ? ILLEGAL_ADDRESS : move("d2h", host, from, size); };
    } else {
        operation.run = [=] { return move("d2h", host, from, size); };
        wait = true;
    }
    call.enqueue(stream, std::move(operation));
    return wait ? finish(call, *stream) : SUCCESS;
}

CUresult copy_on_device(Call &call, const char *name, CUdeviceptr to, CUdeviceptr from, size_t size, CUstream handle, bool wait) {
    if (!size) return SUCCESS;
    std::shared_ptr<Stream> stream = call.context->stream(handle);
    if (!stream) return INVALID_HANDLE;
    if (!device_range(call, name, to, size) || !device_range(call, name, from, size)) return INVALID_VALUE;
    if (to < from + size && from < to + size) {
        violation("%s: the ranges overlap", name);
        return INVALID_VALUE;
    }
    Operation operation;
    operation.kind = "d2d";
    operation.bytes = size;
    operation.run = [=] { return move("d2d", to, from, size); };
    call.enqueue(stream, std::move(operation));
    return wait ? finish(call, *stream) : SUCCESS;
}

CUresult set_bytes(Call &call, const char *name, CUdeviceptr to, unsigned char value, size_t size, CUstream handle, bool wait) {
    if (!size) return SUCCESS;
    std::shared_ptr<Stream> stream = call.context->stream(handle);
    if (!stream) return INVALID_HANDLE;
    if (!device_range(call, name, to, size)) return INVALID_VALUE;
    Operation operation;
    operation.kind = "memset";
    operation.bytes = size;
    operation.run = [=] { return memset(pointer(to), value, size), SUCCESS; };
    call.enqueue(stream, std::move(operation));
    return wait ? finish(call, *stream) : SUCCESS;
}

}  // namespace

API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, CUstream stream) {
    const char *name = __func__;
    return begins(name, [&](Call &call) { return upload(call, name, to, from, size, stream, false); });
}
API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, CUstream stream) {
    const char *name = __func__;
    return begins(name, [&](Call &call) { return download(call, name, to, from, size, stream, false); });
}
API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream) {
    const char *name = __func__;
    return begins(name, [&](Call &call) { return copy_on_device(call, name, to, from, size, stream, false); });
}
API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t size, CUstream stream) {
    const char *name = __func__;
    return begins(name, [&](Call &call) { return set_bytes(call, name, to, value, size, stream, false); });
}
API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size) {
    const char *name = __func__;
    return begins(name, [&](Call &call) { return upload(call, name, to, from, size, nullptr, true); });
}
API CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t size) {
    const char *name = __func__;
    return begins(name, [&](Call &call) { return download(call, name, to, from, size, nullptr, true); });
}
API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t size) {
    const char *name = __func__;
    return begins(name, [&](Call &call) { return copy_on_device(call, name, to, from, size, nullptr, true); });
}
API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t size) {
    const char *name = __func__;
    return begins(name, [&](Call &call) { return set_bytes(call, name, to, value, size, nullptr, true); });
}
