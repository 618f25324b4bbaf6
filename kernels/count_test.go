package kernels

import (
	"math"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// lossyPairs returns values and the elements of d that they are stored as: ordinary ones,
// zeros, and some of everything that d has no value for.
func lossyPairs(d tensor.DType, n int, seed uint64) (stored []byte, x []float64) {
	rnd := newRand(seed)
	odd := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1e30, -1e30, 1e-40, -1e-40, 65520, -0.5}
	x = make([]float64, n)
	for i := range x {
		if x[i] = rnd.NormFloat64(); rnd.IntN(6) == 0 {
			x[i] = odd[rnd.IntN(len(odd))]
		}
	}
	return bytesOf(d, x...), x
}

// TestStoredElementsAreCountedByTheirDefinition compares counts of floats with the sentences
// that define OutCount, for every length of what is left over after whole words.
func TestStoredElementsAreCountedByTheirDefinition(t *testing.T) {
	for _, d := range tensor.DTypes() {
		if !d.IsFloat() || !d.Computable() {
			continue
		}
		for n := range 40 {
			stored, x := lossyPairs(d, n, uint64(n))
			back, narrow := make([]float64, n), make([]float32, n)
			Widen64(back, stored, d)
			var want [3]uint64
			for i, s := range back {
				narrow[i] = float32(x[i])
				switch finite := x[i]-x[i] == 0; {
				case s-s != 0 && finite:
					want[1]++
					fallthrough
				case s-s != 0:
					want[0]++
				case s == 0 && x[i] != 0:
					want[2]++
				}
			}
			got, got64 := countStored[float32, uint32](stored, d, narrow), countStored[float64, uint64](stored, d, x)
			if want := (verdict{want[0], want[1], want[2]}); got != want || got64 != want {
				t.Fatalf("%v, %d elements: %v and %v, want %v", d, n, got, got64, want)
			}
			if bad := CountNonFinite(stored, d); uint64(bad) != want[0] || NonFinite(stored, d) != (want[0] > 0) {
				t.Fatalf("%v, %d elements: %d not finite, want %d", d, n, bad, want[0])
			}
		}
	}
}

func TestCountsLookAtEveryElement(t *testing.T) {
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F64, tensor.F8_E4M3} {
		for at := range 37 {
			x := make([]float32, 37)
			for i := range x {
				x[i] = 1
			}
			stored := make([]byte, int64(len(x))*d.Size())
			Narrow(stored, x, d)
			clear(stored[int64(at)*d.Size():][:d.Size()])
			if v := countStored[float32, uint32](stored, d, x); v.underflow != 1 {
				t.Errorf("%v: %d underflows, element %d is one", d, v.underflow, at)
			}
			x[at] = float32(math.NaN())
			Narrow(stored, x, d)
			if v := countStored[float32, uint32](stored, d, x); v.nonFinite != 1 || v.overflow != 0 || !NonFinite(stored, d) {
				t.Errorf("%v: %d not finite, %d overflows, element %d is NaN", d, v.nonFinite, v.overflow, at)
			}
		}
	}
}

// TestInputFlagsJudgeTheElementsOfTheLaunch puts one NaN into an operand of 12 values: the
// flag is set if and only if an element of the launch has it.
func TestInputFlagsJudgeTheElementsOfTheLaunch(t *testing.T) {
	index := map[Form]func(i int64) int64{
		Row: func(i int64) int64 { return i / 12 },
		Col: func(i int64) int64 { return i % 12 },
	}
	for form, of := range index {
		for _, n := range []int64{1, 5, 12, 13, 700} {
			for first := range int64(30) {
				for bad := range int64(12) {
					checkInFlag(t, form, of, first, n, bad)
				}
			}
		}
	}
}

func checkInFlag(t *testing.T, form Form, of func(int64) int64, first, n, bad int64) {
	t.Helper()
	start := int64(0) // of the values in memory
	values := make([]float64, 12)
	if form == Row {
		start = of(first)
		values = make([]float64, max(12, of(first+n-1)-start+1))
	}
	values[bad] = math.NaN()
	want := uint32(0)
	for i := first; i < first+n; i++ {
		if of(i)-start == bad {
			want = 1
		}
	}
	p := &Program{Operands: []Operand{{tensor.BF16, form}}, Results: []Result{{Kind: InFlag}}}
	flag := make([]byte, 4)
	l := &Launch{Prog: p, First: first, N: n, Args: []Arg{{spanOf(bytesOf(tensor.BF16, values...)), 12}}, Results: []Span{spanOf(flag)}}
	if err := Run(l); err != nil {
		t.Fatal(err)
	}
	if got := le.Uint32(flag); got != want {
		t.Fatalf("form %d, [%d, +%d), NaN at %d: flag %d, want %d", form, first, n, bad, got, want)
	}
}
