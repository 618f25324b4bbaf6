// Streams and events. A stream has a thread of its own that carries out what was queued, in
// order; an event is a point that the stream reaches.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "cuda_abi.h"

struct Context;

// What a stream carries out.
struct Operation {
    const char *kind;               // h2d, d2h, d2d, memset, kernel, record, wait
    size_t bytes = 0;               // for the log
    std::function<CUresult()> run;  // a result other than success loses the context
    std::mutex *engine = nullptr;   // held meanwhile: what can do one thing at a time
    CUresult late = SUCCESS;        // instead of running it, lose the context with this code
    bool always = false;            // is carried out in a lost context too, and never delayed
};

class Stream : public std::enable_shared_from_this<Stream> {
  public:
    static constexpr const char *kind = "stream";

    // Makes a stream and its thread. A blocking one orders itself with the default stream.
    static std::shared_ptr<Stream> start(Context *owner, bool blocking);

    void push(Operation operation);
    uint64_t queued() const;         // operations so far
    void wait(uint64_t queued);      // until so many are done
    bool idle() const;
    void close();                    // the thread ends when everything is done
    bool ended() const;              // closed, and everything is done

    Context *const owner;
    const uint64_t id;
    const bool blocking;

    Stream(Context *owner, bool blocking);

  private:
    void main();
    void carry_out(Operation &operation, uint64_t n);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Operation> queue_;
    uint64_t queued_ = 0, done_ = 0;
    bool closed_ = false;
};

// One recording of an event. Waiting needs no event: it may be recorded again or destroyed.
struct Record {
    void reach();
    void wait();
    bool reached();
    std::chrono::steady_clock::time_point when() { return when_; }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool reached_ = false;
    std::chrono::steady_clock::time_point when_;
};

struct Event {
    static constexpr const char *kind = "event";
    Context *owner;
    uint64_t id;
    bool timed;
    std::mutex mutex;
    std::shared_ptr<Record> latest;  // null if it was never recorded

    std::shared_ptr<Record> record() {
        std::lock_guard<std::mutex> lock(mutex);
        return latest;
    }
};
