//go:build amd64

package simd

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// storeOf makes a Program that stores operand 0, of type from, as type to, with flags.
func storeOf(c kernels.Compute, from, to tensor.DType) *kernels.Program {
	b := &kernels.Builder{Compute: c}
	x := b.Load(0)
	return &kernels.Program{Compute: c, Operands: []kernels.Operand{{DType: from}}, Code: b.Code,
		Results: []kernels.Result{{Kind: kernels.Store, V: x, DType: to}, {Kind: kernels.OutCount}, {Kind: kernels.InFlag}}}
}

// launchBytes makes a launch of p, which has one dense operand, over all elements of src.
func launchBytes(p *kernels.Program, src []byte) *kernels.Launch {
	n := int64(len(src)) / p.Operands[0].DType.Size()
	l := &kernels.Launch{Prog: p, N: n, Args: []kernels.Arg{{Span: kernels.Span{Mem: kernels.HostMem(src), Len: int64(len(src))}}}}
	l.Results = resultsOf(newRand(0), p, n, 1)
	return l
}

func TestEveryCodeOfTheHalvesConvertsAsDefined(t *testing.T) {
	needSIMD(t)
	codes := make([]byte, 0, 2<<16)
	for c := range 1 << 16 {
		codes = binary.LittleEndian.AppendUint16(codes, uint16(c))
	}
	for _, c := range []kernels.Compute{kernels.F32, kernels.F64} {
		for _, from := range []tensor.DType{tensor.F16, tensor.BF16} {
			for _, to := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F64} {
				t.Run(fmt.Sprint(c.DType(), from, to), func(t *testing.T) {
					agree(t, NewMachine(), launchBytes(storeOf(c, from, to), codes))
				})
			}
		}
	}
}

// around lists float64 next to each boundary between two neighbours of the half type d: the
// halfway points, their neighbours, and the codes themselves.
func around(d tensor.DType) (src []byte) {
	both := make([]float64, 2)
	for c := range 1<<15 - 1 {
		codes := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, uint16(c)), uint16(c+1))
		kernels.Widen64(both, codes, d)
		mid := both[0] + (both[1]-both[0])/2
		for _, x := range []float64{both[0], mid, math.Nextafter(mid, both[0]), -math.Nextafter(mid, both[1])} {
			src = binary.LittleEndian.AppendUint64(src, math.Float64bits(x))
		}
	}
	return src
}

func TestHalvesRoundOnceFromBothComputeTypes(t *testing.T) {
	needSIMD(t)
	for _, c := range []kernels.Compute{kernels.F32, kernels.F64} {
		for _, d := range []tensor.DType{tensor.F16, tensor.BF16} {
			agree(t, NewMachine(), launchBytes(storeOf(c, tensor.F64, d), around(d)))
		}
	}
}

// Programs of bfloat16 alone round in pairs: products of all codes that end in ties, lose bits,
// overflow, or are subnormal.
func TestPairsRoundOnce(t *testing.T) {
	needSIMD(t)
	codes := make([]byte, 0, 2<<16)
	for c := range 1 << 16 {
		codes = binary.LittleEndian.AppendUint16(codes, uint16(c))
	}
	for _, factor := range []float64{1 + 1.0/256, 1 + 3.0/512, 1.5, 1.0 / 3, 0x1p-9, 0x1.8p-100, 0x1p100} {
		b := &kernels.Builder{}
		p := storeOf(kernels.F32, tensor.BF16, tensor.BF16)
		p.Results[0].V = b.Op2(kernels.OpMul, b.Load(0), b.Num(factor))
		p.Code = b.Code
		agree(t, NewMachine(), launchBytes(p, codes))
	}
}

// One element of each class among ordinary ones, at every position of two steps: flags are
// those of the definition wherever the element is, in the body and in the tail.
func TestFlagsFindOneElementAnywhere(t *testing.T) {
	needSIMD(t)
	m := NewMachine()
	for _, c := range []kernels.Compute{kernels.F32, kernels.F64} {
		for _, from := range common {
			for _, to := range common {
				p := storeOf(c, from, to)
				for i, x := range []float64{0, 1e-300, 1e-30, 1e-9, 65520, 1e30, 1e300, math.Inf(-1), math.NaN()} {
					for _, at := range []int{i, 31 + i, 63, 64, 100 + i, 127, 128, 130} {
						var src []byte
						for k := range 131 {
							v := 1.5
							if k == at {
								v = x
							}
							src = append(src, encode(from, v)...)
						}
						agree(t, m, launchBytes(p, src))
					}
				}
			}
		}
	}
}
