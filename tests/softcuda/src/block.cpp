#include "block.h"

#include <link.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "poison.h"

namespace soft {
__thread Place here;
}

namespace {
constexpr size_t most_shared = size_t(256) << 10, page = 65536;

// The thread-local data of this library on the calling thread, which is where static shared
// memory lies.
struct Local { void *data; size_t size; };

int find_local(dl_phdr_info *info, size_t, void *out) {
    uintptr_t code = reinterpret_cast<uintptr_t>(&find_local);
    const ElfW(Phdr) *tls = nullptr;
    bool ours = false;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) &h = info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + h.p_vaddr;
        if (h.p_type == PT_LOAD && code >= start && code < start + h.p_memsz) ours = true;
        if (h.p_type == PT_TLS) tls = &h;
    }
    if (ours && tls) *static_cast<Local *>(out) = {info->dlpi_tls_data, tls->p_memsz};
    return ours;
}

// Everything thread-local is overwritten but the place, so a thread that resumes fibers keeps
// nothing else in thread-local data while no fiber runs.
void poison_static_shared() {
    Local local = {nullptr, 0};
    soft::Place keep = soft::here;
    dl_iterate_phdr(find_local, &local);
    if (local.data) memset(local.data, POISON, local.size);
    soft::here = keep;
}
}  // namespace

// Dynamic shared memory ends at a guard page.
Runner::Runner() {
    void *m = mmap(nullptr, most_shared + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED || mprotect(static_cast<char *>(m) + page, most_shared, PROT_READ | PROT_WRITE)) abort();
    shared_mapping_ = static_cast<char *>(m);
}

// The fibers' stacks stay: they are kept for the runner's life and there is one runner for
// each thread of a pool that lives as long as the process.
Runner::~Runner() { munmap(shared_mapping_, most_shared + 2 * page); }

void Runner::begin(const Launch &launch) {
    abandon();  // fibers must not go on that have run on another host thread
    launch_ = &launch;
    count_ = launch.threads();
    shared_ = shared_mapping_ + page + most_shared - (launch.shared + 15) / 16 * 16;
    soft::here.runner = this;
    soft::here.block_dim = launch.block;
    soft::here.grid_dim = launch.grid;
    poison_static_shared();
}

Outcome Runner::run(uint64_t block) {
    const uint3 grid = launch_->grid;
    soft::here.block = {static_cast<unsigned>(block % grid.x), static_cast<unsigned>(block / grid.x % grid.y),
                        static_cast<unsigned>(block / grid.x / grid.y)};
    if (launch_->shared) memset(shared_, POISON, launch_->shared);
    next_ = live_ = 0;
    outcome_ = {};
    waiting_.assign(count_, nullptr);
    lanes_.resize(count_);
    if (start_threads()) {
        for (bool progress = true; progress && live_;) {
            progress = false;
            for (unsigned first = 0; first < count_; first += 32)
                while (release_warp(first)) progress = true;
            if (!progress) progress = release_block();
            if (outcome_.kind != Outcome::done) break;
        }
        if (live_ && outcome_.kind == Outcome::done) {
            outcome_.kind = Outcome::deadlock;
            outcome_.text = describe_deadlock();
        }
    }
    if (outcome_.kind != Outcome::done) abandon();
    return outcome_;
}

// A strand takes threads that have not started until one of them waits; then the next strand.
bool Runner::start_threads() {
    while (next_ < count_)
        if (!resume(spare())) return false;
    return true;
}

void Runner::strand_main(void *runner) {
    Runner *r = static_cast<Runner *>(runner);
    Strand *strand = r->self_;
    for (;;) {
        while (r->next_ < r->count_) {
            unsigned order = r->next_++;
            strand->thread = r->launch_->backward ? r->count_ - 1 - order : order;
            strand->state = running;
            r->waiting_[strand->thread] = strand;
            r->live_++;
            r->place(strand->thread);
            r->launch_->kernel->call(r->launch_->arguments.data());
            r->live_--;
            r->waiting_[strand->thread] = nullptr;
        }
        strand->state = idle;
        r->spares_.push_back(strand);
        leave_fiber();
    }
}

Runner::Strand *Runner::spare() {
    if (spares_.empty()) {
        strands_.push_back(std::make_unique<Strand>());
        make_fiber(strands_.back()->fiber, strand_main, this);
        return strands_.back().get();
    }
    Strand *s = spares_.back();
    spares_.pop_back();
    return s;
}

bool Runner::resume(Strand *strand) {
    self_ = strand;
    if (strand->state != idle) {
        strand->state = running;
        place(strand->thread);
    }
    Fault fault = resume_fiber(strand->fiber);
    if (fault.signal) {
        outcome_.kind = Outcome::fault;
        outcome_.where = fault;
    }
    return outcome_.kind == Outcome::done;
}

void Runner::place(unsigned thread) const {
    const uint3 dim = launch_->block;
    if (thread < dim.x) soft::here.thread = {thread, 0, 0};  // no division where one dimension is all
    else soft::here.thread = {thread % dim.x, thread / dim.x % dim.y, thread / dim.x / dim.y};
}

