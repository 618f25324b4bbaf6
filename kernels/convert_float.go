package kernels

import "math"

// float is a compute type.
type float interface{ float32 | float64 }

// Canonical NaNs: what a Program stores.
const (
	nanF16  = 0x7e00
	nanBF16 = 0x7fc0
	nanF32  = 0x7fc00000
	nanF64  = 0x7ff8000000000000
)

// to32 rounds x to a float32 to odd: an inexact result is the neighbour of x whose last
// bit is set. Rounding that again to a type with at least two bits less, anywhere in its
// range, gives the same as rounding x at once (S. Boldo and G. Melquiond, "Emulation of
// FMA and correctly rounded sums", 2008). A float32 stays as it is.
func to32[F float](x F) float32 {
	f := float32(x)
	if F(f) == x || x != x {
		return f
	}
	return oddNeighbour(f, float64(x))
}

// oddNeighbour returns f, which is x rounded to nearest and not x, or the float32 on the
// other side of x: the one whose last bit is set.
func oddNeighbour(f float32, x float64) float32 {
	b := math.Float32bits(f)
	switch {
	case b&1 != 0:
	case math.Abs(float64(f)) > math.Abs(x): // also when f overflowed
		b--
	default:
		b++
	}
	return math.Float32frombits(b)
}

// f16ToF32 widens IEEE binary16: the exponent is moved by a multiplication, which also
// makes subnormals normal.
func f16ToF32(h uint16) float32 {
	em := uint32(h&0x7fff) << 13
	b := math.Float32bits(math.Float32frombits(em) * 0x1p112)
	if em >= 0x7c00<<13 {
		b = em | 0x7f800000
	}
	return math.Float32frombits(b | uint32(h&0x8000)<<16)
}

// f32ToF16 rounds to IEEE binary16, to nearest even. Subnormal results are rounded by
// adding a number whose last place is that of the smallest subnormal.
func f32ToF16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return nanF16
	case b >= (127+16)<<23: // 65536 and above
		return sign | 0x7c00
	case b < (127-14)<<23:
		v := math.Float32frombits(b) + 0.5
		return sign | uint16(math.Float32bits(v)-math.Float32bits(0.5))
	}
	b += 0xfff + (b>>13)&1 // carries into the exponent, and to infinity from 65520 on
	return sign | uint16(b>>13-(127-15)<<10)
}

// f32ToBF16 rounds to the upper half of a float32, to nearest even.
func f32ToBF16(f float32) uint16 {
	if f != f {
		return nanBF16
	}
	b := math.Float32bits(f)
	return uint16((b + 0x7fff + (b>>16)&1) >> 16)
}

func widenF16[F float](dst []F, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
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
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = F(math.Float32frombits(uint32(le.Uint16(src[2*i:])) << 16))
	}
}

func narrowBF16[F float](dst []byte, src []F) {
	dst = dst[:2*len(src)]
	for i, x := range src {
		le.PutUint16(dst[2*i:], f32ToBF16(to32(x)))
	}
}

func widenF32[F float](dst []F, src []byte) {
	src = src[:4*len(dst)]
	for i := range dst {
		dst[i] = F(math.Float32frombits(le.Uint32(src[4*i:])))
	}
}

func narrowF32[F float](dst []byte, src []F) {
	dst = dst[:4*len(src)]
	for i, x := range src {
		b := uint32(nanF32)
		if x == x {
			b = math.Float32bits(float32(x))
		}
		le.PutUint32(dst[4*i:], b)
	}
}

func widenF64[F float](dst []F, src []byte) {
	src = src[:8*len(dst)]
	for i := range dst {
		dst[i] = F(math.Float64frombits(le.Uint64(src[8*i:])))
	}
}

func narrowF64[F float](dst []byte, src []F) {
	dst = dst[:8*len(src)]
	for i, x := range src {
		le.PutUint64(dst[8*i:], bits64(float64(x)))
	}
}

// bits64 returns the bits of x, those of the canonical NaN for every NaN.
func bits64(x float64) uint64 {
	if x != x {
		return nanF64
	}
	return math.Float64bits(x)
}

func badF16(src []byte) (n int) {
	for ; len(src) >= 2; src = src[2:] {
		if src[1]&0x7c == 0x7c {
			n++
		}
	}
	return n
}

func badBF16(src []byte) (n int) {
	for ; len(src) >= 2; src = src[2:] {
		if le.Uint16(src)&0x7f80 == 0x7f80 {
			n++
		}
	}
	return n
}

func badF32(src []byte) (n int) {
	for ; len(src) >= 4; src = src[4:] {
		if le.Uint32(src)&0x7f800000 == 0x7f800000 {
			n++
		}
	}
	return n
}

func badF64(src []byte) (n int) {
	const exp = 0x7ff << 52
	for ; len(src) >= 8; src = src[8:] {
		if le.Uint64(src)&exp == exp {
			n++
		}
	}
	return n
}
