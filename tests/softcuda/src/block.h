// Running one block of threads on one host thread.
//
// A fiber runs one thread after another as plain calls. When a thread has to wait for others
// its fiber stays with it, and another fiber goes on with the threads that have not started.
// So a kernel without barriers and shuffles costs one fiber for each block, and a kernel with
// them one for each thread. A rendezvous is complete when everyone it names has arrived or
// has ended; if nobody can go on, the block is in a deadlock.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "fiber.h"
#include "host_cuda.h"

// One launch. Blocks and threads may be run in another than the natural order, because a
// device promises none.
struct Launch {
    const soft::Kernel *kernel = nullptr;
    std::vector<char> arguments;  // packed, as Kernel::call wants them
    uint3 grid = {1, 1, 1}, block = {1, 1, 1};
    size_t shared = 0;  // bytes of dynamic shared memory
    bool backward = false;

    unsigned threads() const { return block.x * block.y * block.z; }
    uint64_t blocks() const { return uint64_t(grid.x) * grid.y * grid.z; }
};

// How a block ended.
struct Outcome {
    enum Kind { done, fault, deadlock, trap } kind = done;
    Fault where;       // of a fault
    std::string text;  // what is known about a deadlock
};

class Runner {
  public:
    Runner();
    ~Runner();
    Runner(const Runner &) = delete;
    Runner &operator=(const Runner &) = delete;

    // Before the first block of a launch on this host thread: poisons static shared memory.
    void begin(const Launch &launch);
    Outcome run(uint64_t block);

    // What threads call.
    void wait_block(bool predicate);
    void wait_warp(unsigned mask, uint64_t value);
    unsigned thread() const { return self_->thread; }
    unsigned counted() const { return counted_; }
    // The value that a lane of the caller's warp brought to the rendezvous that the caller
    // has just left, and whether that lane took part.
    bool brought(int lane, uint64_t &value) const;
    void *shared() const { return shared_; }
    [[noreturn]] void give_up(Outcome::Kind kind);

  private:
    enum State { idle, running, at_block, at_warp };
    struct Strand {  // a fiber, and the thread that it runs
        Fiber fiber;
        unsigned thread = 0, mask = 0;
        State state = idle;
        uint64_t value = 0;
    };
    struct Lane {  // of each thread: what it brought to its last complete rendezvous
        uint64_t value = 0;
        unsigned group = 0;
    };

    static void strand_main(void *runner);
    Strand *spare();
    bool resume(Strand *strand);  // false if the block has failed
    bool start_threads();
    bool release_warp(unsigned first);
    bool release_block();
    bool arrived(unsigned first, unsigned mask) const;
    void place(unsigned thread) const;
    std::string describe_deadlock() const;
    void abandon();

    const Launch *launch_ = nullptr;
    unsigned count_ = 0, next_ = 0, live_ = 0, counted_ = 0;
    std::vector<std::unique_ptr<Strand>> strands_;
    std::vector<Strand *> spares_;
    std::vector<Strand *> waiting_;  // by thread: null if it has not started or has ended
    std::vector<Lane> lanes_;
    Strand *self_ = nullptr;
    Outcome outcome_;
    char *shared_mapping_ = nullptr;
    void *shared_ = nullptr;
};
