// Elements in global memory, one at a time at any alignment, or four at once where their
// address is a multiple of what they take.
#pragma once
#include "device.h"

// The element of 1 << log bytes at p.
DEVICE u64 get(u64 p, u32 log) {
    if ((p & ((1u << log) - 1)) == 0) {
        switch (log) {
        case 0: return *at<m8>(p);
        case 1: return *at<m16>(p);
        case 2: return *at<m32>(p);
        }
        return *at<m64>(p);
    }
    u64 v = 0;
    ROLLED for (u32 k = 0; k < 1u << log; k++) v |= u64(*at<m8>(p + k)) << 8 * k;
    return v;
}

DEVICE void put(u64 p, u32 log, u64 v) {
    if ((p & ((1u << log) - 1)) == 0) {
        switch (log) {
        case 0: *at<m8>(p) = u8(v); return;
        case 1: *at<m16>(p) = u16(v); return;
        case 2: *at<m32>(p) = u32(v); return;
        }
        *at<m64>(p) = v;
        return;
    }
    ROLLED for (u32 k = 0; k < 1u << log; k++, v >>= 8) *at<m8>(p + k) = u8(v);
}

// Four elements of up to 4 bytes: a queue of 128 bits, the first element in the lowest.
struct Quad { u64 lo, hi; };

// Whether four elements at p can be moved at once.
DEVICE bool quad_fits(u64 p, u32 log) { return log < 3 && (p & ((4u << log) - 1)) == 0; }

DEVICE Quad get_quad(u64 p, u32 log) {
    switch (log) {
    case 0: return {*at<m32>(p), 0};
    case 1: return {*at<m64>(p), 0};
    }
    m64x2 v = *at<m64x2>(p);
    return {v[0], v[1]};
}

// Takes the first element out.
DEVICE u64 pop(Quad &q, u32 log) {
    u32 bits = 8u << log;
    u64 v = q.lo & ((1ull << bits) - 1);
    q.lo = q.lo >> bits | q.hi << (64 - bits);
    q.hi >>= bits;
    return v;
}

// Puts an element in as the last one; after four they fill the highest bits.
DEVICE void push(Quad &q, u32 log, u64 v) {
    u32 bits = 8u << log;
    q.lo = q.lo >> bits | q.hi << (64 - bits);
    q.hi = q.hi >> bits | v << (64 - bits);
}

// Writes four elements that were pushed.
DEVICE void put_quad(u64 p, u32 log, Quad q) {
    switch (log) {
    case 0: *at<m32>(p) = u32(q.hi >> 32); return;
    case 1: *at<m64>(p) = q.hi; return;
    }
    m64x2 v = {q.lo, q.hi};
    *at<m64x2>(p) = v;
}

// Registers in shared memory: V numbers, as bits, at an address that is a multiple of what
// they take.
DEVICE void read(const char *p, u32 (&x)[1]) { x[0] = *(const m32 *)p; }
DEVICE void read(const char *p, u64 (&x)[1]) { x[0] = *(const m64 *)p; }
DEVICE void read(const char *p, u32 (&x)[4]) {
    const m32x4 v = *(const m32x4 *)p;
    UNROLL for (int j = 0; j < 4; j++) x[j] = v[j];
}
DEVICE void read(const char *p, u64 (&x)[4]) {
    const m64x2 v = *(const m64x2 *)p, w = *(const m64x2 *)(p + 16);
    x[0] = v[0], x[1] = v[1], x[2] = w[0], x[3] = w[1];
}

DEVICE void write(char *p, const u32 (&x)[1]) { *(m32 *)p = x[0]; }
DEVICE void write(char *p, const u64 (&x)[1]) { *(m64 *)p = x[0]; }
DEVICE void write(char *p, const u32 (&x)[4]) {
    const m32x4 v = {x[0], x[1], x[2], x[3]};
    *(m32x4 *)p = v;
}
DEVICE void write(char *p, const u64 (&x)[4]) {
    const m64x2 v = {x[0], x[1]}, w = {x[2], x[3]};
    *(m64x2 *)p = v, *(m64x2 *)(p + 16) = w;
}
