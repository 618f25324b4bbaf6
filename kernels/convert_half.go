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

// The magnitudes that IEEE binary16 holds as normal numbers, as bits of a float32.
const (
	leastF16 = (127 - 14) << 23
	aboveF16 = (127 + 16) << 23
)

// normalToF16 rounds a number in the normal range, with bits b, to IEEE binary16, to nearest
// even. Rounding carries into the exponent, and to infinity from 65520 on.
func normalToF16(b uint32) uint16 {
	a := b & 0x7fffffff
	return uint16(b>>16&0x8000 | ((a+0xfff+a>>13&1)>>13 - (127-15)<<10))
}

// edgeToF16 rounds any other number. Small ones are rounded by adding a number whose last
// place is that of the smallest subnormal.
//
//go:noinline
func edgeToF16(b uint32) uint16 {
	sign, a := uint16(b>>16)&0x8000, b&0x7fffffff
	switch {
	case a > infF32:
		return nanF16
	case a >= aboveF16:
		return sign | infF16
	}
	v := math.Float32frombits(a) + 0.5
	return sign | uint16(math.Float32bits(v)-math.Float32bits(0.5))
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
		b := math.Float32bits(to32(x))
		h := normalToF16(b)
		if b&0x7fffffff-leastF16 >= aboveF16-leastF16 {
			h = edgeToF16(b)
		}
		le.PutUint16(dst[2*i:], h)
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
	i := 0
	for ; i <= len(src)-4; i += 4 {
		x := (*[4]F)(src[i:])
		low := uint32(f32ToBF16(to32(x[0]))) | uint32(f32ToBF16(to32(x[1])))<<16
		high := uint32(f32ToBF16(to32(x[2]))) | uint32(f32ToBF16(to32(x[3])))<<16
		le.PutUint64(dst[2*i:], uint64(low)|uint64(high)<<32)
	}
	for ; i < len(src); i++ {
		le.PutUint16(dst[2*i:], f32ToBF16(to32(src[i])))
	}
}
