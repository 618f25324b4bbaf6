// The two compute types: their bits, and operations that round once. Every operation is
// written out, because contraction is off and nothing fuses by itself.
#pragma once
#include "device.h"

template <class F> struct Number;
template <> struct Number<float> {
    typedef u32 Bits;
    static constexpr u32 width = 32, sign = 0x80000000u, inf = 0x7f800000u, nan = 0x7fc00000u;
};
template <> struct Number<double> {
    typedef u64 Bits;
    static constexpr u64 width = 64, sign = 1ull << 63, inf = 0x7ffull << 52, nan = 0x7ff8ull << 48;
};

template <class F> DEVICE typename Number<F>::Bits bits_of(F x) { return bits_as<typename Number<F>::Bits>(x); }
template <class F> DEVICE F number(typename Number<F>::Bits b) { return bits_as<F>(b); }
template <class F> DEVICE typename Number<F>::Bits magnitude(F x) { return bits_of(x) & ~Number<F>::sign; }

DEVICE float fused(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
DEVICE double fused(double x, double y, double z) { return __builtin_fma(x, y, z); }
DEVICE float root(float x) { return __builtin_sqrtf(x); }
DEVICE double root(double x) { return __builtin_sqrt(x); }
DEVICE float integral(float x) { return __builtin_rintf(x); }
DEVICE double integral(double x) { return __builtin_rint(x); }

template <class F> DEVICE F sign_of(F x) { return x > 0 ? F(1) : x < 0 ? F(-1) : F(0); }
template <class F> DEVICE F min_of(F x, F y) { return x != x || x < y ? x : y; }
template <class F> DEVICE F max_of(F x, F y) { return x != x || x > y ? x : y; }

// NaN to +0, infinity to the largest finite number of that sign: the one before it. By bits.
template <class F> DEVICE typename Number<F>::Bits nan_to_num(typename Number<F>::Bits b) {
    const typename Number<F>::Bits m = b & ~Number<F>::sign;
    return m == Number<F>::inf ? b - 1 : m > Number<F>::inf ? 0 : b;
}

// Keys that compare as numbers do, a NaN above all; no key is 0.
DEVICE u64 order_key(double x) {
    u64 b = bits_of(x);
    return x != x ? ~0ull : b >> 63 ? ~b : b | 1ull << 63;
}

// The bits of a sum as they are stored: one NaN.
DEVICE u64 canonical(double x) { return x != x ? Number<double>::nan : bits_of(x); }
