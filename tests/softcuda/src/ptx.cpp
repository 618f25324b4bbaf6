#include "ptx.h"

#include <cctype>
#include <cstdlib>
#include <map>

namespace ptx {
namespace {

// Text is the PTX without comments, read from left to right.
class Text {
  public:
    explicit Text(const std::string &source) {
        for (size_t i = 0; i < source.size();) {
            if (source.compare(i, 2, "//") == 0) i = end_of(source, "\n", i);
            else if (source.compare(i, 2, "/*") == 0) i = end_of(source, "*/", i);
            else text_ += source[i++];
        }
    }
    bool done() { return skip_space(), at_ >= text_.size(); }

    // The next word: letters, digits and the signs of PTX names, or one other character.
    std::string word() {
        skip_space();
        size_t start = at_;
        while (at_ < text_.size() && name_character(text_[at_])) at_++;
        if (at_ == start && at_ < text_.size()) at_++;
        return text_.substr(start, at_ - start);
    }
    // What stands between the opening bracket that was just read and its closing one.
    std::string inside(char open, char close) {
        size_t start = at_;
        for (int depth = 1; at_ < text_.size(); at_++) {
            if (text_[at_] == open) depth++;
            else if (text_[at_] == close && --depth == 0) return text_.substr(start, at_++ - start);
        }
        return text_.substr(start);
    }

  private:
    static size_t end_of(const std::string &s, const char *mark, size_t from) {
        size_t found = s.find(mark, from + 1);
        return found == std::string::npos ? s.size() : found + (mark[1] ? 2 : 0);
    }
    static bool name_character(char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' || c == '.'; }
    void skip_space() {
        while (at_ < text_.size() && isspace(static_cast<unsigned char>(text_[at_]))) at_++;
    }
    std::string text_;
    size_t at_ = 0;
};

// Bytes of a fundamental type: ".u64" -> 8, 0 if it is none.
unsigned type_size(const std::string &type) {
    if (type.size() < 3 || type[0] != '.' || std::string("usbf").find(type[1]) == std::string::npos) return 0;
    for (unsigned bits : {8u, 16u, 32u, 64u, 128u})
        if (type.substr(2) == std::to_string(bits)) return bits / 8;
    return 0;
}

// A variable after its state space: ".align 8 .b8 name[24]" or ".u64 .ptr .global .align 4 name".
struct Variable {
    std::string name;
    soft::Param param = {0, 0};
};
Variable variable(Text &text, const std::string &stop) {
    Variable v;
    unsigned alignment = 0, size = 0, count = 1;
    bool pointer = false;
    for (std::string w = text.word(); !w.empty() && w != stop; w = text.word()) {
        if (w == ".ptr") pointer = true;
        else if (w == ".align") {
            unsigned value = static_cast<unsigned>(strtoul(text.word().c_str(), nullptr, 10));
            if (!pointer) alignment = value;  // after .ptr it is the alignment of what it points to
        } else if (w == "[") count = static_cast<unsigned>(strtoul(text.inside('[', ']').c_str(), nullptr, 10));
        else if (type_size(w)) size = type_size(w);
        else if (w[0] != '.') v.name = w;
    }
    v.param = {size * count, alignment ? alignment : size};
    return v;
}

// Adds up the .local variables of a body, and the module's shared variables that it names.
void read_body(const std::string &body, const std::map<std::string, size_t> &shared, Entry &entry) {
    Text text(body);
    std::map<std::string, size_t> used;
    while (!text.done()) {
        std::string w = text.word();
        if (w == ".local") entry.local += variable(text, ";").param.size;
        else if (w == ".shared") {
            Variable v = variable(text, ";");
            used[v.name] = v.param.size;
        } else if (auto it = shared.find(w); it != shared.end()) used.insert(*it);
    }
    for (const auto &[name, size] : used) entry.shared += size;
}

Entry read_entry(Text &text, const std::map<std::string, size_t> &shared) {
    Entry entry;
    entry.name = text.word();
    for (std::string w = text.word(); !w.empty() && w != ";"; w = text.word()) {
        if (w == "(") {
            Text list(text.inside('(', ')'));
            while (!list.done())
                if (list.word() == ".param") entry.params.push_back(variable(list, ",").param);
        } else if (w == ".maxntid") {
            entry.max_threads = 1;
            do entry.max_threads *= static_cast<unsigned>(strtoul(text.word().c_str(), nullptr, 10));
            while ((w = text.word()) == ",");
            if (w == "{") return read_body(text.inside('{', '}'), shared, entry), entry;
        } else if (w == "{") return read_body(text.inside('{', '}'), shared, entry), entry;
    }
    return entry;
}

}  // namespace

Module parse(const std::string &source) {
    Module m;
    Text text(source);
    std::map<std::string, size_t> shared;
    while (!text.done()) {
        std::string w = text.word();
        if (w == ".version") {
            std::string v = text.word();
            size_t dot = v.find('.');
            m.version = 10 * atoi(v.c_str()) + (dot == std::string::npos ? 0 : atoi(v.c_str() + dot + 1));
        } else if (w == ".target") {
            std::string v = text.word();
            m.target = v.compare(0, 3, "sm_") == 0 ? atoi(v.c_str() + 3) : 0;
        } else if (w == ".shared") {
            Variable v = variable(text, ";");
            shared[v.name] = v.param.size;
        } else if (w == ".entry") {
            m.entries.push_back(read_entry(text, shared));
        } else if (w == "{") {
            text.inside('{', '}');  // the body of a function that is no entry point
        }
    }
    if (!m.version) m.mistake = "no .version directive: this is not PTX";
    else if (!m.target) m.mistake = "no .target sm_N directive";
    else if (m.entries.empty()) m.mistake = "no entry points";
    return m;
}

}  // namespace ptx
