// Streams and events. A stream has a thread of its own that carries out what was queued, in
// order; an event is a point that the stream reaches. With SOFTCUDA_LATE it carries out only
// what someone waits for, which is as late as a correct program allows.
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

    uint64_t push(Operation operation);  // returns the operation's number, from 1
    uint64_t queued() const;             // operations so far
    void wait(uint64_t n);               // until operation n is done
    bool ask(uint64_t n);                // whether it is done; a program that asks wants the next one
    bool idle() const;
    void close();                        // the thread ends when everything is done
    bool ended() const;                  // closed, and everything is done

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
    uint64_t queued_ = 0, done_ = 0, wanted_ = 0;
    bool closed_ = false;
};

// One recording of an event: operation n of a stream. Waiting needs no event; it may be
// recorded again or destroyed meanwhile.
struct Record {
    std::shared_ptr<Stream> stream;
    uint64_t n = 0;
    std::chrono::steady_clock::time_point when;  // once it is reached
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
