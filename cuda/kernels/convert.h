// Stored elements to numbers and back: the twin of kernels/convert*.go, which says what each
// element type does. An element is the low bits of a u64. Types are the numbers of TYPE_* in
// layout.h.
#pragma once
#include "layout.h"
#include "number.h"

// A float of 8 or 16 bits: `man` bits of mantissa, `top` its largest finite code.
struct Small {
    int man, bias;
    u32 top, nan, sign;
    bool inf;   // code top+1 is infinity
    bool fnuz;  // the code of -0 is NaN
};

DEVICE Small small_of(u32 type) {
    switch (type) {
    case TYPE_F16: return {10, 15, 0x7bff, 0x7e00, 0x8000, true, false};
    case TYPE_F8_E5M2: return {2, 15, 0x7b, 0x7f, 0x80, true, false};
    case TYPE_F8_E4M3FNUZ: return {3, 8, 0x7f, 0x80, 0x80, false, true};
    case TYPE_F8_E5M2FNUZ: return {2, 16, 0x7f, 0x80, 0x80, false, true};
    default: return {3, 7, 0x7e, 0x7f, 0x80, false, false};  // F8_E4M3
    }
}

// The number of a code. A subnormal is an integer times the last place.
DEVICE float small_decode(Small s, u32 code) {
    u32 mag = code & (s.sign - 1), b = (code & s.sign) != 0 ? Number<float>::sign : 0;
    if ((s.fnuz && code == s.nan) || mag > s.top + s.inf) return number<float>(Number<float>::nan);
    if (mag > s.top) return number<float>(b | Number<float>::inf);
    if (mag >> s.man == 0) return number<float>(b | bits_of(float(mag) * number<float>(u32(127 + 1 - s.bias - s.man) << 23)));
    return number<float>(b | ((mag << (23 - s.man)) + (u32(127 - s.bias) << 23)));
}

// The code nearest to x, ties to even. Below the normal range, adding a number whose last
// place is that of the type rounds; above, rounding carries into the exponent.
DEVICE u32 small_encode(Small s, float x) {
    u32 a = magnitude(x), mag;
    if (a > Number<float>::inf) return s.nan;
    if (a < u32(128 - s.bias) << 23) {
        u32 unit = u32(127 + 23 + 1 - s.bias - s.man) << 23;
        mag = bits_of(number<float>(a) + number<float>(unit)) - unit;
    } else {
        int cut = 23 - s.man;
        mag = (a + (1u << (cut - 1)) - 1 + (a >> cut & 1)) >> cut;
        mag -= u32(127 - s.bias) << s.man;
    }
    if (mag > s.top) {
        if (!s.inf) return s.nan;
        mag = s.top + 1;
    }
    if (mag == 0 && s.fnuz) return 0;
    return mag | (bits_of(x) >> 31 ? s.sign : 0);
}

// F8_E8M0 holds powers of two; 1.5 times a power rounds up.
DEVICE u32 power_encode(float x) {
    u32 a = magnitude(x), e = a >> 23, m = a & 0x7fffff;
    if (a > Number<float>::inf || a == Number<float>::inf || x < 0) return 0xff;
    return e == 0 ? m >= 0x600000 : e + (m >= 0x400000);
}

DEVICE float power_decode(u32 code) {
    return number<float>(code == 0xff ? Number<float>::nan : code == 0 ? 0x400000 : code << 23);
}

// x rounded to odd: an inexact result is the neighbour of x whose last bit is set, which
// another rounding to a narrower type takes for x itself.
DEVICE float to_odd(float x) { return x; }
DEVICE float to_odd(double x) {
    float f = float(x);
    u32 b = bits_of(f);
    if (double(f) == x || x != x || b & 1) return f;
    bool above = __builtin_fabs(double(f)) > __builtin_fabs(x);
    return number<float>(above ? b - 1 : b + 1);
}

DEVICE bool is_unsigned(u32 type) { return type == TYPE_U8 || type == TYPE_U16 || type == TYPE_U32 || type == TYPE_U64; }
DEVICE bool is_float(u32 type) {
    switch (type) {
    case TYPE_BOOL: case TYPE_I8: case TYPE_I16: case TYPE_I32: case TYPE_I64: return false;
    }
    return !is_unsigned(type);
}

// The size of an element as a power of two of bytes.
DEVICE u32 size_log(u32 type) {
    switch (type) {
    case TYPE_I16: case TYPE_U16: case TYPE_F16: case TYPE_BF16: return 1;
    case TYPE_I32: case TYPE_U32: case TYPE_F32: return 2;
    case TYPE_I64: case TYPE_U64: case TYPE_F64: return 3;
    }
    return 0;
}

