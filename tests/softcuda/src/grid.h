// Running a whole launch: a crew of host threads takes blocks until none is left.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "block.h"

class Crew {
  public:
    // Runs all blocks of a launch and returns the first that did not end well, with its number.
    // One launch at a time: the device's engine for kernels sees to that.
    Outcome run(const Launch &launch, uint64_t &block);

  private:
    void member();
    void take_blocks(const Launch &launch);

    std::mutex mutex_;
    std::condition_variable changed_;
    const Launch *launch_ = nullptr;
    uint64_t round_ = 0;     // counts launches
    int members_ = 0, busy_ = 0;
    std::atomic<uint64_t> next_{0};
    std::atomic<bool> failed_{false};
    Outcome outcome_;
    uint64_t bad_block_ = 0;
};

// Runs work on a fiber of the calling thread, so that an illegal address ends the work and not
// the process. The calling thread has a FiberThread.
Fault run_guarded(const std::function<void()> &work);
