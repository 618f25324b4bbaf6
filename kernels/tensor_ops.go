package kernels

import (
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Macro is a function that is made of operations, the same ones on every device.
type Macro uint8

const (
	MacroExp Macro = iota
	MacroLn
	MacroPow
	MacroSin
	MacroCos
	MacroCosPi
	MacroAcos
	numMacros
)

// Spread is the number a with the given shape.
func (a T) Spread(shape tensor.Shape) T {
	n := a.node()
	if n.kind != nConst && n.kind != nLit {
		a.t.fail("only a number can be spread over a shape")
		return a
	}
	return a.t.number(n.kind, n.value, shape)
}

// Arithmetic, element by element; see the op table for rounding and special values.
// Operands have equal shapes, or one of them is a scalar, one value per row, or one per
// column of the other.

// Add is a + b.
func (a T) Add(b T) T { return op2(OpAdd, a, b) }

// Sub is a - b.
func (a T) Sub(b T) T { return op2(OpSub, a, b) }

// Mul is a * b.
func (a T) Mul(b T) T { return op2(OpMul, a, b) }

// Div is a / b.
func (a T) Div(b T) T { return op2(OpDiv, a, b) }

// FMA is a*b + c with one rounding.
func (a T) FMA(b, c T) T { return op3(OpFMA, a, b, c) }

// Neg is -a.
func (a T) Neg() T { return op1(OpNeg, a) }

// Abs is |a|.
func (a T) Abs() T { return op1(OpAbs, a) }

// Sqrt is the square root.
func (a T) Sqrt() T { return op1(OpSqrt, a) }

// Sign is -1, 0 or 1; 0 for NaN.
func (a T) Sign() T { return op1(OpSign, a) }

// Min is the smaller of a and b; NaN propagates.
func (a T) Min(b T) T { return op2(OpMin, a, b) }

// Max is the larger of a and b; NaN propagates.
func (a T) Max(b T) T { return op2(OpMax, a, b) }

// Rint is a rounded to an integral value, ties to even.
func (a T) Rint() T { return op1(OpRint, a) }

// NaNToNum replaces NaN by 0 and infinities by the largest finite value of the compute
// type.
func (a T) NaNToNum() T { return op1(OpNaNToNum, a) }

// Less is the mask a < b; LessEq, Equal and IsNaN likewise. Comparisons with NaN are
// false.
func (a T) Less(b T) T   { return op2(OpLT, a, b) }
func (a T) LessEq(b T) T { return op2(OpLE, a, b) }
func (a T) Equal(b T) T  { return op2(OpEQ, a, b) }
func (a T) IsNaN() T     { return op1(OpIsNaN, a) }

// And, Or and Not combine masks.
func (a T) And(b T) T { return op2(OpAndM, a, b) }
func (a T) Or(b T) T  { return op2(OpOrM, a, b) }
func (a T) Not() T    { return op1(OpNotM, a) }

// Where is x where the mask is set and y elsewhere.
func Where(mask, x, y T) T { return op3(OpSelect, mask, x, y) }

// Round is a rounded to d and back to the compute type.
func (a T) Round(d tensor.DType) T {
	n := a.node()
	return a.t.op(nodeKey{kind: nOp, op: OpRound, dtype: d, a: a.id}, n.shape, n.level, 1)
}

// Exp, Ln, Sin, Cos, CosPi (cos(pi a)), Acos and Pow (a to the power b, for a >= 0) are
// macros, within 2 ulp in F32 and 4 ulp in F64.
func (a T) Exp() T    { return macro(MacroExp, a, a) }
func (a T) Ln() T     { return macro(MacroLn, a, a) }
func (a T) Sin() T    { return macro(MacroSin, a, a) }
func (a T) Cos() T    { return macro(MacroCos, a, a) }
func (a T) CosPi() T  { return macro(MacroCosPi, a, a) }
func (a T) Acos() T   { return macro(MacroAcos, a, a) }
func (a T) Pow(b T) T { return macro(MacroPow, a, b) }

func macro(m Macro, a, b T) T {
	t := a.t
	an, bn := a.node(), b.node()
	arity := 2
	if a.id == b.id {
		arity = 1
	}
	return t.op(nodeKey{kind: nMacro, imm: uint64(m), a: a.id, b: b.id},
		t.broadcast(an.shape, bn.shape), max(an.level, bn.level), arity)
}

// Lerp is a + w*(b-a) as PyTorch computes it: with d = b - a, fma(w, d, a) where
// |w| < 0.5 and fma(w-1, d, b) elsewhere, so that w = 0 gives a and w = 1 gives b.
func (a T) Lerp(b, w T) T {
	d := b.Sub(a)
	if x, ok := w.Number(); ok {
		if -0.5 < x && x < 0.5 {
			return w.FMA(d, a)
		}
		return w.Sub(w.Num(1)).FMA(d, b)
	}
	return Where(w.Abs().Less(w.Num(0.5)), w.FMA(d, a), w.Sub(w.Num(1)).FMA(d, b))
}

// Reductions over all elements, by the sum rule. Their values are numbers that are known
// after a sweep over the elements; they may be used like any scalar.

// Sum is the sum of all elements.
func (a T) Sum() T { return reduce(reduceSum, a, a) }

// Dot is the sum of the products of the elements of a and b.
func (a T) Dot(b T) T { return reduce(reduceDot, a, b) }

// Count is the number of elements for which the mask a is set.
func (a T) Count() T { return reduce(reduceCount, a, a) }

// Largest is the largest element; NaN if there is one, -Inf if there is no element.
func (a T) Largest() T { return reduce(reduceMax, a, a) }

func reduce(k ReduceKind, a, b T) T {
	t := a.t
	a, b = t.held(a), t.held(b)
	an, bn := a.node(), b.node()
	t.broadcast(an.shape, bn.shape)
	return t.add(nodeKey{kind: nReduce, imm: uint64(k), a: a.id, b: b.id}, nil, max(an.level, bn.level)+1)
}

// Host runs fn on numbers: reductions, numbers of the recipe or the formula, results of
// other HostFuncs. Scalars that are stored tensors become reductions. If all are known
// now, fn runs now.
func (t *Trace) Host(fn *HostFunc, in ...T) []T {
	known := true
	args := make([]T, len(in))
	for i, a := range in {
		switch n := a.node(); n.kind {
		case nConst, nLit:
		case nReduce, nOut:
			known = false
		default:
			if n.shape.N() != 1 {
				t.fail("%s: argument %d is not a number but has shape %v", fn.Name, i, n.shape)
			}
			a, known = a.Sum(), false
		}
		args[i] = a
	}
	outs := make([]T, fn.Outs)
	if known {
		xs, ys := make([]float64, len(in)), make([]float64, fn.Outs)
		for i, a := range args {
			xs[i] = a.node().value
		}
		fn.Fn(xs, ys)
		for i, y := range ys {
			outs[i] = t.Const(y)
		}
		return outs
	}
	h := t.addList(node{nodeKey: nodeKey{kind: nHost}, fn: fn}, args)
	level := h.node().level
	for i := range outs {
		outs[i] = t.add(nodeKey{kind: nOut, a: h.id, imm: uint64(i)}, nil, level)
	}
	return outs
}

// Choose is alternative number sel: a result of a HostFunc, known before the elements are
// computed, so that only that alternative is computed and read. All alternatives have
// the shape of the first, or broadcast to it.
func (t *Trace) Choose(sel T, alts ...T) T {
	if x, ok := sel.Number(); ok {
		if i := int(x); i >= 0 && i < len(alts) {
			return alts[i]
		}
		t.fail("choice %v of %d alternatives", x, len(alts))
	}
	shape := alts[0].Shape()
	for _, a := range alts[1:] {
		shape = t.broadcast(shape, a.Shape())
	}
	return t.addList(node{nodeKey: nodeKey{kind: nChoose}, shape: shape}, append([]T{sel}, alts...))
}

// Call applies a plain Go function to tensors of equal shape (scalars are spread). The
// result has the shape of the first.
func (t *Trace) Call(fn *GoFunc, args ...T) T {
	shape := args[0].Shape()
	for _, a := range args[1:] {
		shape = t.broadcast(shape, a.Shape())
	}
	if fn.Cut != CutAnywhere {
		whole := make([]T, len(args))
		for i, a := range args {
			whole[i] = t.held(a)
		}
		args = whole
	}
	return t.addList(node{nodeKey: nodeKey{kind: nCall}, shape: shape, goFn: fn}, args)
}

// Concat joins tensors along axis 0; the other axes must be equal.
func (t *Trace) Concat(parts ...T) T {
	first := parts[0].Shape()
	if len(first) == 0 {
		t.fail("a scalar has no axis to join along")
		return parts[0]
	}
	shape := append(tensor.Shape(nil), first...)
	for _, p := range parts[1:] {
		s := p.Shape()
		if len(s) != len(first) || !s[1:].Equal(first[1:]) {
			t.fail("shapes %v and %v do not join along axis 0", first, s)
			return parts[0]
		}
		shape[0] += s[0]
	}
	return t.join(shape, parts)
}

// Stack joins tensors of equal shape along a new axis 0.
func (t *Trace) Stack(parts ...T) T {
	first := parts[0].Shape()
	for _, p := range parts[1:] {
		if !p.Shape().Equal(first) {
			t.fail("shapes %v and %v do not stack", first, p.Shape())
			return parts[0]
		}
	}
	return t.join(append(tensor.Shape{int64(len(parts))}, first...), parts)
}

// join makes the node of a joined tensor. Its parts are in files, but all of them together
// may be more than can be counted, if the files are made for that.
func (t *Trace) join(shape tensor.Shape, parts []T) T {
	if _, err := shape.Numel(); err != nil {
		t.fail("joined tensors: %w", err)
		return parts[0]
	}
	t.joined = true
	return t.addList(node{nodeKey: nodeKey{kind: nConcat, a: t.whole(shape, parts)}, shape: shape}, parts)
}

// Guard is a, unless a has elements that are NaN or infinite: then the output does not
// exist in this form, and the planner is asked again with number gone. A stored tensor is
// judged by its stored bits.
func (a T) Guard(number int) T {
	n := a.node()
	return a.t.add(nodeKey{kind: nGuard, a: a.id, imm: uint64(number)}, n.shape, n.level)
}
