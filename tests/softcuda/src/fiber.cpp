#include "fiber.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

// soft_switch saves the registers that a call preserves and the stack pointer in *save, and
// goes on where load stopped. It jumps instead of returning: the processor would expect the
// return to go where the last call came from.
extern "C" void soft_switch(void **save, void *load);

#if defined(__x86_64__)
asm(R"(
.text
.globl soft_switch
.hidden soft_switch
.type soft_switch,@function
soft_switch:
    pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
    popq %rcx
    jmp *%rcx
.size soft_switch,.-soft_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl soft_switch
.hidden soft_switch
.type soft_switch,%function
soft_switch:
    sub sp, sp, #176
    stp x19, x20, [sp, #0];   stp x21, x22, [sp, #16];  stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48];  stp x27, x28, [sp, #64];  stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96];    stp d10, d11, [sp, #112]; stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0];   ldp x21, x22, [sp, #16];  ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48];  ldp x27, x28, [sp, #64];  ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96];    ldp d10, d11, [sp, #112]; ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #176
    ret
.size soft_switch,.-soft_switch
)");
#else
#error "soft_switch has to be written for this processor"
#endif

namespace {
constexpr size_t page = 65536;  // the largest page of a supported system
constexpr size_t stack_bytes = size_t(256) << 10, most_stacks = 32768;
constexpr size_t signal_stack_bytes = 65536;

// All stacks lie in one range, so that a signal handler can tell from the stack pointer alone
// whether a fiber was running: on a thread of the program it must not touch thread-local data.
struct Stacks {
    char *base = nullptr;
    std::atomic<size_t> used{0};
    Stacks() {
        void *m = mmap(nullptr, stack_bytes * most_stacks, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (m != MAP_FAILED) base = static_cast<char *>(m);
    }
    char *take() {
        size_t n = used++;
        char *stack = base + n * stack_bytes;
        if (!base || n >= most_stacks || mprotect(stack + page, stack_bytes - page, PROT_READ | PROT_WRITE)) {
            fprintf(stderr, "softcuda: no memory for the stack of a fiber\n");
            abort();
        }
        return stack;
    }
    bool has(uintptr_t address) const {
        uintptr_t low = reinterpret_cast<uintptr_t>(base);
        return low && address >= low && address < low + stack_bytes * most_stacks;
    }
};
Stacks &stacks() {
    static Stacks *all = new Stacks;  // never destroyed: threads may outlive main
    return *all;
}

struct Current {
    Fiber *fiber;      // that runs on this thread
    void *resumer;     // stack pointer of resume_fiber
    int signal;        // of the fault that ended the fiber, 0 if there was none
    uintptr_t address;
};
__thread Current current;

constexpr int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
struct sigaction earlier[65];

uintptr_t stack_pointer(void *context) {
    auto *uc = static_cast<ucontext_t *>(context);
#if defined(__x86_64__)
    return static_cast<uintptr_t>(uc->uc_mcontext.gregs[REG_RSP]);
#else
    return static_cast<uintptr_t>(uc->uc_mcontext.sp);
#endif
}

// A fault outside a fiber is the program's: Go's handler, or whichever was there, gets it.
void pass_on(int signal, siginfo_t *info, void *context) {
    const struct sigaction &old = earlier[signal];
    if (old.sa_flags & SA_SIGINFO) old.sa_sigaction(signal, info, context);
    else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) old.sa_handler(signal);
    else sigaction(signal, &old, nullptr);  // the instruction runs again and ends the process
}

void on_fault(int signal, siginfo_t *info, void *context) {
    if (!stacks().has(stack_pointer(context))) return pass_on(signal, info, context);
    current.signal = signal;
    current.address = reinterpret_cast<uintptr_t>(info->si_addr);
    // The handler never returns, so the signals that it blocked are unblocked here.
    sigset_t set;
    sigemptyset(&set);
    for (int s : fault_signals) sigaddset(&set, s);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    void *abandoned;
    soft_switch(&abandoned, current.resumer);
}

void install_handlers() {
    static const bool once = [] {
        stacks();
        struct sigaction action = {};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        for (int s : fault_signals) sigaction(s, &action, &earlier[s]);
        return true;
    }();
    (void)once;
}

extern "C" void soft_fiber_main() {
    Fiber *f = current.fiber;
    f->entry(f->argument);
    abort();
}
}  // namespace

void reset_fiber(Fiber &fiber) {
    // Stacks begin at different places of a page, or all would compete for the same cache lines.
    const size_t number = static_cast<size_t>(fiber.stack - stacks().base) / stack_bytes;
    void **top = reinterpret_cast<void **>(fiber.stack + stack_bytes - number * 832 % 8192 / 16 * 16);
#if defined(__x86_64__)
    *--top = nullptr;  // so that the stack is aligned as after a call
    *--top = reinterpret_cast<void *>(&soft_fiber_main);
    for (int i = 0; i < 6; i++) *--top = nullptr;
#else
    top -= 22;
    for (int i = 0; i < 22; i++) top[i] = nullptr;
    top[11] = reinterpret_cast<void *>(&soft_fiber_main);  // x30
#endif
    fiber.stop = top;
}

void make_fiber(Fiber &fiber, void (*entry)(void *), void *argument) {
    fiber.stack = stacks().take();
    fiber.entry = entry;
    fiber.argument = argument;
    reset_fiber(fiber);
}

Fault resume_fiber(Fiber &fiber) {
    current.fiber = &fiber;
    current.signal = 0;
    soft_switch(&current.resumer, fiber.stop);
    current.fiber = nullptr;
    return {current.signal, current.signal ? current.address : 0};
}

void leave_fiber() {
    Fiber *f = current.fiber;
    soft_switch(&f->stop, current.resumer);
}

bool in_fiber_stack(uintptr_t address) { return stacks().has(address); }

FiberThread::FiberThread() : signal_stack_(malloc(signal_stack_bytes)) {
    install_handlers();
    stack_t stack = {};
    stack.ss_sp = signal_stack_;
    stack.ss_size = signal_stack_bytes;
    sigaltstack(&stack, nullptr);
    sigset_t set;
    sigfillset(&set);
    for (int s : fault_signals) sigdelset(&set, s);
    pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

FiberThread::~FiberThread() {
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
    free(signal_stack_);
}
