// Handles of streams, events, modules and functions: addresses that are never given twice and
// that hold nothing, so that a handle that was destroyed is known to be one.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "journal.h"

struct Context;

// Address of a new handle.
void *new_handle();

// The live objects of one type. T has an `owner` (Context *), an `id`, and a `kind` for the log
// (null if it is not logged).
template <class T> class Handles {
  public:
    void *add(std::shared_ptr<T> object) {
        void *handle = new_handle();
        std::lock_guard<std::mutex> lock(mutex_);
        if (T::kind) journal("acquire kind=%s id=%llu", T::kind, number(*object));
        live_[handle] = std::move(object);
        return handle;
    }
    // Null, and a line in the log, if the handle is of no live object of this type.
    std::shared_ptr<T> find(const void *handle, const char *what) const {
        std::lock_guard<std::mutex> lock(mutex_);
        auto it = live_.find(const_cast<void *>(handle));
        if (it != live_.end()) return it->second;
        violation("%s %p was never made or is destroyed", what, handle);
        return nullptr;
    }
    void remove(const void *handle) {
        std::lock_guard<std::mutex> lock(mutex_);
        auto it = live_.find(const_cast<void *>(handle));
        if (it == live_.end()) return;
        if (T::kind) journal("release kind=%s id=%llu", T::kind, number(*it->second));
        live_.erase(it);
    }
    // Removes those for which the test holds; the log calls them leaks.
    template <class Test> std::vector<std::shared_ptr<T>> remove_if(Test test) {
        std::lock_guard<std::mutex> lock(mutex_);
        std::vector<std::shared_ptr<T>> removed;
        for (auto it = live_.begin(); it != live_.end();) {
            if (!test(*it->second)) {
                ++it;
                continue;
            }
            if (T::kind) journal("leak kind=%s id=%llu", T::kind, number(*it->second));
            removed.push_back(it->second);
            it = live_.erase(it);
        }
        return removed;
    }

  private:
    static unsigned long long number(const T &object) { return static_cast<unsigned long long>(object.id); }
    mutable std::mutex mutex_;
    std::map<void *, std::shared_ptr<T>> live_;
};
