#include "context.h"

#include <algorithm>

#include "journal.h"
#include "memory.h"
#include "settings.h"

// Nothing here is ever destroyed: the threads of streams may outlive main.
std::vector<Device *> &devices() {
    static std::vector<Device *> *all = [] {
        auto *list = new std::vector<Device *>;
        for (int number : settings().visible) list->push_back(new Device(number));
        return list;
    }();
    return *all;
}

Handles<Stream> &stream_handles() {
    static auto *all = new Handles<Stream>;
    return *all;
}
Handles<Event> &event_handles() {
    static auto *all = new Handles<Event>;
    return *all;
}
Handles<Module> &module_handles() {
    static auto *all = new Handles<Module>;
    return *all;
}
Handles<Function> &function_handles() {
    static auto *all = new Handles<Function>;
    return *all;
}

bool Device::reserve(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (bytes > settings().memory - used_) return false;
    used_ += bytes;
    return true;
}

void Device::give_back(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    used_ -= bytes;
}

size_t Device::used() {
    std::lock_guard<std::mutex> lock(mutex_);
    return used_;
}

void Context::retain() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!retained_++) error_ = SUCCESS;
    journal("acquire kind=context id=%d", device.number);
}

bool Context::release() {
    {
        std::lock_guard<std::mutex> lock(mutex_);
        if (!retained_) return false;
        journal("release kind=context id=%d", device.number);
        if (--retained_) return true;
    }
    auto ours = [this](const auto &object) { return object.owner == this; };
    for (const auto &stream : stream_handles().remove_if(ours)) stream->close();
    synchronize();
    event_handles().remove_if(ours);
    function_handles().remove_if(ours);
    module_handles().remove_if(ours);
    memory().release_all(this);
    device.give_back(device.used());
    std::lock_guard<std::mutex> lock(mutex_);
    if (default_) default_->close();
    default_ = nullptr;
    streams_.clear();
    return true;
}

void Context::lose(CUresult code) {
    CUresult none = SUCCESS;
    if (code) error_.compare_exchange_strong(none, code);
}

std::vector<std::shared_ptr<Stream>> Context::streams() {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::shared_ptr<Stream>> all = streams_;
    if (default_) all.push_back(default_);
    return all;
}

std::shared_ptr<Stream> Context::default_stream() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!default_) default_ = Stream::start(this, false);
    return default_;
}

// 1 and 2 are CU_STREAM_LEGACY and CU_STREAM_PER_THREAD; threads have no default stream of
// their own here.
std::shared_ptr<Stream> Context::stream(CUstream handle) {
    if (!handle || handle == reinterpret_cast<CUstream>(1)) return default_stream();
    std::shared_ptr<Stream> s = stream_handles().find(handle, "stream");
    if (!s) return nullptr;
    if (s->owner == this) return s;
    violation("stream %llu is of another device than the current context", static_cast<unsigned long long>(s->id));
    return nullptr;
}

CUstream Context::make_stream(bool blocking) {
    std::shared_ptr<Stream> s = Stream::start(this, blocking);
    std::lock_guard<std::mutex> lock(mutex_);
    streams_.push_back(s);
    return static_cast<CUstream>(stream_handles().add(s));
}

void Context::destroy_stream(CUstream handle, const std::shared_ptr<Stream> &stream) {
    stream_handles().remove(handle);
    stream->close();
    std::lock_guard<std::mutex> lock(mutex_);
    streams_.erase(std::remove_if(streams_.begin(), streams_.end(), [](const auto &s) { return s->ended(); }), streams_.end());
}

uint64_t Context::enqueue(const std::shared_ptr<Stream> &stream, Operation operation) {
    auto wait_for = [&](const std::shared_ptr<Stream> &other) {
        if (other == stream || other->idle()) return;
        Operation wait;
        wait.kind = "wait";
        wait.always = true;
        wait.run = [other, all = other->queued()] { return other->wait(all), SUCCESS; };
        stream->push(std::move(wait));
    };
    std::shared_ptr<Stream> zero;
    {
        std::lock_guard<std::mutex> lock(mutex_);
        zero = default_;
    }
    if (stream == zero) {
        for (const auto &other : streams())
            if (other->blocking) wait_for(other);
    } else if (zero && stream->blocking) {
        wait_for(zero);
    }
    return stream->push(std::move(operation));
}

void Context::synchronize() {
    for (const auto &s : streams()) s->wait(s->queued());
}
