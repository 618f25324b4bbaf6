package kernels

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// emit makes one body: first one long list of instructions, then Programs from it.
type emit struct {
	b      *build
	domain tensor.Shape
	choice map[int32]int32 // nChoose -> the alternative, by number
	bd     Builder
	vals   map[int32]Val // by number of the node
	ops    []operandRef  // operands of the long list
	opOf   map[operandRef]int
	calls  []callAt
	res    []wantedResult
	body   Body
	cut    Cut
	tempOf map[tempKey]int
	marked map[int]bool // guards whose flag is computed already
}

// operandRef is an operand of the long list: a leaf in a form, or a temporary.
type operandRef struct {
	leaf int // -1: temp
	form Form
	temp int
}

// callAt is a GoFunc that runs when the instructions before at are done.
type callAt struct {
	at   int
	fn   *GoFunc
	args []Val
	temp int
}

type wantedResult struct {
	Result
	ref Ref
}

type tempKey struct {
	v Val
	d tensor.DType
}

// body makes body number index of a sweep.
func (b *build) body(spec *sweepSpec, choices []int32, index int, out tensor.DType) (*emit, error) {
	e := &emit{b: b, domain: b.o.shapes[spec.shape], choice: map[int32]int32{}, vals: map[int32]Val{},
		opOf: map[operandRef]int{}, tempOf: map[tempKey]int{}, marked: map[int]bool{}, bd: Builder{Compute: b.low.Compute}}
	for _, c := range choices {
		alts := b.at(c).list[1:]
		e.choice[c] = b.number(alts[index%len(alts)])
		index /= len(alts)
	}
	if spec.store && b.low.Kind != Computed {
		e.check()
		return e, nil
	}
	for i, r := range spec.reduces {
		if err := e.reduce(i, r); err != nil {
			return nil, err
		}
	}
	if spec.store {
		v, err := e.value(b.stored(out))
		if err != nil {
			return nil, err
		}
		e.want(Result{Kind: Store, V: v, DType: out}, Ref{Kind: RefOut})
	}
	return e, e.split()
}

// stored returns the number of the node whose value is stored. A last rounding to the type of
// the output is the store's: it sees what the rounding loses.
func (b *build) stored(out tensor.DType) int32 {
	id := b.o.ids[b.o.root]
	for {
		n := &b.t.nodes[id]
		if n.kind != nGuard && !(n.kind == nOp && n.op == OpRound && n.dtype == out) {
			return b.number(id)
		}
		id = n.a
	}
}

// check makes the body of an output that is copied or converted from a leaf: it only looks
// for non-finite elements. A guard and the flag of the output are the same bit.
func (e *emit) check() {
	e.body.Leaves = []LeafUse{{Leaf: 0, Form: Dense}}
	d := e.b.low.Leaves[0]
	if !d.IsFloat() {
		return
	}
	p := &Program{Compute: e.b.low.Compute, Operands: []Operand{{d, Dense}}, Code: []Instr{{Op: OpLoad}}}
	var outs []Ref
	for _, g := range e.b.guards[0] {
		outs = append(outs, Ref{RefGuard, g})
	}
	if len(outs) == 0 {
		outs = append(outs, Ref{Kind: RefOutFlag})
	}
	for range outs {
		p.Results = append(p.Results, Result{Kind: InFlag})
	}
	e.body.Steps = []Step{{Prog: e.b.l.program(p), Args: []Ref{{RefLeaf, 0}}, Outs: outs}}
}

func (e *emit) want(r Result, ref Ref) { e.res = append(e.res, wantedResult{r, ref}) }

