// Calls that load PTX and launch kernels.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "call.h"
#include "memory.h"
#include "registry.h"
#include "settings.h"



namespace {
constexpr int attribute_shared = 8, attribute_optin = 97, attribute_shared_sm = 81, attribute_threads_sm = 39, attribute_blocks_sm = 106;
constexpr int reserved_shared = 1024;  // of each block, by the system (CUDA programming guide, compute capability 8.x)

// The newest PTX that a driver reads: 7.0 came with CUDA 11.0, 8.0 with 12.0, 9.0 with 13.0.
int newest_ptx() { return 10 * (settings().version / 1000 - 4) + settings().version / 10 % 10; }

// Why a module cannot be loaded; SUCCESS and no text if it can.
CUresult examine(const ptx::Module &module, std::string &why) {
    why = module.mistake;
    if (!why.empty()) return INVALID_PTX;
    if (module.version > newest_ptx()) {
        why = "the PTX has version " + std::to_string(module.version / 10) + "." + std::to_string(module.version % 10);
        return UNSUPPORTED_PTX_VERSION;
    }
    if (module.target > 10 * settings().major + settings().minor) {
        why = "the PTX is for sm_" + std::to_string(module.target);
        return INVALID_PTX;
    }
    why = compare(module);
    return why.empty() ? SUCCESS : INVALID_PTX;
}

// Copies a text into the buffer that the caller gave for the compiler's messages.
void give_log(const std::string &text, unsigned count, const int *options, void **values) {
    char *buffer = nullptr;
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER) buffer = static_cast<char *>(values[i]);
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) size = reinterpret_cast<size_t>(values[i]);
    }
    if (buffer && size) snprintf(buffer, size, "%s", text.c_str());
}

CUresult load(Call &call, CUmodule *out, const void *image, unsigned count, const int *options, void **values) {
    if (!image) return INVALID_VALUE;
    auto module = std::make_shared<Module>();
    module->owner = call.context;
    module->text = ptx::parse(static_cast<const char *>(image));
    std::string why;
    CUresult result = examine(module->text, why);
    if (result) {
        give_log(why, count, options, values);
        violation("the module cannot be loaded: %s", why.c_str());
        return result;
    }
    module->id = next_id(Module::kind);
    *out = static_cast<CUmodule>(module_handles().add(module));
    return SUCCESS;
}

std::shared_ptr<Function> find_function(const Call &call, CUfunction handle) {
    std::shared_ptr<Function> f = function_handles().find(handle, "function");
    return f && f->owner == call.context ? f : nullptr;
}

// The value of CUfunction_attribute.
CUresult attribute(const Function &f, int number, int &value) {
    switch (number) {
    case CU_FUNC_MAX_THREADS_PER_BLOCK: value = static_cast<int>(f.kernel->max_threads); break;
    case CU_FUNC_SHARED_SIZE_BYTES: value = static_cast<int>(f.entry->shared); break;
    case CU_FUNC_CONST_SIZE_BYTES: value = 0; break;
    case CU_FUNC_LOCAL_SIZE_BYTES: value = static_cast<int>(f.entry->local); break;
    case CU_FUNC_NUM_REGS: value = 32; break;  // nothing here assigns registers
    case CU_FUNC_PTX_VERSION: value = f.module->text.target; break;
    case CU_FUNC_BINARY_VERSION: value = 10 * settings().major + settings().minor; break;
    case CU_FUNC_MAX_DYNAMIC_SHARED: value = f.dynamic_shared; break;
    case CU_FUNC_SHARED_CARVEOUT: value = -1; break;
    default: return INVALID_VALUE;
    }
    return SUCCESS;
}

// Why a launch is refused, null if it is not.
const char *refuse(const Function &f, const Launch &launch) {
    const uint3 g = launch.grid, b = launch.block;
    if (!g.x || !g.y || !g.z || !b.x || !b.y || !b.z) return "a dimension is 0";
    if (g.x > 0x7fffffff || g.y > 65535 || g.z > 65535) return "the grid is too large";
    if (b.x > 1024 || b.y > 1024 || b.z > 64 || uint64_t(b.x) * b.y * b.z > f.kernel->max_threads) return "the block has too many threads";
    if (launch.shared > size_t(f.dynamic_shared)) return "too much dynamic shared memory";
    return nullptr;
}

// Copies the arguments as the kernel's host build wants them.
std::vector<char> pack(const soft::Kernel &kernel, void **arguments) {
    std::vector<char> packed;
    for (unsigned i = 0; i < kernel.param_count; i++) {
        const soft::Param p = kernel.params[i];
        packed.resize((packed.size() + p.align - 1) / p.align * p.align + p.size);
        memcpy(packed.data() + packed.size() - p.size, arguments[i], p.size);
    }
    return packed;
}

// Whether a launch runs backward, so that tests meet more than one order.
bool backward(uint64_t launch) {
    return settings().random && ((settings().seed + launch) * 0x9e3779b97f4a7c15 >> 63);
}

