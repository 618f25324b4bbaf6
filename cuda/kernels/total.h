// Totals over elements, in shared memory. Sums follow the sum rule of kernels/sum.go: 64 lanes
// add in order, lanes fold by halves, chunks fold by halves, blocks add in order. A block of
// threads holds a lane for every element of a step. Tallies are integers, one a thread, which
// go to global memory in any order.
#pragma once
#include "element.h"
#include "layout.h"
#include "number.h"
#include "walk.h"

// The dynamic shared memory of a block: registers, lanes of sums, slots of chunks, tallies.
struct Shared {
    m64 *words;
    DEVICE_MEMBER char *bytes() const { return (char *)words; }
};

// Adds the numbers, or their products by fma, to their lanes. Numbers of both compute types
// are exact as double.
template <class F, int V, class Bits> DEVICE void add_to_lanes(m64 *lanes, bool products, int n, const Bits (&x)[V], const Bits (&y)[V]) {
    u64 sum[V];
    read((const char *)lanes, sum);
    UNROLL for (int j = 0; j < V; j++) {
        const double v = number<F>(x[j]), w = number<F>(y[j]), s = number<double>(sum[j]);
        sum[j] = j < n ? bits_of(products ? fused(v, w, s) : s + v) : sum[j];
    }
    write((char *)lanes, sum);
}

template <int V, class Bits> DEVICE void tally_count(m64 &tally, int n, const Bits (&x)[V]) {
    u64 sum = tally;
    UNROLL for (int j = 0; j < V; j++) sum += j < n && x[j] != 0;
    tally = sum;
}

template <class F, int V, class Bits> DEVICE void tally_max(m64 &tally, int n, const Bits (&x)[V]) {
    u64 most = tally;
    UNROLL for (int j = 0; j < V; j++) {
        const u64 key = order_key(double(number<F>(x[j])));
        most = j < n && key > most ? key : most;
    }
    tally = most;
}

// Adds the upper half of x, of which the first n are in use, to the lower half until one is
// left. The others are +0 by the rule; adding one of them to the end does what all would: it
// makes +0 of -0, which is what products too small for a double leave.
DEVICE double fold(m64 *x, u32 width, s64 n) {
    const bool all = n >= width;
    ROLLED for (u32 half = width / 2; half > 0; half /= 2) {
        ROLLED for (u32 k = 0; k < half && k + half < n; k++)
            x[k] = bits_of(number<double>(u64(x[k])) + number<double>(u64(x[k + half])));
        n = least(n, half);
    }
    const double sum = number<double>(u64(x[0]));
    return all ? sum : sum + 0.0;
}

