package kernels

import (
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// making is a body in the making.
type making struct {
	b      *build
	domain tensor.Shape
	choice map[int32]int32 // nChoose -> the alternative, by number
	body   Body
	cut    Cut
	marked map[int]bool // guards whose flag is computed already
}

// emit makes the steps of a body that compute in one type: first one long list of
// instructions, then Programs from it.
type emit struct {
	*making
	bd     Builder
	vals   map[int32]Val // by number of the node
	ops    []operandRef  // operands of the long list
	opOf   map[operandRef]int
	calls  []callAt
	res    []wantedResult
	tempOf map[tempKey]int
}

func (m *making) emit(c Compute) *emit {
	return &emit{making: m, vals: map[int32]Val{}, opOf: map[operandRef]int{}, tempOf: map[tempKey]int{}, bd: Builder{Compute: c}}
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
func (b *build) body(spec *sweepSpec, choices []int32, index int) (*making, error) {
	m := &making{b: b, domain: b.o.shapes[spec.shape], choice: map[int32]int32{}, marked: map[int]bool{}}
	for _, c := range choices {
		alts := b.at(c).list[1:]
		m.choice[c] = b.number(alts[index%len(alts)])
		index /= len(alts)
	}
	e, wide := m.emit(b.low.Compute), m.emit(F64)
	for i, r := range spec.reduces {
		in := e
		if r.guard >= 0 && b.wide[r.guard] {
			in = wide
		}
		if err := in.reduce(i, r); err != nil {
			return nil, err
		}
	}
	for _, k := range spec.stores {
		in := e
		if b.convert[k] {
			in = wide
		}
		if err := in.store(k); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(e.split(), wide.split()); err != nil {
		return nil, err
	}
	for _, k := range spec.stores {
		m.check(k)
	}
	return m, nil
}

// store asks for the elements of an output, if it is computed.
func (e *emit) store(k int) error {
	x := &e.b.low.Outs[k]
	if x.Kind != Computed {
		return nil
	}
	v, err := e.value(e.b.stored(k))
	if err == nil {
		e.want(Result{Kind: Store, V: v, DType: x.DType}, Ref{RefOut, k})
	}
	return err
}

// stored returns the number of the node whose value is stored as an output. A last rounding to
// the type of the output is the store's: it sees what the rounding loses.
func (b *build) stored(k int) int32 {
	id := b.o.ids[b.o.roots[k]]
	for {
		n := &b.t.nodes[id]
		if n.kind != nGuard && !(n.kind == nOp && n.op == OpRound && n.dtype == b.low.Outs[k].DType) {
			return b.number(id)
		}
		id = n.a
	}
}

// check adds what an output that is copied or converted from a leaf needs: the leaf, and a look
// at its elements for what is not finite. A guard and the flag of the output are the same bit.
func (m *making) check(k int) {
	x := &m.b.low.Outs[k]
	if x.Kind == Computed {
		return
	}
	at := m.leafUse(LeafUse{Leaf: x.Leaf, Form: Dense})
	d := m.b.low.Leaves[x.Leaf]
	if !d.IsFloat() {
		return
	}
	p := &Program{Compute: m.b.low.Compute, Operands: []Operand{{d, Dense}}, Code: []Instr{{Op: OpLoad}}}
	var outs []Ref
	found := false
	for _, g := range m.b.guards[x.Leaf] {
		if found = found || m.marked[g]; !m.marked[g] && !m.b.checked[g] {
			outs = append(outs, Ref{RefGuard, g})
			m.marked[g] = true
		}
	}
	if len(outs) == 0 && !found {
		outs = append(outs, Ref{RefOutFlag, k})
	}
	for range outs {
		p.Results = append(p.Results, Result{Kind: InFlag})
	}
	if len(outs) > 0 {
		m.body.Steps = append(m.body.Steps, Step{Prog: m.b.l.program(p), Args: []Ref{{RefLeaf, at}}, Outs: outs})
	}
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
	case nProduct:
		return e.product(n)
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
