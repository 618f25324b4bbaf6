package linalg

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestBlocksAreThoseOfTheReference: the choices that the reference makes (t = 0, 1/4, 1/2, 3/4, 1).
func TestBlocksAreThoseOfTheReference(t *testing.T) {
	for shape, want := range map[[3]int][5][4]int{
		{320, 4, 9}:     {{1, 320, 1, 4}, {5, 64, 2, 2}, {32, 10, 4, 1}, {320, 1, 4, 1}, {320, 1, 4, 1}},
		{320, 768, 1}:   {{1, 320, 1, 768}, {1, 320, 24, 32}, {16, 20, 32, 24}, {40, 8, 256, 3}, {320, 1, 768, 1}},
		{1280, 1280, 1}: {{1, 1280, 1, 1280}, {4, 320, 10, 128}, {32, 40, 40, 32}, {128, 10, 320, 4}, {1280, 1, 1280, 1}},
		{2560, 320, 1}:  {{1, 2560, 1, 320}, {16, 160, 2, 160}, {40, 64, 20, 16}, {80, 32, 320, 1}, {2560, 1, 320, 1}},
		{320, 320, 9}:   {{1, 320, 1, 320}, {2, 160, 16, 20}, {32, 10, 32, 10}, {80, 4, 320, 1}, {320, 1, 320, 1}},
	} {
		for i, w := range want {
			if b := ChooseBlocks(shape[0], shape[1], shape[2], float64(i)/4); b != (Blocks{w[0], w[1], w[2], w[3], shape[2]}) {
				t.Errorf("%v, ratio %g: %v, want %v", shape, float64(i)/4, b, w)
			}
		}
	}
	if b := ChooseBlocks(1, 1, 1, 0.5); b != (Blocks{1, 1, 1, 1, 1}) {
		t.Errorf("one number: %v", b)
	}
	if b := ChooseBlocks(320, 1280, 1, 0.5); b != (Blocks{16, 20, 40, 32, 1}) {
		t.Errorf("320 x 1280: %v", b)
	}
}

// nearest runs Nearest in scratch that is exactly as large as it asks for, and dirty.
func nearest(t *testing.T, b Blocks, data []float32) (w1, w2 []float32) {
	t.Helper()
	w1, w2 = make([]float32, b.M1*b.N1), make([]float32, b.M2*b.N2*b.Kernel)
	scratch := make([]float64, b.Scratch())
	for i := range scratch {
		scratch[i] = math.NaN()
	}
	if err := b.Nearest(context.Background(), data, w1, w2, scratch); err != nil {
		t.Fatal(err)
	}
	return w1, w2
}

// kron is the Kronecker product by its definition.
func (b Blocks) kron(w1, w2 []float32) []float64 {
	cols := b.N1 * b.N2 * b.Kernel
	out := make([]float64, b.M1*b.M2*cols)
	for i := range out {
		r, c := i/cols, i%cols
		k, c := c%b.Kernel, c/b.Kernel
		out[i] = float64(w1[r/b.M2*b.N1+c/b.N2]) * float64(w2[(r%b.M2*b.N2+c%b.N2)*b.Kernel+k])
	}
	return out
}

// TestNearestKroneckerProduct: as near as gonum's singular values of the rearranged matrix allow.
func TestNearestKroneckerProduct(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, b := range []Blocks{{4, 5, 6, 3, 1}, {2, 3, 3, 2, 9}, {1, 12, 1, 10, 1}, {12, 1, 10, 1, 1}, {1, 1, 1, 1, 1}, {5, 2, 1, 7, 4}, {30, 4, 30, 5, 1}, {16, 16, 16, 16, 1}} {
		n := b.M1 * b.M2 * b.N1 * b.N2 * b.Kernel
		for kind, value := range map[string]func(i int) float32{
			"random": func(int) float32 { return float32(r.NormFloat64()) },
			"zero":   func(int) float32 { return 0 },
			"equal":  func(int) float32 { return 0.25 },
			"one":    func(i int) float32 { return float32(1 - min(i, 1)) },
		} {
			data := make([]float32, n)
			for i := range data {
				data[i] = value(i)
			}
			z := mat.NewDense(b.M1*b.N1, b.M2*b.N2*b.Kernel, nil)
			cols := b.N1 * b.N2 * b.Kernel
			for i, x := range data {
				row, c := i/cols, i%cols
				k, c := c%b.Kernel, c/b.Kernel
				z.Set(row/b.M2*b.N1+c/b.N2, (row%b.M2*b.N2+c%b.N2)*b.Kernel+k, float64(x))
			}
			least, length := optimal(t, z, 1)
			w1, w2 := nearest(t, b, data)
			sum := 0.0
			for i, p := range b.kron(w1, w2) {
				sum += (float64(data[i]) - p) * (float64(data[i]) - p)
			}
			if d := math.Sqrt(sum); !(d <= least+1e-6*length) {
				t.Errorf("%v %s: distance %g, least %g", b, kind, d, least)
			}
			if kind != "zero" {
				var s1, s2 float64
				for _, x := range w1 {
					s1 += float64(x) * float64(x)
				}
				for _, x := range w2 {
					s2 += float64(x) * float64(x)
				}
				if math.Abs(s1-s2) > 1e-5*s1 {
					t.Errorf("%v %s: the factors are %g and %g long", b, kind, s1, s2)
				}
			}
		}
	}
}

func BenchmarkNearest(b *testing.B) {
	for _, shape := range [][3]int{{1280, 1280, 1}, {1280, 1280, 9}, {10240, 1280, 1}} {
		b.Run(fmt.Sprint(shape), func(b *testing.B) {
			s := ChooseBlocks(shape[0], shape[1], shape[2], 0.5)
			data := make([]float32, shape[0]*shape[1]*shape[2])
			r := rand.New(rand.NewPCG(9, 9))
			for i := range data {
				data[i] = float32(r.NormFloat64())
			}
			w1, w2, scratch := make([]float32, s.M1*s.N1), make([]float32, s.M2*s.N2*s.Kernel), make([]float64, s.Scratch())
			for b.Loop() {
				if err := s.Nearest(context.Background(), data, w1, w2, scratch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
