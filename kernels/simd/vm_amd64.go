package simd

import (
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// run executes code for n elements, a positive multiple of 64. Pointers in the code are
// plain numbers: the caller keeps the memory alive.
//
//go:noescape
func run(code *uint64, n int)

// fence orders streaming stores before everything that follows.
//
//go:noescape
func fence()

// fold adds 64 lanes by halves (32, 16, ..., 1: lane k adds lane k+32, and so on) and
// clears them.
//
//go:noescape
func fold(lanes *[kernels.Lanes]float64) float64

// vmOp is an operation of the virtual machine. The names follow the operations of
// Programs; R in front swaps the operands.
type vmOp uint8

// kind says how an operand of an instruction is stored.
type kind uint8

const (
	kNone  kind = iota
	kImm        // bits in the instruction, the same for all elements
	kMem        // compute type: slot, scratch or dense operand
	kF16        // dense float16
	kBF16       // dense bfloat16
	kOther      // dense float64 in a float32 program, dense float32 in a float64 program
	kPair       // dense bfloat16 in programs that read and write nothing else, see Code.pair
	numKinds
)

// An instruction is insWords words: handler, P pointer, P extra, Q pointer, Q extra. The
// extra word is the mask of the element index, or the bits of an immediate.
const (
	insWords = 5
	pPtr     = 1
	pExtra   = 2
	qPtr     = 3
	qExtra   = 4
)

// everyIndex is the mask of the element index of memory that moves with the elements; it is
// 0 for slots, which do not.
const everyIndex = ^uint64(0)

// stepElems is what tails are padded to: a multiple of the step of both compute types.
const stepElems = 64

// slotBytes is the size of the accumulator.
const slotBytes = 256

// nativeKind returns the kind of dense elements of type d, or kNone if they have to be
// converted by the portable code.
func nativeKind(c kernels.Compute, d tensor.DType) kind {
	switch {
	case d == c.DType():
		return kMem
	case d == tensor.F16:
		return kF16
	case d == tensor.BF16:
		return kBF16
	case d == tensor.F32 || d == tensor.F64:
		return kOther
	}
	return kNone
}
