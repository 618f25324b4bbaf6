package linalg

import (
	"context"
	"math"
	"slices"
)

// Blocks are the sizes of a Kronecker product of a matrix of M1 x N1 numbers and one of M2 x N2 x
// Kernel: it has M1*M2 rows and N1*N2*Kernel columns.
type Blocks struct{ M1, M2, N1, N2, Kernel int }

// ChooseBlocks chooses sizes for a matrix of so many rows and columns, of kernel numbers each, as the
// reference does. ratio, 0 to 1, is how much of the size goes to the first factor. With
//
//	σ = ln(m1 n1) - ln(rows cols kernel) / 2,   R = the largest |σ|,   β = |ln(m1/m2)| + |ln(n1/n2)|
//
// the one with the least |σ - (2 ratio - 1) R| is taken; of those the one with the least β, and of
// those the first one, in the order of m1, then n1. Numbers that are equal are often not after
// rounding, so that logarithms have to be rounded correctly to choose as the reference does.
func ChooseBlocks(rows, cols, kernel int, ratio float64) Blocks {
	ms, ns := divisors(rows), divisors(cols)
	half := 0.5 * ln(float64(rows)*float64(cols)*float64(kernel))
	size := func(m, n int) float64 { return ln(float64(m*n)) - half }
	most := max(math.Abs(size(1, 1)), math.Abs(size(rows, cols)))
	target := float64((2*ratio - 1) * most)
	best, far, odd := Blocks{}, math.Inf(1), math.Inf(1)
	for _, m := range ms {
		for _, n := range ns {
			b := Blocks{m, rows / m, n, cols / n, kernel}
			d := math.Abs(size(m, n) - target)
			o := math.Abs(ln(float64(b.M1)/float64(b.M2))) + math.Abs(ln(float64(b.N1)/float64(b.N2)))
			if d < far || d == far && o < odd {
				best, far, odd = b, d, o
			}
		}
	}
	return best
}

// divisors lists the divisors of n in ascending order.
func divisors(n int) (all []int) {
	for d := 1; d <= n/d; d++ {
		if n%d == 0 {
			all = append(all, d)
			if d != n/d {
				all = append(all, n/d)
			}
		}
	}
	slices.Sort(all)
	return all
}

// Lanczos' method takes so many steps between restarts, looks at the result every few, and ends if that
// is as near to an eigenvector, relative to the eigenvalue, or if a better one would make the rest of the
// matrix (the sum of squares) less by so little.
const (
	lanczosSteps = 48
	lookEvery    = 6
	mostRestarts = 40
	lanczosError = 1e-7
	restError    = 1e-6
)

// Scratch returns how many numbers of scratch Nearest needs.
func (b Blocks) Scratch() int64 {
	first, second := int64(b.M1*b.N1), int64(b.M2)*int64(b.N2*b.Kernel)
	steps := int64(lanczosSteps)
	return first + second + (steps+1)*min(first, second) + 2*steps + steps*steps + int64(eigenScratch(lanczosSteps))
}

// Ops returns about how many operations Nearest does: it depends on how much the second singular value
// is less than the first.
func (b Blocks) Ops() float64 {
	return lanczosSteps * 4 * float64(b.M1*b.N1) * float64(b.M2) * float64(b.N2*b.Kernel)
}

// Nearest fills w1, of M1 x N1 numbers, and w2, of M2 x N2 x Kernel, so that their Kronecker product is
// nearest to the matrix data: the leading singular vectors of its blocks (Van Loan, Pitsianis,
// "Approximation with Kronecker products", 1993), which get the square root of the singular value each. If
// data has a number that is NaN or infinite, the results are NaN.
func (b Blocks) Nearest(ctx context.Context, data, w1, w2 []float32, scratch []float64) error {
	if !NewMatrix(1, len(data), data).finite() {
		spoil(w1)
		spoil(w2)
		return nil
	}
	mem := memory(scratch)
	z := &blocked{Blocks: b, data: data, first: mem.take(len(w1)), second: mem.take(len(w2))}
	if len(w1) <= len(w2) {
		z.small, z.turned = z.first, false
	} else {
		z.small, z.turned = z.second, true
	}
	if err := z.leading(ctx, mem); err != nil {
		return err
	}
	s := math.Sqrt(z.across()) // the singular value, as the other one has length 1
	if s == 0 {
		clear(w1)
		clear(w2)
		return nil
	}
	f := math.Sqrt(s)
	fs, fl := f, 1/f
	if z.turned {
		fs, fl = fl, fs
	}
	for i, x := range z.first {
		w1[i] = float32(fs * x)
	}
	for i, x := range z.second {
		w2[i] = float32(fl * x)
	}
	return nil
}

// blocked is the matrix whose rows are the blocks of another one, M1*N1 rows of M2*N2*Kernel numbers;
// and a vector for each of its sides.
type blocked struct {
	Blocks
	data          []float32
	first, second []float64
	small         []float64 // the shorter one of them
	turned        bool      // that is the second one
}

