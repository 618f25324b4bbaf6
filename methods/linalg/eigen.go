package linalg

import (
	"errors"
	"math"
)

var errEigen = errors.New("linalg: eigenvalues do not converge")

// epsilon is the distance from 1 to the next float64.
const epsilon = 0x1p-52

// mostSteps bounds the steps for one eigenvalue; two or three are usual.
const mostSteps = 100

// eigenScratch is the scratch of eigen for a matrix of n rows.
func eigenScratch(n int) int { return n*n + 3*n }

// eigen finds the eigenvectors of the symmetric matrix a of n rows, of which only the lower
// triangle is looked at, and which is overwritten. They are the rows of the result, in scratch;
// values are in the order of the vectors, which is any. It is Householder's reduction to three
// diagonals and then the implicit QL method (Bowdler, Martin, Reinsch, Wilkinson, "The QR and QL
// algorithms for symmetric matrices", 1968). Eigenvalues are accurate to rounding of the largest
// one.
func eigen(a []float64, n int, scratch []float64) (values, vectors []float64, err error) {
	vectors, scratch = scratch[:n*n], scratch[n*n:]
	d, e, work := scratch[:n], scratch[n:2*n], scratch[2*n:3*n]
	tridiagonalize(a, n, d, e, work)
	unreflect(vectors, a, n, work)
	for l := range n {
		if err := isolate(d, e, vectors, n, l); err != nil {
			return nil, nil, err
		}
	}
	return d, vectors, nil
}

// tridiagonalize reduces a to the diagonal d and the neighbours e of it, e[i] between i and i+1.
// Reflection k is left in row k of a, right of the diagonal, and its tau in tau[k].
func tridiagonalize(a []float64, n int, d, e, tau []float64) {
	for k := range n {
		d[k] = a[k*n+k]
		h := a[k*n+k+1 : (k+1)*n]
		e[k], tau[k] = 0, 0
		if len(h) == 0 {
			break
		}
		for i := range h {
			h[i] = a[(k+1+i)*n+k]
		}
		if e[k], tau[k] = reflection(h); tau[k] == 0 {
			continue
		}
		w := d[k+1:] // not filled yet
		symmetricTimes(w, a, n, k+1, h)
		for i := range w {
			w[i] = float64(w[i] * tau[k])
		}
		axpy(w, -tau[k]/2*dot(w, h), h)
		for i := range h { // a -= h wᵀ + w hᵀ
			row := a[(k+1+i)*n+k+1:][:i+1]
			f, g := h[i], w[i]
			for j := range row {
				row[j] -= float64(f*w[j]) + float64(g*h[j])
			}
		}
	}
}

// symmetricTimes is dst = s x, s the symmetric part of a from row and column k on, of which the
// lower triangle is read.
func symmetricTimes(dst, a []float64, n, k int, x []float64) {
	clear(dst)
	for i := range x {
		row := a[(k+i)*n+k:][:i]
		axpy(dst[:i], x[i], row)
		dst[i] += dot(row, x[:i]) + float64(a[(k+i)*n+k+i]*x[i])
	}
}

// unreflect makes the rows of v from the reflections of tridiagonalize: the columns of their
// product.
func unreflect(v, a []float64, n int, tau []float64) {
	clear(v)
	for i := range n {
		v[i*n+i] = 1
	}
	for k := n - 2; k >= 0; k-- {
		h := a[k*n+k+1 : (k+1)*n]
		for i := k + 1; i < n; i++ {
			reflect(v[i*n+k+1:(i+1)*n], h, tau[k])
		}
	}
}

// isolate turns the vectors until e[l] is 0, so that d[l] is an eigenvalue.
func isolate(d, e, v []float64, n, l int) error {
	for range mostSteps {
		size := 0.0
		for i := range n {
			size = max(size, math.Abs(d[i]), math.Abs(e[i]))
		}
		m := l
		for m < n-1 && math.Abs(e[m]) > epsilon*size {
			m++
		}
		if m == l {
			return nil
		}
		if e[m] = 0; size == 0 || size != size {
			break
		}
		step(d, e, v, n, l, m)
	}
	return errEigen
}

// step is a step of the QL method with an implicit shift on rows l to m.
func step(d, e, v []float64, n, l, m int) {
	g := (d[l+1] - d[l]) / (2 * e[l])
	r := math.Sqrt(float64(g*g) + 1)
	if g < 0 {
		r = -r
	}
	g = d[m] - d[l] + e[l]/(g+r)
	s, c, p := 1.0, 1.0, 0.0
	for i := m - 1; i >= l; i-- {
		f, b := float64(s*e[i]), float64(c*e[i])
		r = math.Sqrt(float64(f*f) + float64(g*g))
		if e[i+1] = r; r == 0 { // it falls apart here
			d[i+1] -= p
			e[m] = 0
			return
		}
		s, c = f/r, g/r
		g = d[i+1] - p
		r = float64((d[i]-g)*s) + float64(2*c*b)
		p = float64(s * r)
		d[i+1] = g + p
		g = float64(c*r) - b
		rotate(v[i*n:(i+1)*n], v[(i+1)*n:(i+2)*n], c, s)
	}
	d[l] -= p
	e[l], e[m] = g, 0
}

// rotate is x, y = c x - s y, s x + c y.
func rotate(x, y []float64, c, s float64) {
	y = y[:len(x)]
	for k, a := range x {
		b := y[k]
		x[k] = float64(c*a) - float64(s*b)
		y[k] = float64(s*a) + float64(c*b)
	}
}
