// The kernels that were compiled in, and whether a PTX module is their twin.
#pragma once
#include <string>

#include "ptx.h"

// A kernel by name, null if it was not compiled in.
const soft::Kernel *find_kernel(const std::string &name);

// Compares a module with what was compiled in: every entry point that the module declares has
// a host kernel with the same parameters and the same launch bound, and of each .cu file that
// it touches it declares all kernels. Returns one line for each difference, "" if there is none.
std::string compare(const ptx::Module &module);
