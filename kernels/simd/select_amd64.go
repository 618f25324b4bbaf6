package simd

import (
	"math"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// role is a way to run an operation: with which argument in the accumulator, and which
// arguments are P and Q.
type role struct {
	op        vmOp
	acc, p, q int8 // argument numbers; -1: none
}

// roles is the table from operations with two or three arguments to instructions.
var roles = map[kernels.Op][]role{
	kernels.OpAdd:  {{vmADD, 0, 1, -1}, {vmADD, 1, 0, -1}},
	kernels.OpSub:  {{vmSUB, 0, 1, -1}, {vmRSUB, 1, 0, -1}},
	kernels.OpMul:  {{vmMUL, 0, 1, -1}, {vmMUL, 1, 0, -1}},
	kernels.OpDiv:  {{vmDIV, 0, 1, -1}, {vmRDIV, 1, 0, -1}},
	kernels.OpMin:  {{vmMIN, 0, 1, -1}, {vmRMIN, 1, 0, -1}},
	kernels.OpMax:  {{vmMAX, 0, 1, -1}, {vmRMAX, 1, 0, -1}},
	kernels.OpLT:   {{vmLT, 0, 1, -1}, {vmGT, 1, 0, -1}},
	kernels.OpLE:   {{vmLE, 0, 1, -1}, {vmGE, 1, 0, -1}},
	kernels.OpEQ:   {{vmEQ, 0, 1, -1}, {vmEQ, 1, 0, -1}},
	kernels.OpAndM: {{vmAND, 0, 1, -1}, {vmAND, 1, 0, -1}},
	kernels.OpOrM:  {{vmOR, 0, 1, -1}, {vmOR, 1, 0, -1}},
	kernels.OpAndB: {{vmAND, 0, 1, -1}, {vmAND, 1, 0, -1}},
	kernels.OpOrB:  {{vmOR, 0, 1, -1}, {vmOR, 1, 0, -1}},
	kernels.OpXorB: {{vmXOR, 0, 1, -1}, {vmXOR, 1, 0, -1}},
	kernels.OpIAdd: {{vmIADD, 0, 1, -1}, {vmIADD, 1, 0, -1}},
	kernels.OpISub: {{vmISUB, 0, 1, -1}, {vmRISUB, 1, 0, -1}},
	kernels.OpFMA:  {{vmFMAA, 0, 1, 2}, {vmFMAA, 1, 0, 2}, {vmFMAC, 2, 0, 1}},
	kernels.OpSelect: {
		{vmSELM, 0, 1, 2}, {vmSELY, 1, 0, 2}, {vmSELZ, 2, 0, 1}},
}

// Roles of an interpolation w*(x-y) + x or + y, with arguments x, y, w.
var (
	lerpToX = []role{{vmLSA, 0, 1, 2}, {vmLRP, 1, 0, 2}}
	lerpToY = []role{{vmLSP, 0, 1, 2}, {vmLRA, 1, 0, 2}}
)

// instr compiles instruction i, if anything needs its value. Loads and constants are read
// where they are used.
func (k *compiler) instr(i int) {
	in := &k.c.prog.Code[i]
	if k.last[i] < 0 || k.fused[i] || in.Op == kernels.OpLoad || in.Op == kernels.OpConst || in.Op == kernels.OpImm {
		return
	}
	if rs := k.roles(i); rs != nil {
		k.combine(k.args(i), rs)
	} else {
		k.toAcc(in.A)
		k.keep(in.A)
		k.unary(in)
	}
	k.acc, k.hasAcc = kernels.Val(i), true
}

// roles returns the ways to run instruction i; none if it has one argument.
func (k *compiler) roles(i int) []role {
	in := &k.c.prog.Code[i]
	if in.Op == kernels.OpFMA && (k.fused[in.A] || k.fused[in.B]) {
		if in.C == k.args(i)[0] {
			return lerpToX
		}
		return lerpToY
	}
	return roles[in.Op]
}

// keep spills the accumulator, which holds v, if v is needed later.
func (k *compiler) keep(v kernels.Val) {
	if k.neededLater(v) {
		k.spill()
	}
}

// combine runs an operation in its cheapest role.
func (k *compiler) combine(a []kernels.Val, rs []role) {
	best, least := rs[0], math.MaxInt
	for _, r := range rs {
		if c := k.cost(r, a); c < least {
			best, least = r, c
		}
	}
	vals := []kernels.Val{a[best.p]}
	if best.q >= 0 {
		vals = append(vals, a[best.q])
	}
	for !k.supported(best.op, vals) {
		k.toSlot(k.unsupported(best.op, vals))
	}
	for _, v := range vals {
		if _, ok := k.source(v); !ok { // only in the accumulator
			k.spill()
		}
	}
	x := a[best.acc]
	k.toAcc(x)
	k.keep(x)
	var from []arg
	for _, v := range vals {
		src, _ := k.source(v)
		from = append(from, src)
	}
	k.emit(best.op, from...)
}

// cost counts the instructions that a role needs beside the operation itself.
func (k *compiler) cost(r role, a []kernels.Val) int {
	n := 0
	inAcc := k.hasAcc && k.acc == a[r.acc]
	if !inAcc {
		n++
	}
	vals := []kernels.Val{a[r.p]}
	if r.q >= 0 {
		vals = append(vals, a[r.q])
	}
	spilled := false
	for _, v := range vals {
		if _, ok := k.source(v); !ok {
			spilled = true
		}
	}
	if spilled || inAcc && k.neededLater(k.acc) {
		n++
	}
	if !k.supported(r.op, vals) {
		n += 2
	}
	return n
}

// kindOf returns the kind by which an instruction can read v.
func (k *compiler) kindOf(v kernels.Val) kind {
	if s, ok := k.source(v); ok {
		return s.kind
	}
	return kMem // after its spill
}

// supported reports whether there is a handler for these operands as P and Q.
func (k *compiler) supported(op vmOp, vals []kernels.Val) bool {
	q := kNone
	if len(vals) == 2 {
		q = k.kindOf(vals[1])
	}
	return handlerOf[k.c.prog.Compute][op][k.kindOf(vals[0])][q] != 0
}

// unsupported picks an operand that must be moved to a slot.
func (k *compiler) unsupported(op vmOp, vals []kernels.Val) kernels.Val {
	for _, v := range vals {
		if kd := k.kindOf(v); kd != kMem && kd != kImm {
			return v
		}
	}
	return vals[0] // an immediate where a mask in memory is expected
}

// unary emits an operation on the accumulator.
func (k *compiler) unary(in *kernels.Instr) {
	f64 := k.c.prog.Compute == kernels.F64
	sign := uint64(1) << 31
	if f64 {
		sign = 1 << 63
	}
	switch in.Op {
	case kernels.OpNeg:
		k.emit(vmXOR, imm(sign))
	case kernels.OpAbs:
		k.emit(vmAND, imm(sign-1))
	case kernels.OpNotM:
		k.emit(vmXOR, imm(math.MaxUint64))
	case kernels.OpShl:
		k.emit(vmSHL, imm(in.Imm))
	case kernels.OpShr:
		k.emit(vmSHR, imm(in.Imm))
	case kernels.OpSqrt:
		k.emit(vmSQRT)
	case kernels.OpSign:
		k.emit(vmSIGN)
	case kernels.OpRint:
		k.emit(vmRINT)
	case kernels.OpIsNaN:
		k.emit(vmISNAN)
	case kernels.OpNaNToNum:
		k.emit(vmNUM)
	case kernels.OpRound:
		k.round(in.DType)
	default:
		k.c.portable = true
	}
}

// round emits a rounding to d and back.
func (k *compiler) round(d tensor.DType) {
	num := func(x float64) arg { return imm(k.c.constBits(x)) }
	kd := nativeKind(k.c.prog.Compute, d)
	switch {
	case kd == kMem, kd == kOther && k.c.prog.Compute == kernels.F32: // holds every value
	case kd != kNone:
		k.emit(vmROUND, arg{kind: kd})
	case d == tensor.BOOL:
		k.emit(vmEQ, num(0))
		k.emit(vmSELM, num(0), num(1))
	case d.IsInteger():
		lo, hi := intLimits(d)
		k.emit(vmTRUNC)
		k.emit(vmMAX, num(lo))
		k.emit(vmMIN, num(hi))
		k.emit(vmADD, num(0)) // -0 becomes +0
	default:
		k.c.portable = true // 8-bit floats
	}
}

// intLimits returns the smallest and the largest value of an integer type as float64;
// where the largest has none, the next power of two, to which it rounds.
func intLimits(d tensor.DType) (lo, hi float64) {
	if d.Kind() == tensor.KindUint {
		return 0, math.Ldexp(1, d.Bits()) - 1
	}
	half := math.Ldexp(1, d.Bits()-1)
	return -half, half - 1
}