CUresult run_kernel(Device &device, const Launch &launch) {
    uint64_t block = 0;
    const Outcome outcome = device.crew.run(launch, block);
    const char *name = launch.kernel->name;
    const auto number = static_cast<unsigned long long>(block);
    switch (outcome.kind) {
    case Outcome::done: return SUCCESS;
    case Outcome::deadlock:
        violation("kernel %s, block %llu: deadlock: %s", name, number, outcome.text.c_str());
        return LAUNCH_FAILED;
    case Outcome::trap:
        violation("kernel %s, block %llu: trap", name, number);
        return LAUNCH_FAILED;
    case Outcome::fault: break;
    }
    const uintptr_t address = outcome.where.address;
    if (outcome.where.signal != SIGSEGV && outcome.where.signal != SIGBUS) {
        violation("kernel %s, block %llu: %s", name, number, strsignal(outcome.where.signal));
        return LAUNCH_FAILED;
    }
    violation("kernel %s, block %llu: illegal address 0x%zx (%s)", name, number, address,
              in_fiber_stack(address) ? "the thread's stack is full" : memory().describe(address).c_str());
    return ILLEGAL_ADDRESS;
}

}  // namespace

API CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, int *options, void **values) {
    return begins(__func__, [&](Call &call) { return load(call, module, image, count, options, values); });
}

API CUresult cuModuleLoadData(CUmodule *module, const void *image) {
    return begins(__func__, [&](Call &call) { return load(call, module, image, 0, nullptr, nullptr); });
}

API CUresult cuModuleUnload(CUmodule handle) {
    return ends(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Module> module = module_handles().find(handle, "module");
        if (!module) return INVALID_HANDLE;
        call.context->synchronize();
        function_handles().remove_if([&](const Function &f) { return f.module == module; });
        module_handles().remove(handle);
        return SUCCESS;
    });
}

API CUresult cuModuleGetFunction(CUfunction *function, CUmodule handle, const char *name) {
    return begins(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Module> module = module_handles().find(handle, "module");
        if (!module || module->owner != call.context) return INVALID_HANDLE;
        for (const ptx::Entry &entry : module->text.entries) {
            if (entry.name != name) continue;
            auto f = std::make_shared<Function>();
            f->owner = call.context;
            f->module = module;
            f->entry = &entry;
            f->kernel = find_kernel(entry.name);
            f->dynamic_shared = std::max(0, device_attribute(attribute_shared) - static_cast<int>(entry.shared));
            *function = static_cast<CUfunction>(function_handles().add(f));
            return SUCCESS;
        }
        return NOT_FOUND;
    });
}

API CUresult cuFuncGetAttribute(int *value, int number, CUfunction handle) {
    return begins(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Function> f = find_function(call, handle);
        return f ? attribute(*f, number, *value) : INVALID_HANDLE;
    });
}

API CUresult cuFuncSetAttribute(CUfunction handle, int number, int value) {
    return begins(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Function> f = find_function(call, handle);
        if (!f) return INVALID_HANDLE;
        if (number == CU_FUNC_SHARED_CARVEOUT) return value >= -1 && value <= 100 ? SUCCESS : INVALID_VALUE;
        const int limit = device_attribute(attribute_optin) - static_cast<int>(f->entry->shared);
        if (number != CU_FUNC_MAX_DYNAMIC_SHARED || value < 0 || value > limit) return INVALID_VALUE;
        f->dynamic_shared = value;
        return SUCCESS;
    });
}

API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int threads, size_t shared) {
    return begins(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Function> f = find_function(call, handle);
        if (!f) return INVALID_HANDLE;
        if (threads < 1) return INVALID_VALUE;
        const size_t each = shared + f->entry->shared + reserved_shared;
        *blocks = std::min({device_attribute(attribute_blocks_sm), device_attribute(attribute_threads_sm) / ((threads + 31) / 32 * 32),
                            static_cast<int>(std::min<size_t>(size_t(device_attribute(attribute_shared_sm)) / each, 64))});
        return SUCCESS;
    });
}

API CUresult cuLaunchKernel(CUfunction handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                            unsigned shared, CUstream stream_handle, void **arguments, void **extra) {
    return begins(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Function> f = find_function(call, handle);
        std::shared_ptr<Stream> stream = call.context->stream(stream_handle);
        if (!f || !stream) return INVALID_HANDLE;
        if (extra || (f->kernel->param_count && !arguments)) return INVALID_VALUE;
        static std::atomic<uint64_t> launches{0};
        Launch launch;
        launch.kernel = f->kernel;
        launch.grid = {gx, gy, gz};
        launch.block = {bx, by, bz};
        launch.shared = shared;
        launch.backward = backward(launches++);
        if (const char *why = refuse(*f, launch)) {
            violation("launch of %s: %s", f->kernel->name, why);
            return INVALID_VALUE;
        }
        launch.arguments = pack(*f->kernel, arguments);
        Device &device = call.context->device;
        Operation operation;
        operation.kind = "kernel";
        operation.bytes = 0;
        operation.engine = &device.compute;
        operation.run = [&device, launch = std::move(launch)] { return run_kernel(device, launch); };
        call.enqueue(stream, std::move(operation));
        return SUCCESS;
    });
}
