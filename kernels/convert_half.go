package kernels

import "math"

// f16ToF32 widens IEEE binary16: the exponent is moved by a multiplication, which also
// makes subnormals normal.
func f16ToF32(h uint16) float32 {
	b := uint32(h&0x7fff)<<13 | uint32(h&0x8000)<<16
	if h&0x7c00 == 0x7c00 {
		return math.Float32frombits(b | 0x7f800000)
	}
	return math.Float32frombits(b) * 0x1p112
}

// f32ToF16 rounds to IEEE binary16, to nearest even, without branches but for NaN.
//
// A power of two is added whose last place is that of the result: 2^13 times the power of
// two in f, which is taken as 2^-14 at least (smaller results are subnormal, with the same
// last place) and 2^16 at most (infinity; from 65520 on the sum rounds to it). The last
// bits of the sum are then the mantissa with its leading 1, if it has one, which carries
// into the exponent.
func f32ToF16(f float32) uint16 {
	b := math.Float32bits(f)
	a := min(b&0x7fffffff, (127+16)<<23)
	e := max(a&0x7f800000, (127-14)<<23)
	sum := math.Float32bits(math.Float32frombits(a) + math.Float32frombits(e+13<<23))
	h := sum&0xfff + e>>13 - (127-14)<<10
	if f != f {
		return nanF16
	}
	return uint16(h | b>>16&0x8000)
}

func bf16ToF32(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// f32ToBF16 rounds to the upper half of a float32, to nearest even.
func f32ToBF16(f float32) uint16 {
	b := math.Float32bits(f)
	if f != f {
		return nanBF16
	}
	return uint16((b + 0x7fff + (b>>16)&1) >> 16)
}

// Loops take four elements at a time, which are one word in memory.

func widenF16[F float](dst []F, src []byte) {
	i := 0
	for ; i <= len(dst)-4; i += 4 {
		d, w := (*[4]F)(dst[i:]), le.Uint64(src[2*i:])
		d[0] = F(f16ToF32(uint16(w)))
		d[1] = F(f16ToF32(uint16(w >> 16)))
		d[2] = F(f16ToF32(uint16(w >> 32)))
		d[3] = F(f16ToF32(uint16(w >> 48)))
	}
	for ; i < len(dst); i++ {
		dst[i] = F(f16ToF32(le.Uint16(src[2*i:])))
	}
}

func narrowF16[F float](dst []byte, src []F) {
	dst = dst[:2*len(src)]
	for i, x := range src {
		le.PutUint16(dst[2*i:], f32ToF16(to32(x)))
	}
}

func widenBF16[F float](dst []F, src []byte) {
	i := 0
	for ; i <= len(dst)-4; i += 4 {
		d, w := (*[4]F)(dst[i:]), le.Uint64(src[2*i:])
		d[0] = F(bf16ToF32(uint16(w)))
		d[1] = F(bf16ToF32(uint16(w >> 16)))
		d[2] = F(bf16ToF32(uint16(w >> 32)))
		d[3] = F(bf16ToF32(uint16(w >> 48)))
	}
	for ; i < len(dst); i++ {
		dst[i] = F(bf16ToF32(le.Uint16(src[2*i:])))
	}
}

func narrowBF16[F float](dst []byte, src []F) {
	dst = dst[:2*len(src)]
	for i, x := range src {
		le.PutUint16(dst[2*i:], f32ToBF16(to32(x)))
	}
}
