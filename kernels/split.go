package kernels

import "fmt"

// Cutting the long list of instructions of a body into Programs within the limits. Values
// that a later Program needs go through temporaries; loads of leaves, constants and
// immediates are simply repeated.

// repeated reports whether value v is cheaper to make again than to store.
func (e *emit) repeated(v Val) bool {
	switch in := &e.bd.Code[v]; in.Op {
	case OpConst, OpImm:
		return true
	case OpLoad:
		return e.ops[in.Imm].leaf >= 0
	}
	return false
}

// split fills the steps of the body.
func (e *emit) split() error {
	last := e.lastUse()
	start := 0
	for _, c := range append(e.calls, callAt{at: len(e.bd.Code)}) {
		if c.at < start {
			return fmt.Errorf("kernels: calls out of order")
		}
		for first := true; first || start < c.at; first = false {
			end, err := e.piece(start, c.at, c.args, last)
			if err != nil {
				return err
			}
			start = end
		}
		if err := e.storeArgs(c.at, c.args, last); err != nil {
			return err
		}
		if c.fn != nil {
			e.callStep(c)
		}
	}
	return nil
}

func (e *emit) callStep(c callAt) {
	s := Step{Call: c.fn, Outs: []Ref{{RefTemp, c.temp}}}
	for _, v := range c.args {
		s.Args = append(s.Args, Ref{RefTemp, e.tempOf[tempKey{v, F32.DType()}]})
	}
	e.body.Steps = append(e.body.Steps, s)
}

// lastUse returns for each value the index of the last instruction that uses it.
func (e *emit) lastUse() []int {
	last := make([]int, len(e.bd.Code))
	for i := range e.bd.Code {
		in := &e.bd.Code[i]
		for k, v := range [3]Val{in.A, in.B, in.C} {
			if ops[in.Op].args[k] != none {
				last[v] = i
			}
		}
	}
	for i := range e.res {
		if r := &e.res[i]; r.Product {
			v := min(r.V, r.W)
			last[v] = max(last[v], r.at())
		}
	}
	for _, c := range e.calls {
		for _, v := range c.args {
			last[v] = max(last[v], c.at)
		}
	}
	return last
}

// at returns the instruction after which a result can be computed.
func (r *wantedResult) at() int {
	if r.Product {
		return int(max(r.V, r.W))
	}
	return int(r.V)
}

// piece makes a Program of instructions from start up to limit, or fewer if the limits of
// a Program demand it, and returns where it ended. If it reaches limit it also stores the
// arguments of the call there, unless they are too many.
func (e *emit) piece(start, limit int, args []Val, last []int) (int, error) {
	if len(args) > maxStored {
		args = nil
	}
	for end := min(limit, start+MaxInstrs); ; end = start + (end-start)/2 {
		p := e.program(start, end, last)
		if end == limit {
			for _, v := range args {
				p.store(v, F32)
			}
		}
		p.guards()
		err := p.prog.Validate()
		if err == nil {
			e.accept(p)
			return end, nil
		}
		if end-start <= 1 {
			if len(args) == 0 {
				return 0, fmt.Errorf("kernels: cannot cut the expression: %w", err)
			}
			args, end = nil, 2*end-start // once more, without them
		}
	}
}

// maxStored is how many arguments of a call one Program stores: each may be an operand and
// a value.
const maxStored = MaxOperands / 4

// storeArgs stores the arguments of a call that no Program has stored yet.
func (e *emit) storeArgs(at int, args []Val, last []int) error {
	for len(args) > 0 {
		n := min(len(args), maxStored)
		p := e.program(at, at, last)
		for _, v := range args[:n] {
			p.store(v, F32)
		}
		args = args[n:]
		if len(p.order) == 0 {
			continue
		}
		p.guards()
		if err := p.prog.Validate(); err != nil {
			return fmt.Errorf("kernels: cannot store the arguments of a call: %w", err)
		}
		e.accept(p)
	}
	return nil
}

// partial is a Program in the making.
type partial struct {
	e     *emit
	bd    Builder
	prog  *Program
	opOf  map[operandRef]int
	ops   []operandRef
	vals  map[Val]Val // of the long list -> of the Program
	outs  []Ref
	temps map[tempKey]int // new temporaries
	order []tempKey
	start int
}

// program makes instructions [start, end) with their results, and stores what is needed
// after end.
func (e *emit) program(start, end int, last []int) *partial {
	p := &partial{e: e, bd: Builder{Compute: e.bd.Compute}, opOf: map[operandRef]int{}, vals: map[Val]Val{},
		temps: map[tempKey]int{}, start: start}
	p.prog = &Program{Compute: e.bd.Compute, NumConsts: e.b.low.Slots}
	for i := start; i < end; i++ {
		if !e.repeated(Val(i)) {
			p.instr(Val(i))
		}
	}
	for i := range e.res {
		if r := &e.res[i]; r.at() >= start && r.at() < end {
			p.result(r)
		}
	}
	for i := start; i < end; i++ {
		if last[i] >= end && !e.repeated(Val(i)) {
			p.store(Val(i), e.bd.Compute)
		}
	}
	p.finish()
	return p
}

