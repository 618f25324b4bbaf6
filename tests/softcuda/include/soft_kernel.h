// The seam between kernels and the software driver: how entry points are described and which
// services a running thread has.
#pragma once

namespace soft {

// Where the running thread is; threadIdx and its siblings read it. `runner` is what runs the
// block on this host thread.
struct Place { uint3 thread, block, block_dim, grid_dim; void *runner; };
extern __thread Place here;  // __thread, not thread_local: no call of a wrapper at each use

void *dynamic_shared();
void sync_threads();                                        // wait for all threads of the block
unsigned sync_threads_count(bool predicate);                // and count where it holds
uint64_t shuffle(unsigned mask, uint64_t value, int lane);  // the value of that lane of the warp
unsigned ballot(unsigned mask, bool predicate);
int lane();
[[noreturn]] void trap();

// Size and alignment of a parameter, in bytes.
struct Param { unsigned size, align; };

// An entry point that was compiled in. `call` runs it once with parameters that lie in one
// buffer, each at the next offset that its alignment allows.
struct Kernel {
    const char *file, *name;
    unsigned max_threads, param_count;
    const Param *params;
    void (*call)(const char *packed);
};

// Registers a kernel while the library is loaded.
struct Registration { explicit Registration(const Kernel &); };

template <auto F> struct Entry;
template <class... A, void (*F)(A...)> struct Entry<F> {
    static_assert((std::is_trivially_copyable_v<A> && ...), "kernel parameters are copied as bytes");
    static constexpr Param params[sizeof...(A) + 1] = {{sizeof(A), alignof(A)}..., {0, 1}};
    static constexpr size_t offset(size_t index) {
        size_t at = 0;
        for (size_t i = 0; i <= index; i++) {
            at = (at + params[i].align - 1) / params[i].align * params[i].align;
            if (i < index) at += params[i].size;
        }
        return at;
    }
    template <size_t... I> static void unpack(const char *packed, std::index_sequence<I...>) {
        (void)packed;
        F(*reinterpret_cast<const std::remove_const_t<A> *>(packed + offset(I))...);
    }
    static void call(const char *packed) { unpack(packed, std::index_sequence_for<A...>{}); }
    static constexpr unsigned count = sizeof...(A);
};

template <auto F> constexpr Kernel describe(const char *file, const char *name, unsigned threads) {
    return {file, name, threads, Entry<F>::count, Entry<F>::params, &Entry<F>::call};
}

}  // namespace soft

#define threadIdx soft::here.thread
#define blockIdx soft::here.block
#define blockDim soft::here.block_dim
#define gridDim soft::here.grid_dim
