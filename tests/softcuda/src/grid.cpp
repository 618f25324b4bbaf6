#include "grid.h"

#include <algorithm>
#include <thread>

#include "settings.h"

namespace {

// Runners are expensive (a stack for each of up to 1024 threads), so that those of a thread
// that has ended are used again.
class RunnerPool {
  public:
    std::unique_ptr<Runner> take() {
        std::lock_guard<std::mutex> lock(mutex_);
        if (idle_.empty()) return std::make_unique<Runner>();
        std::unique_ptr<Runner> r = std::move(idle_.back());
        idle_.pop_back();
        return r;
    }
    void give(std::unique_ptr<Runner> r) {
        std::lock_guard<std::mutex> lock(mutex_);
        idle_.push_back(std::move(r));
    }

  private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Runner>> idle_;
};

RunnerPool &runners() {
    static RunnerPool *all = new RunnerPool;  // never destroyed: threads may outlive main
    return *all;
}

}  // namespace

void Crew::take_blocks(const Launch &launch) {
    const uint64_t blocks = launch.blocks();
    std::unique_ptr<Runner> runner;
    for (uint64_t order; !failed_ && (order = next_++) < blocks;) {
        if (!runner) {
            runner = runners().take();
            runner->begin(launch);
        }
        uint64_t block = launch.backward ? blocks - 1 - order : order;
        Outcome outcome = runner->run(block);
        if (outcome.kind == Outcome::done) continue;
        std::lock_guard<std::mutex> lock(mutex_);
        if (failed_.exchange(true)) continue;
        outcome_ = outcome;
        bad_block_ = block;
    }
    if (runner) runners().give(std::move(runner));
}

void Crew::member() {
    FiberThread fibers;
    std::unique_lock<std::mutex> lock(mutex_);
    for (uint64_t seen = 0;;) {
        changed_.wait(lock, [&] { return round_ != seen; });
        seen = round_;
        if (!launch_) continue;
        busy_++;
        const Launch &launch = *launch_;  // run waits for busy_ before it lets go of it
        lock.unlock();
        take_blocks(launch);
        lock.lock();
        if (--busy_ == 0) changed_.notify_all();
    }
}

Outcome Crew::run(const Launch &launch, uint64_t &block) {
    const int extra = static_cast<int>(std::min<uint64_t>(uint64_t(settings().threads), launch.blocks())) - 1;
    {
        std::lock_guard<std::mutex> lock(mutex_);
        launch_ = &launch;
        next_ = 0;
        failed_ = false;
        outcome_ = {};
        round_++;
        for (; members_ < extra; members_++) std::thread([this] { member(); }).detach();
    }
    if (extra > 0) changed_.notify_all();
    take_blocks(launch);
    std::unique_lock<std::mutex> lock(mutex_);
    launch_ = nullptr;  // whoever has not begun by now finds nothing to do
    changed_.wait(lock, [&] { return busy_ == 0; });
    block = bad_block_;
    return outcome_;
}

namespace {
void work_main(void *work) {
    (*static_cast<const std::function<void()> *>(work))();
    for (;;) leave_fiber();
}

// The fiber of run_guarded, one for each that runs at a time.
struct GuardPool {
    std::mutex mutex;
    std::vector<Fiber> idle;
};
GuardPool &guards() {
    static GuardPool *all = new GuardPool;
    return *all;
}
}  // namespace

Fault run_guarded(const std::function<void()> &work) {
    void *argument = const_cast<std::function<void()> *>(&work);
    Fiber fiber;
    {
        std::lock_guard<std::mutex> lock(guards().mutex);
        if (!guards().idle.empty()) {
            fiber = guards().idle.back();
            guards().idle.pop_back();
        }
    }
    if (fiber.stack) {
        fiber.argument = argument;
        reset_fiber(fiber);
    } else {
        make_fiber(fiber, work_main, argument);
    }
    Fault fault = resume_fiber(fiber);
    std::lock_guard<std::mutex> lock(guards().mutex);
    guards().idle.push_back(fiber);
    return fault;
}
