package linalg

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// spectrum makes a matrix with the given singular values and random singular vectors.
func spectrum(r *rand.Rand, rows, cols int, value func(i int) float64) Matrix {
	side := func(n, k int) *mat.Dense {
		a := mat.NewDense(n, k, nil)
		for i := range n {
			for j := range k {
				a.Set(i, j, r.NormFloat64())
			}
		}
		var qr mat.QR
		qr.Factorize(a)
		var q mat.Dense
		qr.QTo(&q)
		return mat.DenseCopyOf(q.Slice(0, n, 0, k))
	}
	k := min(rows, cols)
	u, v := side(rows, k), side(cols, k)
	for j := range k {
		for i := range rows {
			u.Set(i, j, u.At(i, j)*value(j))
		}
	}
	var m mat.Dense
	m.Mul(u, v.T())
	data := make([]float32, rows*cols)
	for i := range data {
		data[i] = float32(m.At(i/cols, i%cols))
	}
	return NewMatrix(rows, cols, data)
}

// dense is the matrix in gonum.
func dense(m Matrix) *mat.Dense {
	d := mat.NewDense(m.Rows, m.Cols, nil)
	for i := range m.Rows {
		for j := range m.Cols {
			d.Set(i, j, float64(m.Data[i*m.Stride+j]))
		}
	}
	return d
}

// optimal is the least distance of a matrix of the rank from m, by gonum's singular values, and the
// length of m.
func optimal(t *testing.T, m *mat.Dense, rank int) (least, length float64) {
	t.Helper()
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDNone) {
		t.Fatal("no singular values")
	}
	for i, s := range svd.Values(nil) {
		length += s * s
		if i >= rank {
			least += s * s
		}
	}
	return math.Sqrt(least), math.Sqrt(length)
}

// factor runs Factor in scratch that is exactly as large as it asks for, and dirty.
func factor(t *testing.T, f LowRank, m Matrix) (up, down []float32) {
	t.Helper()
	scratch := make([]float64, f.Scratch(m.Rows, m.Cols))
	for i := range scratch {
		scratch[i] = math.NaN()
	}
	up, down = make([]float32, m.Rows*f.Rank), make([]float32, f.Rank*m.Cols)
	spoil(up)
	spoil(down)
	if err := f.Factor(context.Background(), m, up, down, scratch); err != nil {
		t.Fatal(err)
	}
	return up, down
}

// distance is the length of m - up*down.
func distance(m Matrix, up, down []float32) float64 {
	r := len(up) / m.Rows
	sum := 0.0
	for i := range m.Rows {
		for j := range m.Cols {
			d := float64(m.Data[i*m.Stride+j])
			for k := range r {
				d -= float64(up[i*r+k]) * float64(down[k*m.Cols+j])
			}
			sum += d * d
		}
	}
	return math.Sqrt(sum)
}

var spectra = map[string]func(int) float64{
	"slow":  func(i int) float64 { return 1 / math.Sqrt(float64(i+1)) },
	"flat":  func(int) float64 { return 3 },
	"fast":  func(i int) float64 { return math.Exp(-float64(i)) },
	"small": func(i int) float64 { return 1e-20 / float64(i+1) },
	"great": func(i int) float64 { return 1e20 / float64(i+1) },
}

// TestFactorsAreNearlyOptimal: two iterations come within 1 % of the least distance, the exact way
// within rounding, for matrices of all proportions and singular values that fall slowly or fast.
func TestFactorsAreNearlyOptimal(t *testing.T) {
	for name, value := range spectra {
		for _, shape := range [][2]int{{90, 61}, {61, 90}, {200, 9}, {9, 200}, {1, 7}, {7, 1}, {33, 33}} {
			r := rand.New(rand.NewPCG(1, uint64(shape[0])))
			m := spectrum(r, shape[0], shape[1], value)
			for _, rank := range []int{1, 4, 16, 61} {
				rank = min(rank, shape[0], shape[1])
				least, length := optimal(t, dense(m), rank)
				for what, c := range map[string]struct {
					f    LowRank
					more float64
				}{"two iterations": {LowRank{Rank: rank, Iters: 2}, 0.01}, "exact": {LowRank{Rank: rank, Exact: true}, 1e-6}} {
					up, down := factor(t, c.f, m)
					if d := distance(m, up, down); !(d <= least*(1+c.more)+1e-6*length) {
						t.Errorf("%s %v rank %d, %s: distance %g, least %g (%g %%)", name, shape, rank, what, d, least, 100*(d/least-1))
					}
				}
			}
		}
	}
}

