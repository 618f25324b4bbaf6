// Arithmetic with one rounding per operation, conversions, bit casts and bit counts. The
// host compiler contracts nothing (-ffp-contract=off), so a plain a*b+c rounds twice here as
// it does in the PTX.
#pragma once

using std::ceil, std::copysign, std::fabs, std::floor, std::fma, std::fmax, std::fmin, std::rint, std::sqrt, std::trunc;
using std::isfinite, std::isinf, std::isnan;

static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
static inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dsub_rn(double a, double b) { return a - b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline double __dsqrt_rn(double a) { return __builtin_sqrt(a); }
static inline double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }

namespace soft {
template <class To, class From> To bit_cast(From v) {
    static_assert(sizeof(To) == sizeof(From), "a bit cast keeps the size");
    To out;
    memcpy(&out, &v, sizeof out);
    return out;
}
// Rounds toward zero and saturates; NaN gives 0 in 32 bits and the top bit alone in 64 bits,
// as PTX cvt.rzi does (PTX ISA, "cvt": saturation of float-to-integer conversions).
template <class To, class From> To to_integer(From v) {
    constexpr int bits = static_cast<int>(8 * sizeof(To)) - (std::is_signed_v<To> ? 1 : 0);
    constexpr To least = std::is_signed_v<To> ? static_cast<To>(To(1) << (8 * sizeof(To) - 1)) : To(0);
    constexpr To top = static_cast<To>(~least);
    const From limit = std::ldexp(From(1), bits);
    if (v != v) return sizeof(To) == 4 ? To(0) : static_cast<To>(uint64_t(1) << 63);
    if (v >= limit) return top;
    if (v <= (std::is_signed_v<To> ? -limit : From(-1))) return least;
    return static_cast<To>(v);
}
}  // namespace soft

static inline unsigned __float_as_uint(float v) { return soft::bit_cast<unsigned>(v); }
static inline int __float_as_int(float v) { return soft::bit_cast<int>(v); }
static inline float __uint_as_float(unsigned v) { return soft::bit_cast<float>(v); }
static inline float __int_as_float(int v) { return soft::bit_cast<float>(v); }
static inline long long __double_as_longlong(double v) { return soft::bit_cast<long long>(v); }
static inline double __longlong_as_double(long long v) { return soft::bit_cast<double>(v); }

static inline int __float2int_rz(float v) { return soft::to_integer<int>(v); }
static inline unsigned __float2uint_rz(float v) { return soft::to_integer<unsigned>(v); }
static inline long long __float2ll_rz(float v) { return soft::to_integer<long long>(v); }
static inline unsigned long long __float2ull_rz(float v) { return soft::to_integer<unsigned long long>(v); }
static inline int __double2int_rz(double v) { return soft::to_integer<int>(v); }
static inline unsigned __double2uint_rz(double v) { return soft::to_integer<unsigned>(v); }
static inline long long __double2ll_rz(double v) { return soft::to_integer<long long>(v); }
static inline unsigned long long __double2ull_rz(double v) { return soft::to_integer<unsigned long long>(v); }
static inline float __double2float_rn(double v) { return static_cast<float>(v); }
static inline float __int2float_rn(int v) { return static_cast<float>(v); }
static inline float __uint2float_rn(unsigned v) { return static_cast<float>(v); }
static inline float __ll2float_rn(long long v) { return static_cast<float>(v); }
static inline float __ull2float_rn(unsigned long long v) { return static_cast<float>(v); }
static inline double __ll2double_rn(long long v) { return static_cast<double>(v); }
static inline double __ull2double_rn(unsigned long long v) { return static_cast<double>(v); }

// Half precision by its bits: exact widening, and rounding to nearest even.
static inline float __half_bits2float(unsigned short h) {
    unsigned sign = static_cast<unsigned>(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ff;
    if (exponent == 31) return __uint_as_float(sign | 0x7f800000 | mantissa << 13);
    if (exponent == 0) return copysignf(static_cast<float>(mantissa) * 0x1p-24f, __uint_as_float(sign | 0x3f800000));
    return __uint_as_float(sign | (exponent + 112) << 23 | mantissa << 13);
}
static inline unsigned short __float2half_bits_rn(float v) {
    unsigned bits = __float_as_uint(v), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) return 0x7fff;  // the NaN of PTX cvt.rn.f16.f32
    if (rest >= 0x477ff000) return static_cast<unsigned short>(sign | 0x7c00);
    if (rest < 0x38800000) {  // subnormal: adding 0.5 makes one unit of 2^-24 the last bit of the sum
        return static_cast<unsigned short>(sign | (__float_as_uint(__uint_as_float(rest) + 0.5f) - 0x3f000000));
    }
    return static_cast<unsigned short>(sign | (rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13);
}

static inline int __popc(unsigned v) { return __builtin_popcount(v); }
static inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
static inline int __clz(int v) { return v ? __builtin_clz(static_cast<unsigned>(v)) : 32; }
static inline int __clzll(long long v) { return v ? __builtin_clzll(static_cast<unsigned long long>(v)) : 64; }
static inline int __ffs(int v) { return __builtin_ffs(v); }
static inline int __ffsll(long long v) { return __builtin_ffsll(v); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32); }

template <class T> static inline T __ldg(const T *p) { return *p; }
template <class T> static inline T __ldcs(const T *p) { return *p; }
template <class T> static inline void __stcs(T *p, T v) { *p = v; }

template <class A, class B> constexpr std::common_type_t<A, B> min(A a, B b) { return b < a ? b : a; }
template <class A, class B> constexpr std::common_type_t<A, B> max(A a, B b) { return a < b ? b : a; }
