// Fibers: stacks of their own that one host thread runs in turn. A fault on a fiber (an
// illegal address, an overflow of its stack, a division by zero) does not end the process: the
// fiber is abandoned and whoever resumed it is told.
#pragma once
#include <cstdint>

struct Fault {
    int signal = 0;  // 0: there was none
    uintptr_t address = 0;
};

// A stack and where it stopped. Stacks are never unmapped: they belong to runners, which are
// used again.
struct Fiber {
    void *stop = nullptr;     // saved stack pointer
    char *stack = nullptr;    // lowest address, a guard page
    void (*entry)(void *) = nullptr;
    void *argument = nullptr;
};

// Makes a fiber that will run entry(argument). Entry never returns; it leaves with leave_fiber.
void make_fiber(Fiber &fiber, void (*entry)(void *), void *argument);

// Starts over a fiber that was abandoned.
void reset_fiber(Fiber &fiber);

// Runs the fiber until it leaves or faults; then it must not be resumed before reset_fiber.
Fault resume_fiber(Fiber &fiber);

// Back to the resumer. Returns when the fiber is resumed.
void leave_fiber();

// Whether an address is in the stack of a fiber, or in the guard below it.
bool in_fiber_stack(uintptr_t address);

// What a thread has while it may resume fibers: a stack for signal handlers, and no signals but
// those that a fault raises, so that the program's own handlers never run on a fiber.
class FiberThread {
  public:
    FiberThread();
    ~FiberThread();
    FiberThread(const FiberThread &) = delete;
    FiberThread &operator=(const FiberThread &) = delete;

  private:
    void *signal_stack_;
};
