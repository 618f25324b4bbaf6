package kernels

import (
	"math"
	"unsafe"
)

// The loops that define the operations. The conversions F(x op y) keep the compiler from
// fusing an operation with the next one.

func addAll[F float](d, x, y []F) {
	for i := range d {
		d[i] = F(x[i] + y[i])
	}
}

func subAll[F float](d, x, y []F) {
	for i := range d {
		d[i] = F(x[i] - y[i])
	}
}

func mulAll[F float](d, x, y []F) {
	for i := range d {
		d[i] = F(x[i] * y[i])
	}
}

func divAll[F float](d, x, y []F) {
	for i := range d {
		d[i] = F(x[i] / y[i])
	}
}

func fmaAll[F float](d, x, y, z []F) {
	if unsafe.Sizeof(F(0)) == 8 {
		for i := range d {
			d[i] = F(math.FMA(float64(x[i]), float64(y[i]), float64(z[i])))
		}
		return
	}
	for i := range d {
		d[i] = F(fma32(float32(x[i]), float32(y[i]), float32(z[i])))
	}
}

// fma32 returns x*y + z with one rounding. The product is exact in float64; the sum is
// rounded to odd there, so that the rounding to float32 is the only one that shows.
func fma32(x, y, z float32) float32 {
	p, c := float64(float64(x)*float64(y)), float64(z)
	s := p + c
	// The error of the sum (Knuth's TwoSum); NaN if s is not finite.
	t := s - p
	err := (p - (s - t)) + (c - t)
	if b := math.Float64bits(s); b&1 == 0 && (err < 0 || err > 0) {
		if (err > 0) == (s > 0) {
			b++
		} else {
			b--
		}
		s = math.Float64frombits(b)
	}
	return float32(s)
}

// sqrtAll: the root of a float32 taken in float64 rounds as if it were taken at once,
// because float64 has more than twice the bits plus two.
func sqrtAll[F float](d, x []F) {
	for i := range d {
		d[i] = F(math.Sqrt(float64(x[i])))
	}
}

func signAll[F float](d, x []F) {
	for i := range d {
		switch v := x[i]; {
		case v > 0:
			d[i] = 1
		case v < 0:
			d[i] = -1
		default:
			d[i] = 0
		}
	}
}

func minAll[F float](d, x, y []F) {
	for i := range d {
		if v := x[i]; v != v || v < y[i] {
			d[i] = v
		} else {
			d[i] = y[i]
		}
	}
}

func maxAll[F float](d, x, y []F) {
	for i := range d {
		if v := x[i]; v != v || v > y[i] {
			d[i] = v
		} else {
			d[i] = y[i]
		}
	}
}

func rintAll[F float](d, x []F) {
	for i := range d {
		d[i] = F(math.RoundToEven(float64(x[i])))
	}
}

func selectAll[F float](d []F, m []bool, x, y []F) {
	for i := range d {
		if m[i] {
			d[i] = x[i]
		} else {
			d[i] = y[i]
		}
	}
}

func nanToNumAll[F float](d, x []F) {
	most := maxOf[F]()
	for i := range d {
		if v := x[i]; v != v {
			d[i] = 0
		} else {
			d[i] = max(-most, min(v, most))
		}
	}
}

func ltAll[F float](d []bool, x, y []F) {
	for i := range d {
		d[i] = x[i] < y[i]
	}
}

func leAll[F float](d []bool, x, y []F) {
	for i := range d {
		d[i] = x[i] <= y[i]
	}
}

func eqAll[F float](d []bool, x, y []F) {
	for i := range d {
		d[i] = x[i] == y[i]
	}
}

func isNaNAll[F float](d []bool, x []F) {
	for i := range d {
		d[i] = x[i] != x[i]
	}
}

func andAll(d, x, y []bool) {
	for i := range d {
		d[i] = x[i] && y[i]
	}
}

func orAll(d, x, y []bool) {
	for i := range d {
		d[i] = x[i] || y[i]
	}
}

func notAll(d, x []bool) {
	for i := range d {
		d[i] = !x[i]
	}
}

// signBit returns the bit that holds the sign of a number.
func signBit[W word]() W { return ^(^W(0) >> 1) }

func negBits[W word](d, x []W) {
	for i := range d {
		d[i] = x[i] ^ signBit[W]()
	}
}

func absBits[W word](d, x []W) {
	for i := range d {
		d[i] = x[i] &^ signBit[W]()
	}
}

func andBits[W word](d, x, y []W) {
	for i := range d {
		d[i] = x[i] & y[i]
	}
}

func orBits[W word](d, x, y []W) {
	for i := range d {
		d[i] = x[i] | y[i]
	}
}

func xorBits[W word](d, x, y []W) {
	for i := range d {
		d[i] = x[i] ^ y[i]
	}
}

func addBits[W word](d, x, y []W) {
	for i := range d {
		d[i] = x[i] + y[i]
	}
}

func subBits[W word](d, x, y []W) {
	for i := range d {
		d[i] = x[i] - y[i]
	}
}

func shlBits[W word](d, x []W, n uint64) {
	for i := range d {
		d[i] = x[i] << n
	}
}

func shrBits[W word](d, x []W, n uint64) {
	for i := range d {
		d[i] = x[i] >> n
	}
}