// TestFactorsShareSingularValues: columns of up are orthogonal, and as long as the rows of down.
func TestFactorsShareSingularValues(t *testing.T) {
	for _, shape := range [][2]int{{40, 30}, {30, 40}} {
		m := spectrum(rand.New(rand.NewPCG(2, 2)), shape[0], shape[1], spectra["slow"])
		const rank = 5
		up, down := factor(t, LowRank{Rank: rank, Exact: true}, m)
		var svd mat.SVD
		svd.Factorize(dense(m), mat.SVDNone)
		for k, s := range svd.Values(nil)[:rank] {
			for l := range rank {
				var u, d float64
				for i := range m.Rows {
					u += float64(up[i*rank+k]) * float64(up[i*rank+l])
				}
				for j := range m.Cols {
					d += float64(down[k*m.Cols+j]) * float64(down[l*m.Cols+j])
				}
				want := 0.0
				if k == l {
					want = s
				}
				if math.Abs(u-want) > 1e-6 || math.Abs(d-want) > 1e-6 {
					t.Errorf("%v: products %d, %d are %g and %g, want %g", shape, k, l, u, d, want)
				}
			}
		}
	}
}

// TestFactorsOfLowRankAreExact: what has no more than the rank comes back to rounding; what is missing
// is zero.
func TestFactorsOfLowRankAreExact(t *testing.T) {
	for _, f := range []LowRank{{Rank: 6, Iters: 2}, {Rank: 6}, {Rank: 6, Exact: true}} {
		for rank := range 7 {
			m := spectrum(rand.New(rand.NewPCG(3, uint64(rank))), 50, 40, func(i int) float64 {
				if i < rank {
					return float64(10 - i)
				}
				return 0
			})
			up, down := factor(t, f, m)
			if d := distance(m, up, down); !(d <= 1e-5) {
				t.Errorf("%+v of a matrix of rank %d: distance %g", f, rank, d)
			}
			if rank == 0 {
				for _, x := range append(up, down...) {
					if x != 0 {
						t.Fatalf("%+v of zero has %g", f, x)
					}
				}
			}
		}
	}
}

// TestNonFiniteMatricesGiveNaN: and end.
func TestNonFiniteMatricesGiveNaN(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		m := spectrum(rand.New(rand.NewPCG(4, 4)), 8, 6, spectra["slow"])
		m.Data[17] = float32(bad)
		up, down := factor(t, LowRank{Rank: 2, Iters: 2}, m)
		w1, w2 := nearest(t, Blocks{2, 4, 3, 2, 1}, m.Data)
		for _, x := range [][]float32{up, down, w1, w2} {
			for i := range x {
				if x[i] == x[i] {
					t.Fatalf("%g gives %v", bad, x)
				}
			}
		}
	}
}

// TestFactorEndsWithItsContext: an ended context is the error.
func TestFactorEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m := spectrum(rand.New(rand.NewPCG(5, 5)), 20, 15, spectra["slow"])
	for _, f := range []LowRank{{Rank: 2, Iters: 2}, {Rank: 2, Exact: true}} {
		if err := f.Factor(ctx, m, make([]float32, 40), make([]float32, 30), make([]float64, f.Scratch(20, 15))); err != context.Canceled {
			t.Errorf("%+v: %v", f, err)
		}
	}
	b := Blocks{4, 5, 3, 5, 1}
	if err := b.Nearest(ctx, m.Data, make([]float32, 12), make([]float32, 25), make([]float64, b.Scratch())); err != context.Canceled {
		t.Error(err)
	}
}

