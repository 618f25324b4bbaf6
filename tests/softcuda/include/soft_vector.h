// Vector types with CUDA's sizes and alignments, and make_T.
#pragma once

#define SOFT_VECTOR2(V, T, bytes) \
    struct alignas(bytes) V { T x, y; }; \
    static inline V make_##V(T x, T y) { return {x, y}; }
#define SOFT_VECTOR4(V, T, bytes) \
    struct alignas(bytes) V { T x, y, z, w; }; \
    static inline V make_##V(T x, T y, T z, T w) { return {x, y, z, w}; }

SOFT_VECTOR2(uchar2, unsigned char, 2)
SOFT_VECTOR4(uchar4, unsigned char, 4)
SOFT_VECTOR2(ushort2, unsigned short, 4)
SOFT_VECTOR4(ushort4, unsigned short, 8)
SOFT_VECTOR2(int2, int, 8)
SOFT_VECTOR4(int4, int, 16)
SOFT_VECTOR2(uint2, unsigned, 8)
SOFT_VECTOR4(uint4, unsigned, 16)
SOFT_VECTOR2(float2, float, 8)
SOFT_VECTOR4(float4, float, 16)
SOFT_VECTOR2(double2, double, 16)
SOFT_VECTOR2(longlong2, long long, 16)
SOFT_VECTOR2(ulonglong2, unsigned long long, 16)

#undef SOFT_VECTOR2
#undef SOFT_VECTOR4