// reduce asks for reduction i of the sweep.
func (e *emit) reduce(i int, r reduceSpec) error {
	n := e.b.at(r.num)
	v, err := e.value(e.b.number(n.a))
	if err != nil {
		return err
	}
	res := Result{V: v}
	switch {
	case r.guard >= 0: // x-x is 0 exactly where x is finite
		zero := e.bd.Num(0)
		res.Kind = Count
		res.V = e.bd.Op1(OpNotM, e.bd.Op2(OpEQ, e.bd.Op2(OpSub, v, v), zero))
	case ReduceKind(n.imm) == reduceSum:
		res.Kind = Sum
	case ReduceKind(n.imm) == reduceDot:
		res.Kind, res.Product = Sum, true
		if res.W, err = e.value(e.b.number(n.b)); err != nil {
			return err
		}
	case ReduceKind(n.imm) == reduceCount:
		res.Kind = Count
	case ReduceKind(n.imm) == reduceMax:
		res.Kind = Max
	}
	e.want(res, Ref{RefReduce, i})
	return nil
}

// value emits the instructions of a node and returns its value.
func (e *emit) value(num int32) (Val, error) {
	if v, ok := e.vals[num]; ok {
		return v, nil
	}
	v, err := e.compute(num, e.b.at(num))
	if err == nil && len(e.bd.Code) > 60000 {
		err = fmt.Errorf("kernels: the expression has more than 60000 instructions")
	}
	e.vals[num] = v
	return v, err
}

func (e *emit) compute(num int32, n *node) (Val, error) {
	switch n.kind {
	case nLeaf:
		f, ok := FormOf(n.shape, e.domain)
		if !ok {
			return 0, fmt.Errorf("kernels: a tensor of shape %v does not spread over %v", n.shape, e.domain)
		}
		return e.operand(operandRef{leaf: e.b.leafIdx[num], form: f}), nil
	case nConst, nReduce, nOut:
		return e.bd.Const(e.b.slots[num]), nil
	case nLit:
		return e.bd.Num(n.value), nil
	case nGuard:
		return e.value(e.b.number(n.a))
	case nChoose:
		if alt, ok := e.choice[num]; ok {
			return e.value(alt)
		}
		return e.selected(n)
	case nCall:
		return e.call(n)
	case nOp, nMacro:
		var x [3]Val
		for i, a := range n.args() {
			var err error
			if x[i], err = e.value(e.b.number(a)); err != nil {
				return 0, err
			}
		}
		if n.kind == nOp {
			return e.bd.Emit(Instr{Op: n.op, DType: n.dtype, A: x[0], B: x[1], C: x[2]}), nil
		}
		if n.a == n.b { // listed once
			x[1] = x[0]
		}
		return e.bd.Macro(Macro(n.imm), x[0], x[1]), nil
	}
	return 0, fmt.Errorf("kernels: unexpected node of kind %d", n.kind)
}

// selected computes all alternatives of a choice and selects one, by a number that is a
// constant of the launch.
func (e *emit) selected(n *node) (Val, error) {
	sel, err := e.value(e.b.number(n.list[0]))
	if err != nil {
		return 0, err
	}
	var v Val
	for i := len(n.list) - 1; i > 0; i-- {
		alt, err := e.value(e.b.number(n.list[i]))
		if err != nil {
			return 0, err
		}
		if i == len(n.list)-1 {
			v = alt
			continue
		}
		v = e.bd.Op3(OpSelect, e.bd.Op2(OpEQ, sel, e.bd.Num(float64(i-1))), alt, v)
	}
	return v, nil
}

// operand returns the load of an operand of the long list.
func (e *emit) operand(r operandRef) Val {
	i, ok := e.opOf[r]
	if !ok {
		i = len(e.ops)
		e.opOf[r] = i
		e.ops = append(e.ops, r)
	}
	return e.bd.Load(i)
}

// call emits the arguments of a GoFunc, and the load of its result.
func (e *emit) call(n *node) (Val, error) {
	c := callAt{fn: n.goFn}
	for _, a := range n.list {
		v, err := e.value(e.b.number(a))
		if err != nil {
			return 0, err
		}
		c.args = append(c.args, v)
	}
	c.temp = len(e.body.Temps)
	e.body.Temps = append(e.body.Temps, tensor.F32)
	c.at = len(e.bd.Code)
	e.calls = append(e.calls, c)
	e.cut = max(e.cut, n.goFn.Cut)
	return e.operand(operandRef{leaf: -1, temp: c.temp}), nil
}
