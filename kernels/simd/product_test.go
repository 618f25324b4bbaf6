//go:build amd64

package simd

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// productOf makes a product of random factors for elements [first, first+n), with a flag for each
// factor. Memory of dst starts with other numbers.
func productOf(r *rand.Rand, x, y tensor.DType, cols, k, first, n int64) *kernels.Product {
	p := &kernels.Product{First: first, N: n, Cols: cols, K: k}
	span := func(b []byte) kernels.Span { return kernels.Span{Mem: kernels.HostMem(b), Len: int64(len(b))} }
	factor := func(d tensor.DType, n int64) kernels.Factor {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		b := make([]byte, n*d.Size())
		kernels.Narrow(b, v, d)
		return kernels.Factor{Span: span(b), DType: d, Flag: span(make([]byte, 4))}
	}
	p.X, p.Y = factor(x, p.Rows()*k), factor(y, k*cols)
	p.Dst = span(slices.Repeat([]byte{0xa5}, int(4*n)))
	return p
}

// results are the bits of the elements, NaN being one, and the flags.
func results(p *kernels.Product) (bits []uint32) {
	for b := range slices.Chunk(p.Dst.Bytes(), 4) {
		x := math.Float32frombits(binary.LittleEndian.Uint32(b))
		if x != x {
			x = float32(math.NaN())
		}
		bits = append(bits, math.Float32bits(x))
	}
	return append(bits, binary.LittleEndian.Uint32(p.X.Flag.Bytes()), binary.LittleEndian.Uint32(p.Y.Flag.Bytes()))
}

// agreeOn computes a product both ways.
func agreeOn(t *testing.T, m *Machine, p *kernels.Product) []uint32 {
	t.Helper()
	if err := kernels.RunProduct(p); err != nil {
		t.Fatal(err)
	}
	want := results(p)
	for _, s := range []kernels.Span{p.Dst, p.X.Flag, p.Y.Flag} {
		clear(s.Bytes())
	}
	if err := m.Product(p); err != nil {
		t.Fatal(err)
	}
	for i, got := range results(p) {
		if got != want[i] {
			t.Fatalf("%v x %v, K %d, %d columns, elements [%d, +%d): word %d is %#x, want %#x", p.X.DType, p.Y.DType, p.K, p.Cols, p.First, p.N, i, got, want[i])
		}
	}
	return want
}

// Products of every size around that of tiles, bands and blocks, cut anywhere.
func TestProductsHaveTheBitsOfTheDefinition(t *testing.T) {
	needSIMD(t)
	m, r := NewMachine(), newRand(11)
	types := []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F64, tensor.F8_E4M3, tensor.I32}
	for range 300 {
		cols, k, rows := 1+r.Int64N(70), 1+r.Int64N(40), 1+r.Int64N(80)
		if r.IntN(8) == 0 {
			k = 250 + r.Int64N(300)
		}
		first := r.Int64N(3 * cols)
		agreeOn(t, m, productOf(r, types[r.IntN(len(types))], types[r.IntN(len(types))], cols, k, first, 1+r.Int64N(rows*cols)))
	}
}

// A value that is not finite sets the flag of its factor, wherever it is, and no other.
func TestProductsFlagWhatIsNotFinite(t *testing.T) {
	needSIMD(t)
	m, r := NewMachine(), newRand(12)
	const rows, cols, k = 9, 37, 5
	for i := range rows*k + k*cols {
		p := productOf(r, tensor.F32, tensor.F32, cols, k, 0, rows*cols)
		at, b, want := i, p.X.Span.Bytes(), []uint32{1, 0}
		if i >= rows*k {
			at, b, want = i-rows*k, p.Y.Span.Bytes(), []uint32{0, 1}
		}
		odd := []float64{math.Inf(1), math.Inf(-1), math.NaN()}[i%3]
		binary.LittleEndian.PutUint32(b[4*at:], math.Float32bits(float32(odd)))
		if got := agreeOn(t, m, p); !slices.Equal(got[rows*cols:], want) {
			t.Errorf("value %d: flags %v, want %v", i, got[rows*cols:], want)
		}
	}
	p := productOf(r, tensor.F32, tensor.F32, cols, k, 0, rows*cols)
	for _, b := range [][]byte{p.X.Span.Bytes(), p.Y.Span.Bytes()} {
		binary.LittleEndian.PutUint32(b, math.Float32bits(math.MaxFloat32))
	}
	if got := agreeOn(t, m, p); got[0]<<1 != 0xff<<24 || got[rows*cols] != 0 || got[rows*cols+1] != 0 {
		t.Errorf("a product that overflows is %#x and has flags %v", got[0], got[rows*cols:])
	}
}

func BenchmarkProduct(b *testing.B) {
	needSIMD(b)
	for _, k := range []int64{4, 16, 64, 128, 512} {
		b.Run(fmt.Sprint("K=", k), func(b *testing.B) {
			const cols, n = 5120, 51 * 5120
			m, p := NewMachine(), productOf(newRand(13), tensor.F16, tensor.F16, cols, k, 0, n)
			for b.Loop() {
				if err := m.Product(p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFMA/s")
		})
	}
}
