// The knobs: environment variables that are read once, when the driver is first called.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "cuda_abi.h"

// The nth call (from 1) of a function fails with a code: at once, or when the work that it
// queued is reached.
struct Failure {
    std::string call;  // a name with or without its _v2, or "any"
    uint64_t nth = 0;
    CUresult code = UNKNOWN;
    bool later = false;
};

struct Settings {
    size_t memory = size_t(512) << 20;             // SOFTCUDA_MEMORY: bytes of each device; suffixes K, M, G
    int devices = 1;                               // SOFTCUDA_DEVICES: how many there are, at most 16
    int major = 8, minor = 6;                      // SOFTCUDA_CC: compute capability
    int version = 12040;                           // SOFTCUDA_VERSION: 1000*major + 10*minor of CUDA
    int threads = 0;                               // SOFTCUDA_THREADS: host threads that run one launch
    bool random = false;                           // SOFTCUDA_DELAY_SEED is set
    uint64_t seed = 0;                             //   and its value
    std::map<std::string, unsigned> delay;         // SOFTCUDA_DELAY: microseconds by kind: h2d, d2h, d2d, memset, kernel
    bool late = false;                             // SOFTCUDA_LATE=1: work runs only while the program waits
    std::vector<Failure> failures;                 // SOFTCUDA_FAIL: call:n[:code[:later]], several with commas
    std::string log;                               // SOFTCUDA_LOG: file to append to
    std::vector<int> visible;                      // devices that CUDA_VISIBLE_DEVICES leaves, in its order
    std::string mistake;                           // what cannot be read; cuInit fails then
};

const Settings &settings();

// The UUID of a device, and as CUDA_VISIBLE_DEVICES spells it.
void device_uuid(int device, unsigned char uuid[16]);
std::string device_uuid_text(int device);
