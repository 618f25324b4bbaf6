// Reading PTX text as far as entry points go: what a module declares, to be compared with what
// was compiled in.
#pragma once
#include <string>
#include <vector>

#include "host_cuda.h"

namespace ptx {

// An entry point as the text declares it.
struct Entry {
    std::string name;
    std::vector<soft::Param> params;
    unsigned max_threads = 0;  // .maxntid; 0 if it is not there
    size_t shared = 0;         // bytes of static shared memory that it uses
    size_t local = 0;          // bytes of local memory of a thread: its stack and its spills
};

struct Module {
    int version = 0;  // .version, as 10*major + minor
    int target = 0;   // .target sm_N
    std::vector<Entry> entries;
    std::string mistake;  // what cannot be read
};

Module parse(const std::string &text);

}  // namespace ptx
