package linalg

import "math"

// normals is a stream of normally distributed numbers that depends on nothing but its seed. Random
// bits are SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014):
//
//	state += 0x9e3779b97f4a7c15
//	z := (state ^ state>>30) * 0xbf58476d1ce4e5b9
//	z = (z ^ z>>27) * 0x94d049bb133111eb
//	next = z ^ z>>31
//
// of which the upper 53 make a number of [-1, 1), and pairs of those inside the unit circle become
// two normal numbers (Marsaglia, Bray, "A convenient method for generating normal variables", 1964).
type normals struct{ state uint64 }

func (r *normals) uniform() float64 {
	r.state += 0x9e3779b97f4a7c15
	z := (r.state ^ r.state>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11)*0x1p-52 - 1
}

// fill fills x with numbers of mean 0 and deviation 1.
func (r *normals) fill(x []float64) {
	for i := 0; i < len(x); i += 2 {
		var u, v, s float64
		for s == 0 || s >= 1 {
			u, v = r.uniform(), r.uniform()
			s = float64(u*u) + float64(v*v)
		}
		f := math.Sqrt(-2 * ln(s) / s)
		x[i] = u * f
		if i+1 < len(x) {
			x[i+1] = v * f
		}
	}
}