// runs calls f for the numbers of block row (i, j) that lie next to each other, and where they are in it.
func (z *blocked) runs(f func(row, at int, x []float32)) {
	n := z.N2 * z.Kernel
	for i := range z.M1 * z.M2 {
		for j := range z.N1 {
			at := (i*z.N1 + j) * n
			f(i/z.M2*z.N1+j, i%z.M2*n, z.data[at:at+n])
		}
	}
}

// toFirst is first = z second.
func (z *blocked) toFirst() {
	clear(z.first)
	z.runs(func(row, at int, x []float32) {
		y := z.second[at : at+len(x)]
		var s, t float64
		for k := 0; k+1 < len(x); k += 2 {
			s += float64(float64(x[k]) * y[k])
			t += float64(float64(x[k+1]) * y[k+1])
		}
		if k := len(x) - 1; k%2 == 0 {
			s += float64(float64(x[k]) * y[k])
		}
		z.first[row] += s + t
	})
}

// toSecond is second = zᵀ first.
func (z *blocked) toSecond() {
	clear(z.second)
	z.runs(func(row, at int, x []float32) {
		f, y := z.first[row], z.second[at:at+len(x)]
		for k, v := range x {
			y[k] += float64(f * float64(v))
		}
	})
}

// across makes the vector of the other side from small, and returns its length squared.
func (z *blocked) across() float64 {
	if z.turned {
		z.toFirst()
		return dot(z.first, z.first)
	}
	z.toSecond()
	return dot(z.second, z.second)
}

// squared is small = z zᵀ small, or zᵀ z small.
func (z *blocked) squared() {
	z.across()
	if z.turned {
		z.toSecond()
	} else {
		z.toFirst()
	}
}

// lanczos is Lanczos' method for the leading eigenvector of squared, with every vector orthogonal to all
// others (C. Lanczos, "An iteration method for the solution of the eigenvalue problem", 1950).
type lanczos struct {
	*blocked
	basis   []float64 // vectors
	d, e    []float64 // what squared is among them: a diagonal, and what is beside it
	k       int       // steps so far
	scratch memory
}

// leading makes small the leading singular vector of its side. The method is begun again from what was found
// until that is accurate.
func (z *blocked) leading(ctx context.Context, mem memory) error {
	n := len(z.small)
	l := &lanczos{blocked: z, basis: mem.take(lanczosSteps * n)}
	x := mem.take(n)
	l.d, l.e, l.scratch = mem.take(lanczosSteps), mem.take(lanczosSteps), mem
	total := z.total()
	(&normals{}).fill(x)
	for range mostRestarts {
		normalize(x)
		copy(l.basis, x)
		l.k = 0
		for more := true; more; {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if more = l.step(); more && l.k%lookEvery != 0 {
				continue
			}
			value, u, err := l.ritz()
			if err != nil {
				return err
			}
			residual := math.Abs(u[l.k-1]) * l.e[l.k-1] // the eigenvalue is off by less
			done := residual <= lanczosError*value || residual <= restError*(total-value)
			if done || !more {
				combine(x, u, l.basis[:l.k*n])
			}
			if done {
				copy(z.small, x)
				return nil
			}
		}
	}
	copy(z.small, x)
	return nil
}

// total is the sum of squares of all numbers.
func (z *blocked) total() (sum float64) {
	for _, x := range z.data {
		sum += float64(x) * float64(x) // exact: a float32 has 24 bits
	}
	return sum
}

// step adds a vector to the basis. more says that there may be another one.
func (l *lanczos) step() (more bool) {
	n := len(l.small)
	v := l.basis[l.k*n : (l.k+1)*n]
	copy(l.small, v)
	l.squared()
	l.d[l.k] = dot(l.small, v)
	for range 2 { // once is not enough for rounding
		for i := range l.k + 1 {
			axpy(l.small, -dot(l.basis[i*n:(i+1)*n], l.small), l.basis[i*n:(i+1)*n])
		}
	}
	size := math.Sqrt(dot(l.small, l.small))
	l.e[l.k] = size
	l.k++
	if l.k == min(lanczosSteps, n) || size <= epsilon*(l.d[0]+l.e[0]) {
		return false
	}
	next := l.basis[l.k*n : (l.k+1)*n]
	for i, y := range l.small {
		next[i] = y / size
	}
	return true
}

// ritz returns the largest eigenvalue of what squared is among the vectors, and its vector.
func (l *lanczos) ritz() (value float64, vector []float64, err error) {
	k, mem := l.k, l.scratch
	square := mem.take(k * k)
	clear(square)
	for i := range k {
		if square[i*k+i] = l.d[i]; i > 0 {
			square[i*k+i-1] = l.e[i-1]
		}
	}
	values, vectors, err := eigen(square, k, mem)
	if err != nil {
		return 0, nil, err
	}
	i := largest(values, 1)[0]
	return values[i], vectors[i*k : (i+1)*k], nil
}

// normalize makes x, which is not zero, of length 1.
func normalize(x []float64) {
	n := math.Sqrt(dot(x, x))
	for i := range x {
		x[i] /= n
	}
}
