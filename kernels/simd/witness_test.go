//go:build amd64

package simd

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Whatever carried says about an operation is true for all combinations of special values, as
// the portable machine computes them.
func TestWhatIsNotFiniteStaysSoWhereWitnessesRelyOnIt(t *testing.T) {
	special := []float64{0, math.Copysign(0, -1), 1, -1, 0x1p-149, 0x1p-1074, math.MaxFloat32, -math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN()}
	var x [3][]byte
	n := int64(0)
	for _, a := range special {
		for _, b := range special {
			for _, c := range special {
				for i, v := range []float64{a, b, c} {
					x[i] = binary.LittleEndian.AppendUint64(x[i], math.Float64bits(v))
				}
				n++
			}
		}
	}
	carriers := 0
	for _, op := range kernels.Ops() {
		for _, d := range tensor.DTypes() {
			if op != kernels.OpRound && d != tensor.F32 || !d.Computable() || op.GivesMask() || op.TakesMask(0) || op.Arity() == 0 {
				continue
			}
			b := &kernels.Builder{Compute: kernels.F64}
			args := [3]kernels.Val{b.Load(0), b.Load(1), b.Load(2)}
			v := b.Emit(kernels.Instr{Op: op, DType: d, A: args[0], B: args[1], C: args[2]})
			f64 := kernels.Operand{DType: tensor.F64}
			p := &kernels.Program{Compute: kernels.F64, Operands: []kernels.Operand{f64, f64, f64}, Code: b.Code,
				Results: []kernels.Result{{Kind: kernels.Store, V: v, DType: tensor.F64}}}
			from := (&Code{prog: p}).carried()[v]
			carriers += min(1, int(from))
			out := make([]byte, 8*n)
			l := &kernels.Launch{Prog: p, N: n, Results: []kernels.Span{{Mem: kernels.HostMem(out), Len: 8 * n}}}
			for i := range x {
				l.Args = append(l.Args, kernels.Arg{Span: kernels.Span{Mem: kernels.HostMem(x[i]), Len: 8 * n}})
			}
			if err := kernels.Run(l); err != nil {
				t.Fatal(err)
			}
			for e := range n {
				for i := range x {
					in, y := at64(x[i], e), at64(out, e)
					if from>>i&1 != 0 && in-in != 0 && y-y == 0 {
						t.Fatalf("%v %v: argument %d is %v, the result %v", op, d, i, in, y)
					}
				}
			}
		}
	}
	if carriers < 10 {
		t.Errorf("%d operations carry what is not finite", carriers)
	}
}

func at64(b []byte, i int64) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
}

// One NaN or infinity in one operand, in any block or in the tail of a long launch, sets the
// flag of that operand alone; overflow of the output sets none.
func TestWitnessesNameTheOperand(t *testing.T) {
	needSIMD(t)
	m := NewMachine()
	const n = 300_011
	for _, d := range common {
		p := lerpProgram(d)
		if c := compileOrFail(t, p); len(c.witnesses) != 1 || len(c.witnesses[0].operands) != 2 {
			t.Fatalf("%v: witnesses %v", d, c.witnesses)
		}
		same := launchOf(newRand(1), p, 0, n, 1, 1, false)
		for op := range 3 { // 2: none
			for _, at := range []int64{0, 63, 4096, 150_001, n - 12, n - 1} {
				l := twin(same)
				if op < 2 {
					x := []float64{math.NaN(), math.Inf(1)}[at%2]
					a := l.Args[op].Span
					mem := bytes.Clone(a.Bytes())
					copy(mem[at*d.Size():], encode(d, x))
					l.Args = slices.Clone(l.Args)
					l.Args[op].Span = kernels.Span{Mem: kernels.HostMem(mem), Len: a.Len}
				} else {
					l.Consts = slices.Clone(l.Consts)
					l.Consts[0] = math.MaxFloat64 // the output overflows
				}
				agree(t, m, l)
				for i := range 2 {
					want := uint32(0)
					if i == op {
						want = 1
					}
					if got := binary.LittleEndian.Uint32(l.Results[2+i].Bytes()); got != want {
						t.Errorf("%v: operand %d is not finite at %d: flag of operand %d is %d", d, op, at, i, got)
					}
				}
			}
		}
	}
}