// Whether every lane of the mask waits for exactly this rendezvous, or has ended.
bool Runner::arrived(unsigned first, unsigned mask) const {
    for (unsigned lane = 0; lane < 32 && first + lane < count_; lane++) {
        const Strand *s = mask >> lane & 1 ? waiting_[first + lane] : nullptr;
        if (s && !(s->state == at_warp && s->mask == mask)) return false;
    }
    return true;
}

// Lets the lanes go on that have a complete rendezvous in the warp that starts at `first`.
bool Runner::release_warp(unsigned first) {
    Strand *go[32];
    unsigned count = 0;
    for (unsigned lane = 0; lane < 32 && first + lane < count_; lane++) {
        Strand *s = waiting_[first + lane];
        if (!s || s->state != at_warp || !arrived(first, s->mask)) continue;
        unsigned group = 0;
        for (unsigned k = 0; k < 32 && first + k < count_; k++) {
            Strand *member = s->mask >> k & 1 ? waiting_[first + k] : nullptr;
            if (!member) continue;
            group |= 1u << k;
            lanes_[first + k].value = member->value;
            member->state = running;
            go[count++] = member;
        }
        for (unsigned k = 0; k < 32; k++)
            if (group >> k & 1) lanes_[first + k].group = group;
    }
    if (launch_->backward)
        for (unsigned i = 0; i < count / 2; i++) std::swap(go[i], go[count - 1 - i]);
    for (unsigned i = 0; i < count; i++)
        if (!resume(go[i])) return false;
    return count > 0;
}

// Lets all threads go on if all that live wait at the barrier of the block.
bool Runner::release_block() {
    std::vector<Strand *> go;
    unsigned counted = 0;
    for (Strand *s : waiting_) {
        if (!s) continue;
        if (s->state != at_block) return false;
        counted += s->value != 0;
        go.push_back(s);
    }
    counted_ = counted;
    for (Strand *s : go) s->state = running;
    for (size_t i = 0; i < go.size(); i++)
        if (!resume(go[launch_->backward ? go.size() - 1 - i : i])) return false;
    return !go.empty();
}

void Runner::wait_block(bool predicate) {
    Strand *s = self_;
    s->state = at_block;
    s->value = predicate;
    leave_fiber();
}

void Runner::wait_warp(unsigned mask, uint64_t value) {
    Strand *s = self_;
    if (!(mask >> (s->thread & 31) & 1)) give_up(Outcome::deadlock);
    s->state = at_warp;
    s->mask = mask;
    s->value = value;
    leave_fiber();
}

bool Runner::brought(int lane, uint64_t &value) const {
    unsigned first = self_->thread & ~31u, other = first + (unsigned(lane) & 31);
    if (!(lanes_[self_->thread].group >> (lane & 31) & 1)) return false;
    value = lanes_[other].value;
    return true;
}

void Runner::give_up(Outcome::Kind kind) {
    outcome_.kind = kind;
    if (kind == Outcome::deadlock) outcome_.text = "thread " + std::to_string(self_->thread) + " is not in the mask that it waits with";
    for (;;) leave_fiber();
}

std::string Runner::describe_deadlock() const {
    unsigned block = 0, warp = 0, mask = 0;
    for (const Strand *s : waiting_) {
        if (!s) continue;
        if (s->state == at_block) block++;
        else if (!warp++) mask = s->mask;
    }
    char text[160];
    snprintf(text, sizeof text, "of %u threads %u wait at __syncthreads and %u at a warp operation (mask 0x%08x)", count_, block, warp, mask);
    return text;
}

// After a failure all strands start over.
void Runner::abandon() {
    spares_.clear();
    for (auto &s : strands_) {
        reset_fiber(s->fiber);
        s->state = idle;
        spares_.push_back(s.get());
    }
    self_ = nullptr;
}

// ---------------------------------------------------------------- what threads call
namespace {
Runner &runner() { return *static_cast<Runner *>(soft::here.runner); }
}  // namespace

namespace soft {

void *dynamic_shared() { return runner().shared(); }
void sync_threads() { runner().wait_block(false); }
int lane() { return static_cast<int>(runner().thread() & 31); }
void trap() { runner().give_up(Outcome::trap); }

unsigned sync_threads_count(bool predicate) {
    runner().wait_block(predicate);
    return runner().counted();
}

// A lane that did not take part has no value; the caller gets poison, as it would get
// anything on a device.
uint64_t shuffle(unsigned mask, uint64_t value, int lane) {
    runner().wait_warp(mask, value);
    uint64_t other;
    return runner().brought(lane, other) ? other : ~uint64_t(0);
}

unsigned ballot(unsigned mask, bool predicate) {
    runner().wait_warp(mask, predicate);
    unsigned votes = 0;
    uint64_t vote;
    for (int lane = 0; lane < 32; lane++)
        if (runner().brought(lane, vote) && vote) votes |= 1u << lane;
    return votes;
}

}  // namespace soft
