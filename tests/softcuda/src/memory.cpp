#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "journal.h"
#include "poison.h"

namespace {
constexpr size_t guard = size_t(1) << 20, alignment = 256;  // cuMemAlloc: aligned for any type, 256 bytes in practice
constexpr size_t reserved = size_t(1) << 42, reserved_small = size_t(1) << 36;

size_t page() {
    static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return size;
}

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// The first byte in [from, to) that is no poison, or `to`.
uintptr_t first_changed(uintptr_t from, uintptr_t to) {
    while (from < to && *reinterpret_cast<unsigned char *>(from) == POISON) from++;
    return from;
}

void check_surroundings(const Allocation &a) {
    uintptr_t before = first_changed(a.slot, a.at), end = a.at + a.size;
    uintptr_t after = first_changed(end, a.slot + a.slot_size);
    if (before < a.at)
        violation("%s %llu (%zu bytes) was written %zu bytes before its start", name_of(a.kind),
                  static_cast<unsigned long long>(a.id), a.size, size_t(a.at - before));
    if (after < a.slot + a.slot_size)
        violation("%s %llu (%zu bytes) was written %zu bytes after its end", name_of(a.kind),
                  static_cast<unsigned long long>(a.id), a.size, size_t(after - end));
}
}  // namespace

const char *name_of(Kind kind) {
    return kind == Kind::device ? "alloc" : kind == Kind::pinned ? "pinned" : "registered";
}

Memory &memory() {
    static Memory *all = new Memory;  // never destroyed: streams may outlive main
    return *all;
}

// Makes pages usable between two guards. The caller holds the lock.
uintptr_t Memory::map_slot(size_t bytes) {
    if (!end_) {
        for (size_t size : {reserved, reserved_small}) {
            void *m = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (m == MAP_FAILED) continue;
            next_ = round_up(reinterpret_cast<uintptr_t>(m), guard) + guard;
            end_ = reinterpret_cast<uintptr_t>(m) + size;
            break;
        }
    }
    if (bytes > end_ - next_ || end_ - next_ - bytes < guard) return 0;
    if (mprotect(reinterpret_cast<void *>(next_), bytes, PROT_READ | PROT_WRITE)) return 0;
    uintptr_t slot = next_;
    next_ += bytes + guard;
    return slot;
}

uintptr_t Memory::allocate(Kind kind, Context *owner, size_t size) {
    if (size > reserved) return 0;
    std::lock_guard<std::mutex> lock(mutex_);
    Allocation a;
    a.kind = kind;
    a.owner = owner;
    a.size = size;
    a.slot_size = round_up(size, page());
    a.slot = map_slot(a.slot_size);
    if (!a.slot) return 0;
    memset(reinterpret_cast<void *>(a.slot), POISON, a.slot_size);
    bool at_end = kind == Kind::device && count_++ % 2 == 0;
    a.at = at_end ? a.slot + a.slot_size - round_up(size, alignment) : a.slot;
    a.id = next_id(name_of(kind));
    live_[a.at] = a;
    journal("acquire kind=%s id=%llu bytes=%zu", name_of(kind), static_cast<unsigned long long>(a.id), size);
    return a.at;
}

bool Memory::add_registered(Context *owner, uintptr_t at, size_t size) {
    for (Kind kind : {Kind::device, Kind::pinned, Kind::registered})
        if (touches(kind, at, size)) return false;
    std::lock_guard<std::mutex> lock(mutex_);
    Allocation a;
    a.kind = Kind::registered;
    a.owner = owner;
    a.at = at;
    a.size = size;
    a.id = next_id(name_of(a.kind));
    live_[at] = a;
    journal("acquire kind=%s id=%llu bytes=%zu", name_of(a.kind), static_cast<unsigned long long>(a.id), size);
    return true;
}

void Memory::forget(std::map<uintptr_t, Allocation>::iterator it, const char *how) {
    const Allocation a = it->second;
    live_.erase(it);
    if (a.slot) {
        check_surroundings(a);
        // New pages without access: the old ones go back to the system, the addresses stay ours.
        mmap(reinterpret_cast<void *>(a.slot), a.slot_size, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        freed_[a.at] = a;
    }
    journal("%s kind=%s id=%llu", how, name_of(a.kind), static_cast<unsigned long long>(a.id));
}

bool Memory::release(Kind kind, uintptr_t at, Allocation *released) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto it = live_.find(at);
    if (it == live_.end() || it->second.kind != kind) return false;
    if (released) *released = it->second;
    forget(it, "release");
    return true;
}

int Memory::release_all(Context *owner) {
    std::lock_guard<std::mutex> lock(mutex_);
    int count = 0;
    for (auto it = live_.begin(); it != live_.end();) {
        auto here = it++;
        if (here->second.owner != owner) continue;
        forget(here, "leak");
        count++;
    }
    return count;
}

bool Memory::find(uintptr_t at, size_t size, Allocation &out) const {
    std::lock_guard<std::mutex> lock(mutex_);
    auto it = live_.upper_bound(at);
    if (it == live_.begin()) return false;
    const Allocation &a = (--it)->second;
    if (at - a.at > a.size || size > a.size - (at - a.at)) return false;
    out = a;
    return true;
}

bool Memory::touches(Kind kind, uintptr_t at, size_t size) const {
    std::lock_guard<std::mutex> lock(mutex_);
    auto it = live_.upper_bound(at);
    if (it != live_.begin()) --it;
    for (; it != live_.end() && it->first < at + size; ++it)
        if (it->second.kind == kind && it->first + it->second.size > at) return true;
    return false;
}

std::string Memory::describe(uintptr_t address) const {
    std::lock_guard<std::mutex> lock(mutex_);
    const Allocation *nearest = nullptr;
    size_t distance = guard;
    bool is_live = false;
    auto consider = [&](const Allocation &a, bool live) {
        size_t d = address < a.at ? a.at - address : address < a.at + a.size ? 0 : address - a.at - a.size + 1;
        if (d >= distance) return;
        nearest = &a;
        distance = d;
        is_live = live;
    };
    for (const auto &[at, a] : live_) consider(a, true);
    for (const auto &[at, a] : freed_) consider(a, false);
    if (!nearest) return "far from any memory of the device";
    char text[160];
    const Allocation &a = *nearest;
    const size_t offset = address < a.at ? a.at - address : address - a.at;
    const char *where = address < a.at ? "before the start" : distance ? "after the start, beyond the end," : "after the start";
    snprintf(text, sizeof text, "%zu bytes %s of %s %llu of %zu bytes%s", offset, where, name_of(a.kind),
             static_cast<unsigned long long>(a.id), a.size, is_live ? "" : ", freed");
    return text;
}
