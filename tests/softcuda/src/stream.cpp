#include "stream.h"

#include <algorithm>
#include <thread>

#include "context.h"
#include "fiber.h"
#include "journal.h"
#include "settings.h"

namespace {

// SplitMix64 (Steele, Lea, Flood 2014): a well mixed function of its argument.
uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

// The random delay of operation n of a stream, in microseconds: half of them have none, the
// others up to 60 or, one in sixteen, up to 2000. It depends on nothing else.
unsigned random_delay(uint64_t stream, uint64_t n) {
    if (!settings().random) return 0;
    uint64_t r = mix(mix(mix(settings().seed) ^ stream) ^ n);
    uint64_t limit = r % 16 < 8 ? 1 : r % 16 < 15 ? 60 : 2000;
    return static_cast<unsigned>((r >> 8) % limit);
}

unsigned fixed_delay(const char *kind) {
    auto it = settings().delay.find(kind);
    return it == settings().delay.end() ? 0 : it->second;
}

void pause(unsigned microseconds) {
    if (microseconds) std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
}
}  // namespace

Stream::Stream(Context *owner, bool blocking) : owner(owner), id(next_id(kind)), blocking(blocking) {}

std::shared_ptr<Stream> Stream::start(Context *owner, bool blocking) {
    auto stream = std::make_shared<Stream>(owner, blocking);
    std::thread([stream] { stream->main(); }).detach();
    return stream;
}

void Stream::main() {
    FiberThread fibers;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
        if (queue_.empty()) return;
        Operation operation = std::move(queue_.front());
        queue_.pop_front();
        const uint64_t n = done_ + 1;
        if (settings().late) changed_.wait(lock, [&] { return wanted_ >= n; });
        lock.unlock();
        carry_out(operation, n);
        operation = {};  // what it holds on to ends here, before anyone is told
        lock.lock();
        done_ = n;
        changed_.notify_all();
    }
}

void Stream::carry_out(Operation &operation, uint64_t n) {
    if (operation.always) {
        operation.run();
        return;
    }
    const unsigned random = random_delay(id, n), fixed = fixed_delay(operation.kind);
    journal("op stream=%llu n=%llu kind=%s bytes=%zu delay=%u", static_cast<unsigned long long>(id),
            static_cast<unsigned long long>(n), operation.kind, operation.bytes, random + fixed);
    pause(random);
    std::unique_lock<std::mutex> busy;
    if (operation.engine) busy = std::unique_lock<std::mutex>(*operation.engine);
    pause(fixed);
    if (owner->error()) return;
    owner->lose(operation.late ? operation.late : operation.run());
}

uint64_t Stream::push(Operation operation) {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(operation));
    changed_.notify_all();
    return ++queued_;
}

uint64_t Stream::queued() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return queued_;
}

void Stream::wait(uint64_t n) {
    std::unique_lock<std::mutex> lock(mutex_);
    wanted_ = std::max(wanted_, n);
    changed_.notify_all();
    changed_.wait(lock, [&] { return done_ >= n; });
}

bool Stream::ask(uint64_t n) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (done_ >= n) return true;
    wanted_ = std::max(wanted_, done_ + 1);
    changed_.notify_all();
    return false;
}

bool Stream::idle() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return done_ == queued_;
}

void Stream::close() {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

bool Stream::ended() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return closed_ && done_ == queued_;
}
