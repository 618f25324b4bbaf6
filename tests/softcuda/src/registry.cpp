#include "registry.h"

#include <cstring>
#include <map>
#include <set>

namespace {
std::map<std::string, soft::Kernel> &kernels() {
    static std::map<std::string, soft::Kernel> table;
    return table;
}

std::string base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

std::string compare_entry(const ptx::Entry &entry, const soft::Kernel &kernel) {
    auto line = [&entry](const std::string &text) { return "kernel " + entry.name + ": " + text + "\n"; };
    if (entry.params.size() != kernel.param_count)
        return line("the PTX has " + std::to_string(entry.params.size()) + " parameters, the host build " +
                    std::to_string(kernel.param_count));
    std::string out;
    for (unsigned i = 0; i < kernel.param_count; i++) {
        soft::Param device = entry.params[i], host = kernel.params[i];
        if (device.size != host.size || device.align != host.align)
            out += line("parameter " + std::to_string(i) + " has " + std::to_string(device.size) + " bytes aligned to " +
                        std::to_string(device.align) + " in the PTX, " + std::to_string(host.size) + " aligned to " +
                        std::to_string(host.align) + " in the host build");
    }
    if (entry.max_threads != kernel.max_threads)
        out += line("the PTX has .maxntid " + std::to_string(entry.max_threads) + ", the host build " +
                    std::to_string(kernel.max_threads));
    return out;
}
}  // namespace

namespace soft {
Registration::Registration(const Kernel &k) { kernels()[k.name] = k; }
}  // namespace soft

const soft::Kernel *find_kernel(const std::string &name) {
    auto it = kernels().find(name);
    return it == kernels().end() ? nullptr : &it->second;
}

std::string compare(const ptx::Module &module) {
    std::string out;
    std::set<std::string> declared, files;
    for (const ptx::Entry &entry : module.entries) {
        const soft::Kernel *kernel = find_kernel(entry.name);
        if (!kernel) {
            out += "kernel " + entry.name + ": it is in the PTX but not in the host build\n";
            continue;
        }
        if (!declared.insert(entry.name).second) out += "kernel " + entry.name + ": the PTX declares it twice\n";
        files.insert(kernel->file);
        out += compare_entry(entry, *kernel);
    }
    for (const auto &[name, kernel] : kernels())
        if (files.count(kernel.file) && !declared.count(name))
            out += "kernel " + name + ": it is in the host build of " + base_name(kernel.file) + " but not in the PTX\n";
    return out;
}