// TestEigenvectors: of symmetric matrices of every size, also with equal eigenvalues, the vectors are
// orthonormal and what the matrix makes of them is a multiple.
func TestEigenvectors(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for _, n := range []int{1, 2, 3, 4, 17, 60} {
		for _, kind := range []string{"any", "one", "diagonal", "zero", "graded"} {
			a := make([]float64, n*n)
			for i := range n {
				for j := range i + 1 {
					switch kind {
					case "any":
						a[i*n+j] = r.NormFloat64()
					case "one":
						a[i*n+j] = 1
					case "diagonal":
						if i == j {
							a[i*n+j] = float64(i % 3)
						}
					case "graded":
						a[i*n+j] = r.NormFloat64() * math.Exp(-float64(i+j))
					}
					a[j*n+i] = a[i*n+j]
				}
			}
			lower := append([]float64(nil), a...)
			values, v, err := eigen(lower, n, make([]float64, eigenScratch(n)))
			if err != nil {
				t.Fatalf("%s %d: %v", kind, n, err)
			}
			for i := range n {
				x := v[i*n : (i+1)*n]
				for j := range n {
					want := 0.0
					if i == j {
						want = 1
					}
					if math.Abs(dot(x, v[j*n:(j+1)*n])-want) > 1e-13 || math.Abs(dot(a[j*n:(j+1)*n], x)-values[i]*x[j]) > 1e-13*float64(n) {
						t.Fatalf("%s %d: vector %d", kind, n, i)
					}
				}
			}
		}
	}
}

// TestNormalsAreNormal: mean, deviation and tails of the random numbers, and that seeds differ. The
// first ones were computed by the formulas in Python.
func TestNormalsAreNormal(t *testing.T) {
	const n = 200000
	x := make([]float64, n)
	(&normals{state: 1}).fill(x)
	var sum, square, fourth float64
	for _, v := range x {
		sum, square, fourth = sum+v, square+v*v, fourth+v*v*v*v
	}
	if math.Abs(sum/n) > 0.01 || math.Abs(square/n-1) > 0.01 || math.Abs(fourth/n-3) > 0.1 {
		t.Errorf("moments %g, %g, %g", sum/n, square/n, fourth/n)
	}
	for i, want := range []float64{0.42945220538400686, 1.5857725335739927, 0.4564552075888475, -0.05392224341748633} {
		if math.Abs(x[i]-want) > 1e-15 {
			t.Errorf("number %d is %v, want %v", i, x[i], want)
		}
	}
	y := make([]float64, 2)
	if (&normals{state: 2}).fill(y); y[0] == x[0] {
		t.Error("two seeds have one stream")
	}
}

// TestLogarithm: near that of package math everywhere.
func TestLogarithm(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 10000 {
		x := math.Exp(r.NormFloat64() * 20)
		if d := math.Abs(ln(x) - math.Log(x)); d > 4*epsilon*math.Max(1, math.Abs(math.Log(x))) {
			t.Fatalf("ln %g is off by %g", x, d)
		}
	}
	if ln(1) != 0 {
		t.Error("ln 1")
	}
}

func BenchmarkFactor(b *testing.B) {
	for _, c := range []struct {
		rows, cols int
		f          LowRank
	}{{1280, 1280, LowRank{Rank: 8, Iters: 2}}, {10240, 1280, LowRank{Rank: 32, Iters: 2}}, {1280, 11520, LowRank{Rank: 16, Iters: 2}}, {320, 2880, LowRank{Rank: 8, Exact: true}}, {1280, 1280, LowRank{Rank: 8, Exact: true}}} {
		b.Run(fmt.Sprintf("%dx%d/%d/exact=%v", c.rows, c.cols, c.f.Rank, c.f.Exact), func(b *testing.B) {
			m := NewMatrix(c.rows, c.cols, make([]float32, c.rows*c.cols))
			r := rand.New(rand.NewPCG(9, 9))
			for i := range m.Data {
				m.Data[i] = float32(r.NormFloat64())
			}
			up, down := make([]float32, c.rows*c.f.Rank), make([]float32, c.cols*c.f.Rank)
			scratch := make([]float64, c.f.Scratch(c.rows, c.cols))
			for b.Loop() {
				if err := c.f.Factor(context.Background(), m, up, down, scratch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
