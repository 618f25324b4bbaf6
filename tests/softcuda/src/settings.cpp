#include "settings.h"

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {
constexpr int most_devices = 16;
const char *const delay_kinds[] = {"h2d", "d2h", "d2d", "memset", "kernel"};

std::vector<std::string> split(const std::string &text, char separator) {
    std::vector<std::string> parts(1);
    for (char c : text) {
        if (c == separator) parts.emplace_back();
        else parts.back() += c;
    }
    return parts;
}

// Reads a whole decimal number that fits 63 bits.
bool number(const std::string &text, uint64_t &out) {
    if (text.empty() || text.size() > 18) return false;
    for (char c : text)
        if (!isdigit(static_cast<unsigned char>(c))) return false;
    out = strtoull(text.c_str(), nullptr, 10);
    return true;
}

// "64M" -> 67108864. The largest that is accepted is 1 TiB.
bool byte_size(std::string text, size_t &out) {
    int shift = 0;
    if (!text.empty()) {
        switch (text.back()) {
        case 'K': shift = 10; break;
        case 'M': shift = 20; break;
        case 'G': shift = 30; break;
        }
        if (shift) text.pop_back();
    }
    uint64_t n;
    if (!number(text, n) || n > (uint64_t(1) << 40 >> shift)) return false;
    out = size_t(n) << shift;
    return true;
}

// "2ms" or "150us" -> microseconds, at most a minute.
bool duration(std::string text, unsigned &out) {
    uint64_t unit = 0, n;
    if (text.size() > 2) {
        std::string suffix = text.substr(text.size() - 2);
        unit = suffix == "ms" ? 1000 : suffix == "us" ? 1 : 0;
        text.resize(text.size() - 2);
    }
    if (!unit || !number(text, n) || n * unit > 60000000) return false;
    out = static_cast<unsigned>(n * unit);
    return true;
}

// "h2d=2ms,kernel=500us"
bool delays(const std::string &text, std::map<std::string, unsigned> &out) {
    for (const std::string &part : split(text, ',')) {
        size_t equals = part.find('=');
        if (equals == std::string::npos) return false;
        std::string kind = part.substr(0, equals);
        bool known = false;
        for (const char *k : delay_kinds) known |= kind == k;
        if (!known || !duration(part.substr(equals + 1), out[kind])) return false;
    }
    return true;
}

// "cuMemAlloc:3:2,any:17:719:later"
bool failures(const std::string &text, std::vector<Failure> &out) {
    for (const std::string &part : split(text, ',')) {
        std::vector<std::string> word = split(part, ':');
        Failure f;
        uint64_t code = UNKNOWN;
        if (word.size() < 2 || word.size() > 4 || word[0].empty() || !number(word[1], f.nth) || !f.nth) return false;
        if (word.size() > 2 && (!number(word[2], code) || !code || code > UNKNOWN)) return false;
        if (word.size() > 3 && word[3] != "later") return false;
        f.call = word[0];
        f.code = static_cast<CUresult>(code);
        f.later = word.size() > 3;
        out.push_back(f);
    }
    return true;
}

bool capability(const std::string &text, Settings &s) {
    int used = 0;
    return sscanf(text.c_str(), "%d.%d%n", &s.major, &s.minor, &used) == 2 && size_t(used) == text.size() &&
           s.major > 0 && s.minor >= 0;
}

// A device that an entry of CUDA_VISIBLE_DEVICES names: an index, or a UUID or the start of one.
int visible_device(const std::string &entry, int devices) {
    uint64_t index;
    if (number(entry, index)) return index < uint64_t(devices) ? static_cast<int>(index) : -1;
    for (int d = 0; d < devices; d++)
        if (entry.size() > 4 && device_uuid_text(d).compare(0, entry.size(), entry) == 0) return d;
    return -1;
}

// The list ends at the first entry that names no device, as in NVIDIA's driver; a device that
// is named twice makes the list empty.
std::vector<int> visible_devices(const char *text, int devices) {
    std::vector<int> out;
    if (!text) {
        for (int d = 0; d < devices; d++) out.push_back(d);
        return out;
    }
    for (const std::string &entry : split(text, ',')) {
        int device = visible_device(entry, devices);
        if (device < 0) break;
        for (int earlier : out)
            if (earlier == device) return {};
        out.push_back(device);
    }
    return out;
}

Settings read() {
    Settings s;
    auto knob = [&s](const char *name, auto parse) {
        const char *text = getenv(name);
        if (text && *text && !parse(std::string(text))) s.mistake = std::string(name) + "=" + text;
    };
    auto integer = [](int &out, uint64_t limit) {
        return [&out, limit](const std::string &text) {
            uint64_t n;
            bool ok = number(text, n) && n <= limit;
            if (ok) out = static_cast<int>(n);
            return ok;
        };
    };
    knob("SOFTCUDA_MEMORY", [&](const std::string &t) { return byte_size(t, s.memory); });
    knob("SOFTCUDA_DEVICES", integer(s.devices, most_devices));
    knob("SOFTCUDA_CC", [&](const std::string &t) { return capability(t, s); });
    knob("SOFTCUDA_VERSION", integer(s.version, 99990));
    knob("SOFTCUDA_THREADS", integer(s.threads, 64));
    knob("SOFTCUDA_DELAY_SEED", [&](const std::string &t) { return s.random = number(t, s.seed); });
    knob("SOFTCUDA_DELAY", [&](const std::string &t) { return delays(t, s.delay); });
    knob("SOFTCUDA_LATE", [&](const std::string &t) { return s.late = t == "1", s.late || t == "0"; });
    knob("SOFTCUDA_FAIL", [&](const std::string &t) { return failures(t, s.failures); });
    knob("SOFTCUDA_LOG", [&](const std::string &t) { s.log = t; return true; });
    if (!s.threads) {
        unsigned cores = std::thread::hardware_concurrency();
        s.threads = cores < 1 ? 1 : cores > 4 ? 4 : static_cast<int>(cores);
    }
    s.visible = visible_devices(getenv("CUDA_VISIBLE_DEVICES"), s.devices);
    return s;
}
}  // namespace

const Settings &settings() {
    static const Settings *once = new Settings(read());  // never destroyed: streams may outlive main
    return *once;
}

void device_uuid(int device, unsigned char uuid[16]) {
    memcpy(uuid, "softcuda-device", 15);
    uuid[15] = static_cast<unsigned char>(device);
}

std::string device_uuid_text(int device) {
    unsigned char id[16];
    device_uuid(device, id);
    std::string text = "GPU-";
    for (int i = 0; i < 16; i++) {
        char hex[4];
        snprintf(hex, sizeof hex, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
        text += hex;
    }
    return text;
}
