// Devices and their contexts.
#pragma once
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "cuda_abi.h"
#include "grid.h"
#include "handles.h"
#include "ptx.h"
#include "stream.h"

struct Device;

// A module holds what its text declares; a function is one entry point of it.
struct Module {
    static constexpr const char *kind = "module";
    Context *owner;
    uint64_t id;
    ptx::Module text;
};
struct Function {
    static constexpr const char *kind = nullptr;
    Context *owner;
    uint64_t id;
    std::shared_ptr<Module> module;
    const ptx::Entry *entry;
    const soft::Kernel *kernel;
    std::atomic<int> dynamic_shared;  // largest that a launch may ask for, bytes
};

// The primary context of a device. It exists while someone retains it.
struct Context {
    explicit Context(Device &d) : device(d) {}
    Device &device;

    bool alive() const { return retained_ > 0; }
    void retain();
    bool release();  // false if nobody retains it; the last release ends everything in it

    // The error that has lost the context, SUCCESS if none has.
    CUresult error() const { return error_; }
    void lose(CUresult code);

    // The stream of a handle; null is the default stream. Null if there is none in this context.
    std::shared_ptr<Stream> stream(CUstream handle);
    CUstream make_stream(bool blocking);
    void destroy_stream(CUstream handle, const std::shared_ptr<Stream> &stream);
    // Queues work, and the order between the default stream and the blocking ones with it.
    // Returns its number in the stream.
    uint64_t enqueue(const std::shared_ptr<Stream> &stream, Operation operation);
    void synchronize();

  private:
    std::shared_ptr<Stream> default_stream();
    std::vector<std::shared_ptr<Stream>> streams();

    std::mutex mutex_;
    int retained_ = 0;
    std::atomic<CUresult> error_{SUCCESS};
    std::shared_ptr<Stream> default_;
    std::vector<std::shared_ptr<Stream>> streams_;  // also those that were destroyed and have work left
};

// A device does one copy in each direction and one launch at a time.
struct Device {
    explicit Device(int number) : number(number), primary(*this) {}
    const int number;  // before CUDA_VISIBLE_DEVICES
    Context primary;
    std::mutex upload, download, compute;
    Crew crew;

    bool reserve(size_t bytes);  // false if so much memory is not free
    void give_back(size_t bytes);
    size_t used();

  private:
    std::mutex mutex_;
    size_t used_ = 0;
};

// CUdevice_attribute of every device, 0 for what is not in the table.
int device_attribute(int number);

// The visible devices.
std::vector<Device *> &devices();

Handles<Stream> &stream_handles();
Handles<Event> &event_handles();
Handles<Module> &module_handles();
Handles<Function> &function_handles();