// instr copies an instruction.
func (p *partial) instr(v Val) Val {
	in := p.e.bd.Code[v]
	x := [3]*Val{&in.A, &in.B, &in.C}
	for k := range x {
		if ops[in.Op].args[k] != none {
			*x[k] = p.use(*x[k])
		}
	}
	if in.Op == OpLoad {
		in.Imm = uint64(p.operand(p.e.ops[in.Imm]))
	}
	w := p.bd.Emit(in)
	p.vals[v] = w
	return w
}

// use returns the Program's value for one of the long list: computed here, repeated here,
// or loaded from a temporary of an earlier Program.
func (p *partial) use(v Val) Val {
	if w, ok := p.vals[v]; ok {
		return w
	}
	if int(v) >= p.start || p.e.repeated(v) {
		return p.instr(v)
	}
	t := p.e.tempOf[tempKey{v, p.e.bd.Compute.DType()}]
	w := p.bd.Load(p.operand(operandRef{leaf: -1, temp: t}))
	if p.e.bd.Code[v].Op.GivesMask() { // masks are stored as 1 and 0
		w = p.bd.Op2(OpLT, p.bd.Num(0), w)
	}
	p.vals[v] = w
	return w
}

func (p *partial) operand(r operandRef) int {
	i, ok := p.opOf[r]
	if !ok {
		i = len(p.ops)
		p.opOf[r] = i
		p.ops = append(p.ops, r)
	}
	return i
}

// store keeps a value in a temporary for a later step.
func (p *partial) store(v Val, c Compute) {
	k := tempKey{v, c.DType()}
	if _, ok := p.e.tempOf[k]; ok {
		return
	}
	if _, ok := p.temps[k]; ok {
		return
	}
	w := p.use(v)
	if p.e.bd.Code[v].Op.GivesMask() {
		w = p.bd.Op3(OpSelect, w, p.bd.Num(1), p.bd.Num(0))
	}
	t := len(p.e.body.Temps) + len(p.order)
	p.temps[k] = t
	p.order = append(p.order, k)
	p.add(Result{Kind: Store, V: w, DType: k.d}, Ref{RefTemp, t})
	p.finish()
}

func (p *partial) add(r Result, ref Ref) {
	p.prog.Results = append(p.prog.Results, r)
	p.outs = append(p.outs, ref)
}

// result adds a result that the sweep wants; a stored output is counted.
func (p *partial) result(r *wantedResult) {
	res := r.Result
	res.V = p.use(res.V)
	if res.Product {
		res.W = p.use(res.W)
	}
	p.add(res, r.ref)
	if r.ref.Kind == RefOut && res.DType.Computable() {
		p.add(Result{Kind: OutCount, Of: len(p.outs) - 1}, Ref{RefOutCount, r.ref.Index})
	}
}

// guards adds the flags of leaves that are loaded here for the first time.
func (p *partial) guards() {
	for i, o := range p.ops {
		if o.leaf < 0 {
			continue
		}
		for _, g := range p.e.b.guards[o.leaf] {
			if !p.e.marked[g] && !p.e.b.checked[g] {
				p.add(Result{Kind: InFlag, Of: i}, Ref{RefGuard, g})
			}
		}
	}
}

// finish brings the Program up to date with the builder.
func (p *partial) finish() {
	p.prog.Code = p.bd.Code
	p.prog.Operands = p.prog.Operands[:0]
	for _, o := range p.ops {
		if o.leaf < 0 {
			p.prog.Operands = append(p.prog.Operands, Operand{p.e.body.Temps[o.temp], Dense})
		} else {
			p.prog.Operands = append(p.prog.Operands, Operand{p.e.b.low.Leaves[o.leaf], o.form})
		}
	}
}

// accept makes the Program a step of the body. A Program without results does nothing.
func (e *emit) accept(p *partial) {
	for _, k := range p.order {
		e.tempOf[k] = p.temps[k]
		e.body.Temps = append(e.body.Temps, k.d)
	}
	for i, r := range p.outs {
		if r.Kind == RefGuard && p.prog.Results[i].Kind == InFlag {
			e.marked[r.Index] = true
		}
	}
	if len(p.outs) == 0 {
		return
	}
	s := Step{Outs: p.outs}
	for _, o := range p.ops {
		if o.leaf < 0 {
			s.Args = append(s.Args, Ref{RefTemp, o.temp})
		} else {
			s.Args = append(s.Args, Ref{RefLeaf, e.leafUse(LeafUse{Leaf: o.leaf, Form: o.form})})
		}
	}
	s.Prog = e.b.l.program(p.prog)
	e.body.Steps = append(e.body.Steps, s)
}

// leafUse returns the index of a leaf in a form among the body's leaves.
func (m *making) leafUse(u LeafUse) int {
	for i, have := range m.body.Leaves {
		if have == u {
			return i
		}
	}
	m.body.Leaves = append(m.body.Leaves, u)
	return len(m.body.Leaves) - 1
}

// program returns the one Program that is equal to p. It asks for no more constants than it
// reads, because the Lowereds that share it have different numbers of slots.
func (l *Lowerer) program(p *Program) *Program {
	p.NumConsts = 0
	for _, in := range p.Code {
		if in.Op == OpConst {
			p.NumConsts = max(p.NumConsts, int(in.Imm)+1)
		}
	}
	k := p.String()
	if q, ok := l.progs[k]; ok {
		return q
	}
	l.progs[k] = p
	return p
}
