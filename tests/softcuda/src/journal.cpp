#include "journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "settings.h"

namespace {
int log_file() {
    static const int file = [] {
        const std::string &path = settings().log;
        if (path.empty()) return -1;
        int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (fd < 0) fprintf(stderr, "softcuda: SOFTCUDA_LOG=%s: %s\n", path.c_str(), strerror(errno));
        return fd;
    }();
    return file;
}

// One write, so that lines of several threads and processes do not mix.
void write_line(int file, const char *prefix, const char *format, va_list arguments) {
    char text[1024];
    int start = snprintf(text, sizeof text, "%s", prefix);
    int length = start + vsnprintf(text + start, sizeof text - size_t(start) - 1, format, arguments);
    if (length > int(sizeof text) - 2) length = int(sizeof text) - 2;
    while (length > 0 && text[length - 1] == '\n') length--;
    for (int i = 0; i < length; i++)
        if (text[i] == '\n') text[i] = ';';
    text[length++] = '\n';
    if (write(file, text, size_t(length)) < 0) return;  // a full disk is not the program's fault
}

// "cuMemAlloc" names cuMemAlloc_v2 too.
bool names(const std::string &wanted, const char *call) {
    if (wanted == "any" || wanted == call) return true;
    size_t n = wanted.size();
    return strncmp(call, wanted.c_str(), n) == 0 && strcmp(call + n, "_v2") == 0;
}
}  // namespace

void journal(const char *format, ...) {
    int file = log_file();
    if (file < 0) return;
    va_list arguments;
    va_start(arguments, format);
    write_line(file, "", format, arguments);
    va_end(arguments);
}

void violation(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_line(STDERR_FILENO, "softcuda: ", format, arguments);
    va_end(arguments);
    if (log_file() < 0) return;
    va_start(arguments, format);
    write_line(log_file(), "violation ", format, arguments);
    va_end(arguments);
}

Verdict judge(const char *call) {
    static std::mutex mutex;
    static std::map<const Failure *, uint64_t> calls;  // so far, that a Failure names
    Verdict verdict;
    std::lock_guard<std::mutex> lock(mutex);
    for (const Failure &f : settings().failures) {
        if (!names(f.call, call) || ++calls[&f] != f.nth) continue;
        (f.later ? verdict.later : verdict.now) = f.code;
    }
    return verdict;
}

uint64_t next_id(const char *kind) {
    static std::mutex mutex;
    static std::map<std::string, uint64_t> last;
    std::lock_guard<std::mutex> lock(mutex);
    return ++last[kind];
}
