package simd

import "github.com/mecha-gpu/mecha-gpu/kernels"

// mode says which values the code writes to scratch.
type mode uint8

const (
	allValues      mode = iota
	withoutInPlace      // all but those that walks read from operands
	numModes
)

// compiler makes one variant. Values live in the accumulator, in slots, or not at all
// (operands, constants), and are computed in the order of the Program.
type compiler struct {
	c    *Code
	mode mode
	v    variant

	at     [][]int // results to deliver after instruction i
	fused  []bool  // differences that are computed as part of their only use, an OpFMA
	last   []int   // when a value is needed for the last time; -1: never
	now    int     // time: 2i for instruction i, 2i+1 for the results delivered after it
	slot   []int   // slot of a value, or -1
	free   []int
	slots  int
	wrote  []bool // value scratch that is written already
	checks []int  // operand -> result of its InFlag that is still to be set, or -1
	acc    kernels.Val
	hasAcc bool
}

func (c *Code) compile(mode mode) *variant {
	k := &compiler{c: c, mode: mode}
	k.schedule()
	k.wrote = make([]bool, len(c.scratch))
	k.slot = make([]int, len(c.prog.Code))
	for i := range k.slot {
		k.slot[i] = -1
	}
	k.pendingChecks()
	for i := range c.prog.Code {
		k.now = 2 * i
		k.instr(i)
		k.now++
		for _, r := range k.at[i] {
			k.result(r)
		}
		k.release(i)
	}
	k.checkRest()
	k.emit(vmEND)
	c.slots = max(c.slots, k.slots)
	return &k.v
}

// schedule finds where results are delivered (as soon as their values exist) and how long
// values are needed. Values that reach no result are never needed.
func (k *compiler) schedule() {
	p := k.c.prog
	k.at = make([][]int, len(p.Code))
	k.last = make([]int, len(p.Code))
	for i := range k.last {
		k.last[i] = -1
	}
	for r := range p.Results {
		res := &p.Results[r]
		v, ok := resultValue(p, res)
		if !ok {
			continue
		}
		pos := int(v)
		if res.Kind == kernels.Sum && res.Product {
			pos = max(pos, int(res.W))
			k.last[res.W] = max(k.last[res.W], 2*pos+1)
		}
		k.last[v] = max(k.last[v], 2*pos+1)
		k.at[pos] = append(k.at[pos], r)
	}
	k.fuse()
	for i := len(p.Code) - 1; i >= 0; i-- {
		if k.last[i] < 0 || k.fused[i] {
			continue
		}
		for _, a := range k.args(i) {
			k.last[a] = max(k.last[a], 2*i)
		}
	}
}

// fuse finds interpolations: w*d + x or w*d + y, fused, where d = y - x has no other use.
func (k *compiler) fuse() {
	p := k.c.prog
	uses := make([]int, len(p.Code))
	for i := range p.Code {
		for _, a := range args(&p.Code[i]) {
			uses[a]++
		}
	}
	k.fused = make([]bool, len(p.Code))
	for i := range p.Code {
		in := &p.Code[i]
		if in.Op != kernels.OpFMA {
			continue
		}
		for _, d := range []kernels.Val{in.A, in.B} {
			sub := &p.Code[d]
			if sub.Op == kernels.OpSub && uses[d] == 1 && k.last[d] < 0 && (in.C == sub.A || in.C == sub.B) {
				k.fused[d] = true
				break
			}
		}
	}
}

// args lists what instruction i reads: for an interpolation the two ends and the weight.
func (k *compiler) args(i int) []kernels.Val {
	in := &k.c.prog.Code[i]
	if in.Op == kernels.OpFMA {
		d, w := in.A, in.B
		if !k.fused[d] {
			d, w = w, d
		}
		if k.fused[d] {
			sub := &k.c.prog.Code[d]
			return []kernels.Val{sub.A, sub.B, w}
		}
	}
	return args(in)
}

// resultValue returns the value a result is about.
func resultValue(p *kernels.Program, r *kernels.Result) (kernels.Val, bool) {
	switch r.Kind {
	case kernels.InFlag:
		return 0, false
	case kernels.OutCount:
		return p.Results[r.Of].V, true
	}
	return r.V, true
}

// args lists the arguments of an instruction.
func args(in *kernels.Instr) []kernels.Val {
	return []kernels.Val{in.A, in.B, in.C}[:in.Op.Arity()]
}

// arg is an operand of an emitted instruction: bits that are known, an address in
// scratch, or an entry of the Machine's table.
type arg struct {
	kind  kind
	known bool
	bits  uint64
	fix   fixKind
	n     int

	checked bool // the instruction checks this operand
	flag    int  // and sets the flag of this result

	counts bool // the instruction counts elements: those of moveLive
}

func imm(bits uint64) arg { return arg{kind: kImm, known: true, bits: bits} }

func slotArg(n int) arg { return arg{kind: kMem, fix: fixSlot, n: n} }

func flagArg(r int) arg { return arg{kind: kMem, fix: fixTally, n: r} }

func countArg(r int) arg { return arg{kind: kMem, fix: fixTally, n: r, counts: true} }

