#include "host_traffic.h"

#include <cstring>

HostTraffic &host_traffic() {
    static HostTraffic *all = new HostTraffic;  // never destroyed: streams may outlive main
    return *all;
}

bool HostTraffic::busy_locked(uintptr_t at, size_t size) const {
    for (const auto &[number, r] : ranges_)
        if (r.at < at + size && at < r.at + r.size) return true;
    return false;
}

bool HostTraffic::busy(uintptr_t at, size_t size) const {
    std::lock_guard<std::mutex> lock(mutex_);
    return busy_locked(at, size);
}

uint64_t HostTraffic::begin(uintptr_t at, size_t size, bool &checkable) {
    std::lock_guard<std::mutex> lock(mutex_);
    checkable = !busy_locked(at, size);
    ranges_[++last_] = {at, size};
    return last_;
}

void HostTraffic::end(uint64_t number) {
    std::lock_guard<std::mutex> lock(mutex_);
    ranges_.erase(number);
}

uint64_t checksum(const void *data, size_t size) {
    const char *bytes = static_cast<const char *>(data);
    uint64_t sum[4] = {1, 2, 3, 4};  // four chains keep the multiplier busy
    size_t i = 0;
    for (; i + 32 <= size; i += 32) {
        for (size_t k = 0; k < 4; k++) {
            uint64_t word;
            memcpy(&word, bytes + i + 8 * k, 8);
            sum[k] = (sum[k] ^ word) * 0x9e3779b97f4a7c15;
        }
    }
    for (; i < size; i++) sum[i % 4] = (sum[i % 4] ^ static_cast<unsigned char>(bytes[i])) * 0x9e3779b97f4a7c15;
    return sum[0] ^ (sum[1] << 1) ^ (sum[2] << 2) ^ (sum[3] << 3);
}
