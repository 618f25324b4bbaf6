// All memory that the driver knows: device memory, pinned host memory, and host memory that was
// registered.
//
// Each allocation has a slot of its own in one reserved range of addresses, between guard pages,
// and addresses are never used twice: an access outside or after the end of its life faults.
// Every second allocation ends at its guard page (but for the alignment of 256 bytes), the
// others start at one. Fresh memory is poisoned, and so is the rest of the slot, which has to
// be as it was when the allocation is freed.
#pragma once
#include <map>
#include <mutex>
#include <string>

#include "cuda_abi.h"

struct Context;

enum class Kind { device, pinned, registered };
const char *name_of(Kind kind);  // as the log calls it

struct Allocation {
    uint64_t id = 0;
    Kind kind = Kind::device;
    Context *owner = nullptr;
    uintptr_t at = 0;
    size_t size = 0;
    uintptr_t slot = 0;  // the pages that may be used, 0 for registered memory
    size_t slot_size = 0;
};

class Memory {
  public:
    // Makes size > 0 bytes. Returns 0 if the system has no more.
    uintptr_t allocate(Kind kind, Context *owner, size_t size);
    // Remembers host memory that is not the driver's own. False if a part of it is known already.
    bool add_registered(Context *owner, uintptr_t at, size_t size);
    // Forgets an allocation; false if there is none of that kind that starts there. Says so in
    // the log if bytes around it were written.
    bool release(Kind kind, uintptr_t at, Allocation *released = nullptr);
    // Frees everything of a context, which the log calls leaks, and returns how many there were.
    int release_all(Context *owner);

    // The allocation that holds the whole range; false if there is none.
    bool find(uintptr_t at, size_t size, Allocation &out) const;
    // Whether the range touches any allocation of this kind.
    bool touches(Kind kind, uintptr_t at, size_t size) const;
    // Where an address is, for messages: "4100 bytes after the start,
    // beyond the end, of alloc 3 of 4096 bytes".
    std::string describe(uintptr_t address) const;

  private:
    uintptr_t map_slot(size_t bytes);
    void forget(std::map<uintptr_t, Allocation>::iterator it, const char *how);

    mutable std::mutex mutex_;
    std::map<uintptr_t, Allocation> live_, freed_;  // by address
    uintptr_t next_ = 0, end_ = 0;                  // of the reserved range
    uint64_t count_ = 0;
};

Memory &memory();
