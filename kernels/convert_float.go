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

// Infinities, whose bits are also the mask of the exponent.
const (
	infF16  = 0x7c00
	infBF16 = 0x7f80
	infF32  = 0x7f800000
	infF64  = 0x7ff0000000000000
)

// to32 rounds x to a float32 to odd: an inexact result is the neighbour of x whose last
// bit is set. Rounding that again to a type with at least two bits less, anywhere in its
// range, gives the same as rounding x at once (S. Boldo and G. Melquiond, "Emulation of
// FMA and correctly rounded sums", 2008). A float32 stays as it is.
func to32[F float](x F) float32 {
	f := float32(x)
	if F(f) != x {
		f = oddNeighbour(f, float64(x))
	}
	return f
}

// oddNeighbour returns f, which is x rounded to nearest and not x, or the float32 on the
// other side of x: the one whose last bit is set. A NaN stays one. It is rarely needed, so
// that to32 is to be small instead.
//
//go:noinline
func oddNeighbour(f float32, x float64) float32 {
	b := math.Float32bits(f)
	switch {
	case x != x, b&1 != 0:
	case math.Abs(float64(f)) > math.Abs(x): // also when f overflowed
		b--
	default:
		b++
	}
	return math.Float32frombits(b)
}

// Loops take four elements at a time: the lengths are checked once for all four.

func widenF32[F float](dst []F, src []byte) {
	i := 0
	for ; i <= len(dst)-4; i += 4 {
		d, s := (*[4]F)(dst[i:]), (*[16]byte)(src[4*i:])
		d[0] = F(math.Float32frombits(le.Uint32(s[0:])))
		d[1] = F(math.Float32frombits(le.Uint32(s[4:])))
		d[2] = F(math.Float32frombits(le.Uint32(s[8:])))
		d[3] = F(math.Float32frombits(le.Uint32(s[12:])))
	}
	for ; i < len(dst); i++ {
		dst[i] = F(math.Float32frombits(le.Uint32(src[4*i:])))
	}
}

func narrowF32[F float](dst []byte, src []F) {
	i := 0
	for ; i <= len(src)-4; i += 4 {
		d, s := (*[16]byte)(dst[4*i:]), (*[4]F)(src[i:])
		le.PutUint32(d[0:], bits32(float32(s[0])))
		le.PutUint32(d[4:], bits32(float32(s[1])))
		le.PutUint32(d[8:], bits32(float32(s[2])))
		le.PutUint32(d[12:], bits32(float32(s[3])))
	}
	for ; i < len(src); i++ {
		le.PutUint32(dst[4*i:], bits32(float32(src[i])))
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

// bits32 and bits64 return the bits of x, those of the canonical NaN for every NaN.
func bits32(x float32) uint32 {
	if x != x {
		return nanF32
	}
	return math.Float32bits(x)
}

func bits64(x float64) uint64 {
	if x != x {
		return nanF64
	}
	return math.Float64bits(x)
}
