package kernels

import (
	"math"
	"unsafe"
)

// fmaAll is x*y + z with one rounding. The product of two float32 is exact in float64, fused
// with the sum or not; the sum is rounded there, and a second time to float32, which is
// one time too many only for sums in doubt.
//
// Four elements at a time, so that their operations overlap.
func fmaAll[F float](d, x, y, z []F) {
	if unsafe.Sizeof(F(0)) == 8 {
		for i := range d {
			d[i] = F(math.FMA(float64(x[i]), float64(y[i]), float64(z[i])))
		}
		return
	}
	i := 0
	for ; i <= len(d)-4; i += 4 {
		d, x, y, z := (*[4]F)(d[i:]), (*[4]F)(x[i:]), (*[4]F)(y[i:]), (*[4]F)(z[i:])
		p0, c0 := float64(x[0])*float64(y[0]), float64(z[0])
		p1, c1 := float64(x[1])*float64(y[1]), float64(z[1])
		p2, c2 := float64(x[2])*float64(y[2]), float64(z[2])
		p3, c3 := float64(x[3])*float64(y[3]), float64(z[3])
		s0, s1, s2, s3 := p0+c0, p1+c1, p2+c2, p3+c3
		if inDoubt(s0) {
			s0 = sumToOdd(p0, c0)
		}
		if inDoubt(s1) {
			s1 = sumToOdd(p1, c1)
		}
		if inDoubt(s2) {
			s2 = sumToOdd(p2, c2)
		}
		if inDoubt(s3) {
			s3 = sumToOdd(p3, c3)
		}
		d[0], d[1], d[2], d[3] = F(s0), F(s1), F(s2), F(s3)
	}
	for ; i < len(d); i++ {
		p, c := float64(x[i])*float64(y[i]), float64(z[i])
		d[i] = F(sumToOdd(p, c))
	}
}

// inDoubt reports whether s, a number rounded to float64, may round to another float32 than
// the number itself: if s lies in the middle between two float32 (its last 29 bits are 1
// and zeros), or below their normal range, where the middle is elsewhere. A sum that is 0
// is exact.
func inDoubt(s float64) bool {
	const normal = 0x381 << 53 // twice the bits of 2^-126
	b := math.Float64bits(s)
	return b<<35 == 1<<63 || b<<1-1 < normal-1
}

// sumToOdd returns p + c rounded to odd: an inexact sum is the neighbour of p + c whose last
// bit is set, which another rounding to fewer bits takes for what it stands for.
func sumToOdd(p, c float64) float64 {
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
	return s
}
