package kernels

import (
	"math"
	"math/big"
	"testing"
)

// TestFMARoundsOnce: the first case is one where rounding the float64 sum to nearest
// before the last rounding gives 3f800002 or 3f800000; the others are random, against
// exact arithmetic.
func TestFMARoundsOnce(t *testing.T) {
	x, y, z := 0x1p-12*(1+0x1p-23), 0x1p-12*(1-0x1p-23), 1+0x1p-23
	if got := eval(t, F32, Instr{Op: OpFMA}, bitsOf32(x), bitsOf32(y), bitsOf32(z)); got != 0x3f800001 {
		t.Errorf("fma = %#x, want 0x3f800001", got)
	}
	rnd := newRand(5)
	for i := range 200000 {
		f := func(spread int) float32 {
			m := uint32(rnd.Uint64()) & 0x807fffff
			if i%2 == 0 {
				m &= 0x80000003 | uint32(rnd.IntN(2))*0x7ff000 // near-ties
			}
			return math.Float32frombits(m | uint32(127+rnd.IntN(2*spread+1)-spread)<<23)
		}
		x, y := f(30), f(30)
		z := f(60)
		if i%5 == 0 { // results that are subnormal
			x, y, z = x*0x1p-75, y*0x1p-70, math.Float32frombits(uint32(rnd.Uint64())&0x80ffffff)
		}
		got := fma32(t, x, y, z)
		want := exactFMA(float64(x), float64(y), float64(z))
		if math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("fma(%x, %x, %x) = %x, want %x", x, y, z, got, want)
		}
	}
}

// fma32 is OpFMA of float32, by way of the loop over four elements and of that over one.
func fma32(t *testing.T, x, y, z float32) float32 {
	var d [5]float32
	fmaAll(d[:], []float32{x, 1, x, 2, x}, []float32{y, 1, y, 2, y}, []float32{z, 1, z, 2, z})
	if math.Float32bits(d[0]) != math.Float32bits(d[4]) && d[0] == d[0] {
		t.Errorf("fma(%x, %x, %x) = %x or %x", x, y, z, d[0], d[4])
	}
	return d[0]
}

func exactFMA(x, y, z float64) float32 {
	if z == 0 && x*y == 0 {
		return float32(x*y) + float32(z)
	}
	p := new(big.Float).SetPrec(2000).Mul(exact(x), exact(y))
	f, _ := p.Add(p, exact(z)).Float32()
	return f
}