template <class F> DEVICE F widen(u64 raw, u32 type) {
    switch (type) {
    case TYPE_BOOL: return F(raw != 0);
    case TYPE_I8: return F(s8(raw));
    case TYPE_I16: return F(s16(raw));
    case TYPE_I32: return F(s32(raw));
    case TYPE_I64: return F(s64(raw));
    case TYPE_U8: case TYPE_U16: case TYPE_U32: case TYPE_U64: return F(raw);
    case TYPE_BF16: return F(number<float>(u32(raw) << 16));
    case TYPE_F32: return F(number<float>(u32(raw)));
    case TYPE_F64: return F(number<double>(raw));
    case TYPE_F8_E8M0: return F(power_decode(u32(raw)));
    }
    return F(small_decode(small_of(type), u32(raw)));
}

// Fractions are cut off, what is too large becomes the nearest integer, NaN 0.
template <class F> DEVICE u64 narrow_int(F x, u32 type) {
    u32 bits = 8u << size_log(type);
    if (is_unsigned(type)) {
        F above = F(1ull << (bits - 1)) * 2;
        return x >= above ? ~0ull : x > 0 ? u64(x) : 0;
    }
    F above = F(1ull << (bits - 1));
    u64 sign = 1ull << (bits - 1);
    return x >= above ? sign - 1 : x <= -above ? sign : x == x ? u64(s64(x)) : 0;
}

// The element of x. Bits above its size are not specified.
template <class F> DEVICE u64 narrow(F x, u32 type) {
    switch (type) {
    case TYPE_F64: return canonical(double(x));
    case TYPE_F32: return x != x ? Number<float>::nan : bits_of(float(x));
    case TYPE_BF16: {
        u32 b = bits_of(to_odd(x));
        return x != x ? 0x7fc0 : (b + 0x7fff + (b >> 16 & 1)) >> 16;
    }
    case TYPE_F8_E8M0: return power_encode(to_odd(x));
    case TYPE_BOOL: return x != 0;  // NaN too
    }
    return is_float(type) ? small_encode(small_of(type), to_odd(x)) : narrow_int(x, type);
}

// Whether an element is NaN or infinite. The element may have bits above its size.
DEVICE bool is_bad(u64 raw, u32 type) {
    switch (type) {
    case TYPE_F64: return (raw & Number<double>::inf) == Number<double>::inf;
    case TYPE_F32: return (raw & 0x7f800000) == 0x7f800000;
    case TYPE_BF16: return (raw & 0x7f80) == 0x7f80;
    case TYPE_F16: return (raw & 0x7c00) == 0x7c00;
    case TYPE_F8_E5M2: return (raw & 0x7c) == 0x7c;
    case TYPE_F8_E4M3: return (raw & 0x7f) == 0x7f;
    case TYPE_F8_E4M3FNUZ: case TYPE_F8_E5M2FNUZ: return (raw & 0xff) == 0x80;
    case TYPE_F8_E8M0: return (raw & 0xff) == 0xff;
    }
    return false;
}

// Whether an element of a float type is zero.
DEVICE bool is_zero(u64 raw, u32 type) {
    switch (type) {
    case TYPE_F8_E8M0: return false;
    case TYPE_F8_E4M3FNUZ: case TYPE_F8_E5M2FNUZ: return (raw & 0xff) == 0;
    }
    return raw << (65 - (8 << size_log(type))) == 0;
}

// Whether an integer type has no value for x without its fraction. Between least-1 and least
// fractions are cut off to least. BOOL has one for everything but NaN.
DEVICE bool is_outside(double x, u32 type) {
    if (type == TYPE_BOOL) return x != x;
    double above = double(1ull << ((8 << size_log(type)) - 1)), least = -above;
    if (is_unsigned(type)) above *= 2, least = 0;
    return !((x > least - 1 || x >= least) && x < above);
}

// What became of x, stored as raw: 1 in bit 0 if raw is NaN or infinite; in bit 8 if x was
// finite and is not now, or is outside of an integer type; in bit 16 if x is lost in a zero.
template <class F> DEVICE u32 judge(F x, u64 raw, u32 type) {
    if (!is_float(type)) return u32(is_outside(double(x), type)) << 8;
    bool bad = is_bad(raw, type), lost = is_zero(raw, type) && magnitude(x) != 0;
    return u32(bad) | u32(bad && magnitude(x) < Number<F>::inf) << 8 | u32(lost) << 16;
}