// emit appends an instruction. The table of handlers covers what the compiler asks for;
// should it not, the Program runs in portable Go.
func (k *compiler) emit(op vmOp, operands ...arg) {
	var pq [2]arg
	pq[0].known, pq[1].known = true, true
	copy(pq[:], operands)
	op = k.withCheck(op, &pq)
	id := handlerOf[k.c.prog.Compute][op][pq[0].kind][pq[1].kind]
	if id == 0 {
		k.c.portable = true
		return
	}
	base := len(k.v.words)
	k.v.words = append(k.v.words, uint64(handlerAddr[id]), 0, 0, 0, 0)
	k.place(base+pPtr, pq[0])
	k.place(base+qPtr, pq[1])
}

// place fills the two words of an operand.
func (k *compiler) place(word int, a arg) {
	ptr, extra := uint32(word), uint32(word+1)
	switch {
	case a.known:
		k.v.words[extra] = a.bits
	case a.fix < moveOperand: // does not move with the elements: the index mask is 0
		k.v.fixes = append(k.v.fixes, fix{a.fix, uint16(a.n), ptr})
		if a.counts {
			k.v.moves = append(k.v.moves, move{extra, k.c.entry(moveLive, 0)})
		}
	case a.kind == kImm:
		k.v.moves = append(k.v.moves, move{extra, k.c.entry(a.fix, a.n)})
	case a.checked:
		k.v.fixes = append(k.v.fixes, fix{fixTally, uint16(a.flag), extra})
		k.v.moves = append(k.v.moves, move{ptr, k.c.entry(a.fix, a.n)})
	default:
		k.v.words[extra] = everyIndex
		k.v.moves = append(k.v.moves, move{ptr, k.c.entry(a.fix, a.n)})
		if a.fix == moveOperand && k.c.operands[a.n].kind == kNone {
			k.v.moves = append(k.v.moves, move{extra, k.c.entry(moveMask, a.n)})
		}
	}
}

// source returns where a value can be read other than in the accumulator.
func (k *compiler) source(v kernels.Val) (arg, bool) {
	if s := k.slot[v]; s >= 0 {
		return slotArg(s), true
	}
	in := &k.c.prog.Code[v]
	switch in.Op {
	case kernels.OpImm:
		return imm(in.Imm), true
	case kernels.OpConst:
		return arg{kind: kImm, fix: moveConst, n: int(in.Imm)}, true
	case kernels.OpLoad:
		return k.loaded(int(in.Imm)), true
	}
	return arg{}, false
}

// loaded is the operand i of the Program.
func (k *compiler) loaded(i int) arg {
	o := &k.c.operands[i]
	switch {
	case o.scalar:
		return arg{kind: kImm, fix: moveOperand, n: i}
	case o.kind == kNone:
		return arg{kind: kMem, fix: moveOperand, n: i}
	}
	return arg{kind: o.kind, fix: moveOperand, n: i}
}

// neededLater reports whether v is needed after now.
func (k *compiler) neededLater(v kernels.Val) bool { return k.last[v] > k.now }

// spill gives the value in the accumulator a slot, unless it can be had elsewhere.
func (k *compiler) spill() {
	if !k.hasAcc {
		return
	}
	if _, ok := k.source(k.acc); ok {
		return
	}
	s := k.newSlot()
	k.slot[k.acc] = s
	k.emit(vmST, slotArg(s))
}

func (k *compiler) newSlot() int {
	if n := len(k.free); n > 0 {
		s := k.free[n-1]
		k.free = k.free[:n-1]
		return s
	}
	k.slots++
	return k.slots - 1
}

// release frees the slots of the values of instruction i and its results that nothing later
// needs.
func (k *compiler) release(i int) {
	if k.last[i] >= 0 {
		for _, a := range append(k.args(i), kernels.Val(i)) {
			k.drop(a)
		}
	}
	for _, r := range k.at[i] {
		res := &k.c.prog.Results[r]
		if v, ok := resultValue(k.c.prog, res); ok {
			k.drop(v)
		}
		if res.Kind == kernels.Sum && res.Product {
			k.drop(res.W)
		}
	}
}

func (k *compiler) drop(v kernels.Val) {
	if k.slot[v] >= 0 && !k.neededLater(v) {
		k.free = append(k.free, k.slot[v])
		k.slot[v] = -1
	}
}

// toAcc brings v into the accumulator. What was there is spilled if it is needed now or
// later.
func (k *compiler) toAcc(v kernels.Val) {
	if k.hasAcc && k.acc == v {
		return
	}
	if k.hasAcc && k.last[k.acc] >= k.now {
		k.spill()
	}
	src, _ := k.source(v)
	k.emit(vmLD, src)
	k.acc, k.hasAcc = v, true
}

// toSlot gives v a slot, because an operation has no handler for its kind.
func (k *compiler) toSlot(v kernels.Val) {
	k.toAcc(v)
	if k.slot[v] < 0 {
		s := k.newSlot()
		k.slot[v] = s
		k.emit(vmST, slotArg(s))
	}
}
