package kernels

import (
	"math"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// op1, op2 and op3 add an operation. Operations on numbers known now are done now.

func op1(o Op, a T) T {
	n := a.node()
	return a.t.op(nodeKey{kind: nOp, op: o, a: a.id}, n.shape, n.level, 1)
}

func op2(o Op, a, b T) T {
	n, m := a.node(), b.node()
	shape, level := a.t.broadcast(n.shape, m.shape), max(n.level, m.level)
	return a.t.op(nodeKey{kind: nOp, op: o, a: a.id, b: b.id}, shape, level, 2)
}

func op3(o Op, a, b, c T) T {
	t := a.t
	n, m, k := a.node(), b.node(), c.node()
	shape := t.broadcast(t.broadcast(n.shape, m.shape), k.shape)
	return t.op(nodeKey{kind: nOp, op: o, a: a.id, b: b.id, c: c.id}, shape, max(n.level, m.level, k.level), 3)
}

// op returns the node of an operation or a macro, or a number.
func (t *Trace) op(k nodeKey, shape tensor.Shape, level int32, arity int) T {
	if v, ok := t.fold(k, arity); ok {
		return v
	}
	return t.add(k, shape, level)
}

// fold computes an operation on numbers at once, with the rounding of the compute type. The
// result belongs to the formula if all arguments do.
func (t *Trace) fold(k nodeKey, arity int) (T, bool) {
	var x [3]float64
	lit := true
	for i, id := range [3]int32{k.a, k.b, k.c} {
		if i >= arity {
			break
		}
		n := &t.nodes[id]
		if n.kind != nConst && n.kind != nLit || len(n.shape) > 0 {
			return T{}, false
		}
		lit = lit && n.kind == nLit
		x[i] = n.value
	}
	if k.kind == nOp && k.op.GivesMask() {
		return T{}, false
	}
	y, ok := foldOp(k, t.compute, x)
	if !ok {
		if y, ok = t.foldSlowly(k, arity, x); !ok {
			return T{}, false
		}
	}
	if lit {
		return t.Num(y), true
	}
	return t.Const(y), true
}

// foldOp is the value of an operation on float64 values that are exact in the compute
// type. One rounding to float64 followed by one to float32 equals one rounding to float32
// for + - * / and sqrt (53 >= 2*24+2), but not for fma.
func foldOp(k nodeKey, c Compute, x [3]float64) (float64, bool) {
	if k.kind != nOp {
		return 0, false
	}
	switch k.op {
	case OpAdd:
		return x[0] + x[1], true
	case OpSub:
		return x[0] - x[1], true
	case OpMul:
		return x[0] * x[1], true
	case OpDiv:
		return x[0] / x[1], true
	case OpFMA:
		return math.FMA(x[0], x[1], x[2]), c == F64
	case OpNeg:
		return -x[0], true
	case OpAbs:
		return math.Abs(x[0]), true
	case OpSqrt:
		return math.Sqrt(x[0]), true
	}
	return 0, false
}

// foldSlowly runs the operation on the portable machine, which is its definition.
func (t *Trace) foldSlowly(k nodeKey, arity int, x [3]float64) (float64, bool) {
	b := Builder{Compute: t.compute}
	var v [3]Val
	for i := range arity {
		v[i] = b.Const(i)
	}
	var y Val
	if k.kind == nMacro {
		if arity == 1 {
			v[1] = v[0]
		}
		y = b.Macro(Macro(k.imm), v[0], v[1])
	} else {
		y = b.Emit(Instr{Op: k.op, DType: k.dtype, A: v[0], B: v[1], C: v[2]})
	}
	p := &Program{Compute: t.compute, NumConsts: arity, Code: b.Code, Results: []Result{{Kind: Store, V: y, DType: tensor.F64}}}
	var out [8]byte
	if p.Validate() != nil {
		return 0, false
	}
	err := t.machine.Run(&Launch{Prog: p, N: 1, Consts: x[:arity], Results: []Span{{HostMem(out[:]), 0, 8}}})
	return math.Float64frombits(le.Uint64(out[:])), err == nil
}