template <int V> struct Totals {
    u64 code, row;
    Shared shared;

    DEVICE_MEMBER u32 sums() const { return head(code, HEAD_SUMS); }
    DEVICE_MEMBER u32 pitch() const { return all_threads() * V; }  // lanes of all groups
    DEVICE_MEMBER m64 *lanes() const { return shared.words + head(code, HEAD_LANES); }  // [sums][pitch]
    DEVICE_MEMBER m64 *chunks() const { return lanes() + sums() * pitch(); }            // [sums][CHUNK_SLOTS]
    DEVICE_MEMBER m64 *tallies() const { return chunks() + sums() * CHUNK_SLOTS; }      // [tallies][threads]

    // Entry k of the lists of sums, tallies and flags, and the address of the result in it.
    DEVICE_MEMBER u32 listed(u32 k) const { return *at<m32>(code + head(code, HEAD_LISTS) + 4 * k); }
    DEVICE_MEMBER u64 result(u32 entry) const { return *at<m64>(row + 8ull * (entry & 0xffff)); }
    DEVICE_MEMBER void put_sum(u32 sum, s64 index, double x) const { *at<m64>(result(listed(sum)) + 8 * index) = canonical(x); }

    DEVICE_MEMBER void clear_lanes() const {
        const u64 zero[V] = {};
        ROLLED for (u32 s = 0; s < sums(); s++) write((char *)(lanes() + s * pitch() + this_thread() * V), zero);
    }

    // Ends a round, in which all threads of the block are.
    DEVICE_MEMBER void end_round(const Walk<V> &walk, s64 tile, s64 round) const {
        const u32 kind = walk.kind();
        if (kind == WALK_COLUMNS) {
            end_columns(walk.columns(tile), walk.cols());
            return;
        }
        const s64 elems = walk.elems(tile, round), piece = round * walk.groups() + walk.group();
        __syncthreads();
        ROLLED for (u32 s = this_thread() % (LANES / V); s < sums() && elems > 0; s += LANES / V) {  // a thread for each sum of the group
            const double x = fold(lanes() + s * pitch() + walk.group() * LANES, LANES, elems);
            if (kind == WALK_ROWS) put_sum(s, tile * walk.groups() + piece, x + 0.0);  // the other chunks
            else chunks()[s * CHUNK_SLOTS + piece % CHUNKS] = bits_of(x);
        }
        __syncthreads();
        const s64 done = (round + 1) * walk.groups(), all = walk.chunks(tile);
        if (kind == WALK_RANGES && (done % CHUNKS == 0 || done >= all)) end_block(tile, done, all);
    }

    // Every lane is a result.
    DEVICE_MEMBER void end_columns(typename Walk<V>::Columns c, s64 cols) const {
        ROLLED for (u32 s = 0; s < sums(); s++) {
            u64 sum[V];
            read((const char *)(lanes() + s * pitch() + this_thread() * V), sum);
            UNROLL for (int j = 0; j < V; j++) {
                if (j < c.lanes) put_sum(s, c.stripe * cols + c.col + j, number<double>(sum[j]));
            }
        }
    }

    // Ends a block of the sum rule, after `done` of `all` chunks of the tile. The last slot of
    // a sum holds the blocks before.
    DEVICE_MEMBER void end_block(s64 tile, s64 done, s64 all) const {
        const s64 first = (done - 1) / CHUNKS * CHUNKS;
        ROLLED for (u32 s = this_thread(); s < sums(); s += all_threads()) {
            m64 *slots = chunks() + s * CHUNK_SLOTS;
            double x = fold(slots, CHUNKS, least(all, done) - first);
            if (first > 0) x = number<double>(u64(slots[CHUNKS])) + x;
            else if (head(code, HEAD_WALK) == WALK_ROWS) x = 0.0 + x;
            slots[CHUNKS] = bits_of(x);
            if (done >= all) put_sum(s, tile, x);
        }
    }

    DEVICE_MEMBER void clear_tallies() const {
        ROLLED for (u32 k = 0; k < head(code, HEAD_TALLIES); k++) tallies()[k * all_threads() + this_thread()] = 0;
    }

    // Adds the tallies of the block, in which all threads are, to the results.
    DEVICE_MEMBER void end_tallies() const {
        const u32 count = head(code, HEAD_TALLIES), thread = this_thread();
        if (count == 0) return;
        ROLLED for (u32 half = all_threads() / 2; half > 0; half /= 2) {
            __syncthreads();
            ROLLED for (u32 k = 0; k < count && thread < half; k++) {
                m64 *x = tallies() + k * all_threads() + thread;
                u64 a = x[0], b = x[half];
                x[0] = listed(sums() + k) & TALLY_MAX ? (a > b ? a : b) : a + b;
            }
        }
        ROLLED for (u32 k = 0; k < count && thread == 0; k++) {
            const u32 entry = listed(sums() + k);
            const u64 to = result(entry), x = tallies()[k * all_threads()];
            if (x == 0) continue;
            if (entry & TALLY_MAX) atomicMax((u64 *)to, x);
            else atomicAdd((u64 *)to, x);
        }
        __syncthreads();
    }

    // Sets bit 0 of the flags of operands in which the thread found NaN or infinity.
    DEVICE_MEMBER void raise_flags(u64 bad) const {
        ROLLED for (u32 k = 0; bad != 0 && k < head(code, HEAD_FLAGS); k++) {
            const u32 entry = listed(sums() + head(code, HEAD_TALLIES) + k);
            if (bad >> (entry >> 16) & 1) atomicOr((u32 *)result(entry), 1u);
        }
    }
};
