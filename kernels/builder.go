package kernels

import (
	"math"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Builder makes the Code of a Program and reuses equal instructions. Its methods are
// the vocabulary in which macros (Exp, Ln, ...) are written. The zero Builder with
// Compute set is ready to use.
type Builder struct {
	Compute Compute
	Code    []Instr
	seen    map[Instr]Val
}

// Emit appends an instruction unless an equal one exists, and returns its value.
func (b *Builder) Emit(in Instr) Val {
	if v, ok := b.seen[in]; ok {
		return v
	}
	if b.seen == nil {
		b.seen = map[Instr]Val{}
	}
	v := Val(len(b.Code))
	b.Code = append(b.Code, in)
	b.seen[in] = v
	return v
}

// Op1, Op2 and Op3 emit an operation on values.
func (b *Builder) Op1(op Op, x Val) Val       { return b.Emit(Instr{Op: op, A: x}) }
func (b *Builder) Op2(op Op, x, y Val) Val    { return b.Emit(Instr{Op: op, A: x, B: y}) }
func (b *Builder) Op3(op Op, x, y, z Val) Val { return b.Emit(Instr{Op: op, A: x, B: y, C: z}) }

// Load emits the load of operand i.
func (b *Builder) Load(i int) Val { return b.Emit(Instr{Op: OpLoad, Imm: uint64(i)}) }

// Const emits launch constant i.
func (b *Builder) Const(i int) Val { return b.Emit(Instr{Op: OpConst, Imm: uint64(i)}) }

// Num emits a number that is part of the Program, rounded to the compute type.
func (b *Builder) Num(x float64) Val {
	if b.Compute == F64 {
		return b.Bits(math.Float64bits(x))
	}
	return b.Bits(uint64(math.Float32bits(float32(x))))
}

// Bits emits a value given by its bits in the compute type.
func (b *Builder) Bits(u uint64) Val { return b.Emit(Instr{Op: OpImm, Imm: u}) }

// Shl and Shr shift the bits of x by n.
func (b *Builder) Shl(x Val, n uint64) Val { return b.Emit(Instr{Op: OpShl, A: x, Imm: n}) }
func (b *Builder) Shr(x Val, n uint64) Val { return b.Emit(Instr{Op: OpShr, A: x, Imm: n}) }

// Round emits the rounding of x to d.
func (b *Builder) Round(x Val, d tensor.DType) Val {
	return b.Emit(Instr{Op: OpRound, A: x, DType: d})
}
