// Which pinned host memory the copies that are queued will read or write, so that a program
// that touches it too early is found out:
//   - what a copy to the host will write is poisoned when the copy is queued;
//   - what a copy to the device will read must be the same when it is queued and when it runs.
#pragma once
#include <map>
#include <mutex>

#include "cuda_abi.h"

class HostTraffic {
  public:
    // Announces a copy and returns its number. `checkable` says that no other copy uses the range.
    uint64_t begin(uintptr_t at, size_t size, bool &checkable);
    void end(uint64_t number);
    bool busy(uintptr_t at, size_t size) const;

  private:
    bool busy_locked(uintptr_t at, size_t size) const;
    struct Range { uintptr_t at; size_t size; };
    mutable std::mutex mutex_;
    std::map<uint64_t, Range> ranges_;
    uint64_t last_ = 0;
};

HostTraffic &host_traffic();

// A checksum of memory: every byte counts.
uint64_t checksum(const void *data, size_t size);
