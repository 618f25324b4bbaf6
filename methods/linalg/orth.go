package linalg

import "math"

// orthonormalize replaces k vectors of length n, k <= n, by vectors of length 1 at right angles
// that span them, by Householder reflections: also where the vectors depend on each other the
// result is orthonormal to rounding. tau has k numbers of scratch.
func orthonormalize(v []float64, k, n int, tau []float64) {
	for c := range k {
		x := v[c*n+c : (c+1)*n]
		_, tau[c] = reflection(x)
		for d := c + 1; d < k; d++ {
			reflect(v[d*n+c:(d+1)*n], x, tau[c])
		}
	}
	for c := k - 1; c >= 0; c-- {
		x := v[c*n+c : (c+1)*n]
		for d := c + 1; d < k; d++ {
			reflect(v[d*n+c:(d+1)*n], x, tau[c])
		}
		for i := range x {
			x[i] = float64(x[i] * -tau[c])
		}
		x[0]++
		clear(v[c*n : c*n+c])
	}
}

// reflection makes of x the vector h, h[0] = 1, such that x - tau h (h·x) has only its first
// element left, which is beta. tau is 0 if there is nothing to do.
func reflection(x []float64) (beta, tau float64) {
	first := x[0]
	rest := dot(x[1:], x[1:])
	x[0] = 1
	if rest == 0 {
		return first, 0
	}
	beta = math.Sqrt(float64(first*first) + rest)
	if first > 0 {
		beta = -beta
	}
	scale := 1 / (first - beta)
	for i := range x[1:] {
		x[1+i] *= scale
	}
	return beta, (beta - first) / beta
}

// reflect is y -= tau h (h·y).
func reflect(y, h []float64, tau float64) {
	if tau != 0 {
		axpy(y, -tau*dot(h, y), h)
	}
}
