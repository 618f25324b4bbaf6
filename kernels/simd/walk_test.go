//go:build amd64

package simd

import (
	"math"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// sumsOf makes a Program of the given sums over operands, numbers 0 and 1, and their negatives,
// 2 and 3, which are in scratch; with the flags of both operands. A pair of numbers is a
// product, one with -1 a plain sum.
func sumsOf(c kernels.Compute, x, y tensor.DType, group kernels.Group, pairs ...[2]int) *kernels.Program {
	b := &kernels.Builder{Compute: c}
	v := []kernels.Val{b.Load(0), b.Load(1)}
	v = append(v, b.Op2(kernels.OpSub, b.Num(0), v[0]), b.Op2(kernels.OpSub, b.Num(0), v[1]))
	p := &kernels.Program{Compute: c, Operands: []kernels.Operand{{DType: x}, {DType: y}}, Code: b.Code}
	for _, s := range pairs {
		r := kernels.Result{Kind: kernels.Sum, Group: group, V: v[s[0]]}
		if s[1] >= 0 {
			r.Product, r.W = true, v[s[1]]
		}
		p.Results = append(p.Results, r)
	}
	p.Results = append(p.Results, kernels.Result{Kind: kernels.InFlag}, kernels.Result{Kind: kernels.InFlag, Of: 1})
	return p
}

// sumSets lists sums that take every way to a walk.
var sumSets = [][][2]int{
	{{0, 0}, {1, 1}, {0, 1}}, // a triple in place
	{{2, 2}, {3, 3}, {2, 3}}, // a triple in scratch
	{{0, 0}, {3, 3}, {3, 0}}, // half and half
	{{0, -1}}, {{0, 0}}, {{0, 1}}, {{1, 0}},
	{{0, 0}, {0, 1}, {1, -1}}, {{2, 0}, {1, 3}},
}

// sumLengths lists lengths around steps, runs, chunks and blocks.
func sumLengths() []int64 {
	n := []int64{1, 63, 64, 65, 128, 191, 192, 255, 256, 257, 319, 320, 448, 511, 512, 513, 576, 769, 1000}
	for _, c := range []int64{kernels.ChunkElems, kernels.BlockElems} {
		n = append(n, c-64, c-1, c, c+1, c+64, c+256, c+321)
	}
	return n
}

func TestWalksGiveTheBitsOfTheDefinition(t *testing.T) {
	needSIMD(t)
	m := NewMachine()
	for i, set := range sumSets {
		for j, d := range common {
			c, other := kernels.Compute((i+j)%2), d
			if i%3 == 1 {
				other = common[(j+1)%len(common)]
			}
			for k, n := range sumLengths() {
				r := newRand(uint64(i*100 + k))
				if n < kernels.BlockElems/2 || (i+j)%8 == k%8 { // long ones cost most of the time
					agree(t, m, launchOf(r, sumsOf(c, d, other, kernels.Whole, set...), kernels.BlockElems, n, 1, 1, k%2 == 0))
				}
				if n < kernels.BlockElems/2 {
					agree(t, m, launchOf(r, sumsOf(1-c, d, d, kernels.ByRow, set...), 2*n, 2*n, n, 1, k%2 == 1))
				}
			}
		}
	}
}

// Operands that are read in place get their flags from the sums.
func TestSumsFlagOneElementAnywhere(t *testing.T) {
	needSIMD(t)
	m := NewMachine()
	const n = kernels.ChunkElems + 200
	for _, d := range common {
		for s, set := range sumSets[:6] {
			for i, at := range []int64{0, 63, 64, 255, 256, 4095, 4096, 4200, n - 8, n - 1} {
				for _, group := range []kernels.Group{kernels.Whole, kernels.ByRow} {
					l := launchOf(newRand(uint64(i)), sumsOf(kernels.Compute((s+i)%2), d, d, group, set...), 0, n, n, 1, false)
					x := []float64{math.Inf(1), math.NaN(), math.MaxFloat64, 0}[i%4] // the third is finite as float64 only
					copy(l.Args[i/4%2].Span.Bytes()[at*d.Size():], encode(d, x))
					agree(t, m, l)
				}
			}
		}
	}
}

// Values that are only summed are read in place, unless something else needs them.
func TestSumsReadOperandsInPlace(t *testing.T) {
	needSIMD(t)
	for _, d := range common[:3] {
		c := compileOrFail(t, sumsOf(kernels.F32, d, d, kernels.Whole, sumSets[0]...))
		if c.direct == nil || len(c.direct.words) != insWords || len(c.walks) != 1 {
			t.Errorf("%v: %d walks beside code of the machine", d, len(c.walks))
		}
	}
	p := sumsOf(kernels.F32, tensor.F16, tensor.F16, kernels.Whole, [2]int{0, 0})
	p.Results = append(p.Results, kernels.Result{Kind: kernels.Max, V: p.Results[0].V})
	if c := compileOrFail(t, p); c.direct != nil {
		t.Error("the largest value is taken of values that nothing wrote")
	}
	agree(t, NewMachine(), launchOf(newRand(1), p, 0, 5000, 1, 1, false))
}

// Many chunks are summed in one go: those of rows, too, and across blocks of sums.
func TestManyChunksGiveTheBitsOfTheDefinition(t *testing.T) {
	needSIMD(t)
	m := NewMachine()
	for i, n := range []int64{2 * kernels.ChunkElems, 5*kernels.ChunkElems + 70, kernels.BlockElems + 3*kernels.ChunkElems, kernels.BlockElems + kernels.ChunkElems + 65} {
		for j, d := range common {
			for _, group := range []kernels.Group{kernels.Whole, kernels.ByRow} {
				for _, set := range [][][2]int{sumSets[0], sumSets[7]} {
					l := launchOf(newRand(uint64(i)), sumsOf(kernels.Compute((i+j)%2), d, d, group, set...), 0, 2*n, n, 1, false)
					bad := n/2 + int64(i)*kernels.ChunkElems/3
					copy(l.Args[0].Span.Bytes()[bad*d.Size():], encode(d, math.Inf(1)))
					agree(t, m, l)
				}
			}
		}
	}
}

func TestNothingButWalksTakesLongBlocks(t *testing.T) {
	needSIMD(t)
	p := sumsOf(kernels.F32, tensor.F16, tensor.F16, kernels.Whole, sumSets[0]...)
	if c := compileOrFail(t, p); c.long != available().avx512 {
		t.Errorf("long blocks: %v, with AVX-512: %v", c.long, available().avx512)
	}
	p.Results = append(p.Results, kernels.Result{Kind: kernels.Max, V: p.Results[0].V})
	if c := compileOrFail(t, p); c.long {
		t.Error("the largest value is taken of a long block, for which there is no scratch")
	}
}
