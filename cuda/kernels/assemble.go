package ptx

import (
	"slices"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// instr is an instruction before registers are assigned.
type instr struct {
	op    int
	dtype tensor.DType
	args  []kernels.Val
	dst   int // value, or -1
	index int
	extra int
	third int // third reference, where there are fewer than three arguments
	flag  bool
}

// assembler makes the code of one pass.
type assembler struct {
	prog *kernels.Program
	code *Code
	work work

	instrs []instr
	flags  []int // results that are flags of operands
	imms   []uint64
	regs   int   // registers in use
	reg    []int // register of each value

	lanesWord int // of shared memory: where the totals start
	pass      Pass
}

// assemble makes the code of a pass. What it needs of the launch goes into the rows of c.
func assemble(p *kernels.Program, c *Code, w work) ([]byte, Pass) {
	a := &assembler{prog: p, code: c, work: w}
	a.emit()
	a.allocate()
	a.pass, a.lanesWord = w.fit(p.Compute, a.regs)
	return a.image(), a.pass
}

// constant reports whether v is held by no register.
func (a *assembler) constant(v kernels.Val) bool {
	op := a.prog.Code[v].Op
	return op == kernels.OpConst || op == kernels.OpImm
}

// emit lists the instructions that the results of the pass need, each result as soon as its
// values are there, so that few are alive at once.
func (a *assembler) emit() {
	uses := a.resultInstrs()
	needed := a.needed(uses)
	ready := func(in *instr) int { // the last instruction it waits for
		last := -1
		for _, v := range in.args {
			if !a.constant(v) {
				last = max(last, int(v))
			}
		}
		return last
	}
	flagged := a.flagged()
	for i := -1; i < len(a.prog.Code); i++ {
		if i >= 0 && needed[i] && !a.constant(kernels.Val(i)) {
			a.instrs = append(a.instrs, a.translate(i, flagged))
		}
		for k := range uses {
			if ready(&uses[k]) == i {
				a.instrs = append(a.instrs, uses[k])
			}
		}
	}
	for o, set := range flagged {
		if set { // no value of it is needed: it is loaded for its flag alone
			a.instrs = append(a.instrs, a.load(o, -1, true))
		}
	}
}

// needed marks the instructions that the results depend on.
func (a *assembler) needed(uses []instr) []bool {
	needed := make([]bool, len(a.prog.Code))
	for _, u := range uses {
		for _, v := range u.args {
			needed[v] = true
		}
	}
	for i := len(needed) - 1; i >= 0; i-- {
		if in := &a.prog.Code[i]; needed[i] {
			args := [3]kernels.Val{in.A, in.B, in.C}
			for _, v := range args[:in.Op.Arity()] {
				needed[v] = true
			}
		}
	}
	return needed
}

// flagged marks the operands whose flags the pass raises, and lists their results.
func (a *assembler) flagged() []bool {
	flagged := make([]bool, len(a.prog.Operands))
	for _, i := range a.work.free {
		if r := &a.prog.Results[i]; r.Kind == kernels.InFlag {
			a.flags = append(a.flags, i)
			flagged[r.Of] = true
		}
	}
	return flagged
}

func (a *assembler) load(operand, dst int, flag bool) instr {
	o := &a.prog.Operands[operand]
	return instr{op: int(kernels.OpLoad), dtype: o.DType, dst: dst, index: operand, extra: int(o.Form), flag: flag}
}

// translate makes an instruction of the Program into one of the pass. The first load of a
// flagged operand raises its flag.
func (a *assembler) translate(i int, flagged []bool) instr {
	in := &a.prog.Code[i]
	if in.Op == kernels.OpLoad {
		o := int(in.Imm)
		out := a.load(o, i, flagged[o])
		flagged[o] = false
		return out
	}
	args := [3]kernels.Val{in.A, in.B, in.C}
	out := instr{op: int(in.Op), dtype: in.DType, args: args[:in.Op.Arity()], dst: i}
	if in.Op == kernels.OpShl || in.Op == kernels.OpShr {
		out.index = int(in.Imm)
	}
	return out
}

// resultInstrs makes the instructions of the results.
func (a *assembler) resultInstrs() []instr {
	var all []instr
	for _, i := range a.work.free {
		switch r := &a.prog.Results[i]; r.Kind {
		case kernels.Store:
			all = append(all, a.stores(i)...)
		case kernels.Hist:
			all = append(all, instr{op: opHist, args: []kernels.Val{r.V}, dst: -1, index: a.code.resultWord(i),
				extra: a.code.numberWord(number{prefix: true, index: r.Of}), third: int(r.Shift) | int(r.Width)<<8})
		}
	}
	for k, i := range a.work.sums {
		in := instr{op: opSum, args: []kernels.Val{a.prog.Results[i].V}, dst: -1, index: k}
		if r := &a.prog.Results[i]; r.Product {
			in.op, in.args = opDot, append(in.args, r.W)
		}
		all = append(all, in)
	}
	for k, i := range a.work.tallies {
		op := opCount
		if a.prog.Results[i].Kind == kernels.Max {
			op = opLargest
		}
		all = append(all, instr{op: op, args: []kernels.Val{a.prog.Results[i].V}, dst: -1, index: k})
	}
	return all
}

// stores makes the store of result i, once more for every further count of it.
func (a *assembler) stores(i int) []instr {
	r := &a.prog.Results[i]
	store := instr{op: opStore, dtype: r.DType, args: []kernels.Val{r.V}, dst: -1, index: a.code.resultWord(i)}
	var all []instr
	for _, k := range a.work.free {
		if c := &a.prog.Results[k]; c.Kind == kernels.OutCount && c.Of == i {
			store.extra = a.code.resultWord(k)
			all = append(all, store)
		}
	}
	if all == nil {
		all = []instr{store}
	}
	return all
}

// place returns the position of x in the list, at whose end it is put if it is new.
func place[E comparable](list *[]E, x E) int {
	at := slices.Index(*list, x)
	if at < 0 {
		at = len(*list)
		*list = append(*list, x)
	}
	return at
}

// allocate gives every value a register, which is free again after the last use: a value may
// take the register of an argument of its own instruction.
func (a *assembler) allocate() {
	a.reg = make([]int, len(a.prog.Code))
	last := make([]int, len(a.prog.Code))
	for i := range a.instrs {
		for _, v := range a.instrs[i].args {
			last[v] = i
		}
	}
	var free []int
	for i := range a.instrs {
		in := &a.instrs[i]
		for k, v := range in.args {
			if last[v] == i && !a.constant(v) && !slices.Contains(in.args[:k], v) {
				free = append(free, a.reg[v])
			}
		}
		if in.dst < 0 {
			continue
		}
		if n := len(free); n > 0 {
			a.reg[in.dst], free = free[n-1], free[:n-1]
		} else {
			a.reg[in.dst] = a.regs
			a.regs++
		}
	}
}

// ref returns the reference to a value.
func (a *assembler) ref(v kernels.Val) int {
	switch in := &a.prog.Code[v]; in.Op {
	case kernels.OpConst:
		return refRow + a.code.numberWord(number{index: int(in.Imm)})
	case kernels.OpImm:
		return refCode + headBytes/8 + 2*len(a.instrs) + place(&a.imms, in.Imm)
	}
	return a.reg[v]
}

// image lays out the code of the pass; its length is a multiple of 16.
func (a *assembler) image() []byte {
	b := make([]byte, headBytes, headBytes+16*len(a.instrs))
	for i := range a.instrs {
		b = a.appendInstr(b, &a.instrs[i])
	}
	for _, x := range a.imms {
		b = le.AppendUint64(b, x)
	}
	putHead(b, headInstrs, len(a.instrs))
	putHead(b, headWalk, a.work.walk)
	putHead(b, headSums, len(a.work.sums))
	putHead(b, headTallies, len(a.work.tallies))
	putHead(b, headFlags, len(a.flags))
	putHead(b, headLanes, a.lanesWord)
	putHead(b, headLists, len(b))
	b = a.appendLists(b)
	return append(b, make([]byte, -len(b)&15)...)
}

// appendLists appends the lists of sums, tallies and flags.
func (a *assembler) appendLists(b []byte) []byte {
	for _, i := range a.work.sums {
		b = le.AppendUint32(b, uint32(a.code.resultWord(i)))
	}
	for _, i := range a.work.tallies {
		entry := uint32(a.code.resultWord(i))
		if a.prog.Results[i].Kind == kernels.Max {
			entry |= tallyMax
		}
		b = le.AppendUint32(b, entry)
	}
	for _, i := range a.flags {
		b = le.AppendUint32(b, uint32(a.code.resultWord(i)|a.prog.Results[i].Of<<16))
	}
	return b
}

// totalWord is where sum or tally k of the pass is in shared memory.
func (a *assembler) totalWord(op, k int) int {
	if op == opSum || op == opDot {
		return a.lanesWord + k*a.pass.lanes
	}
	return a.lanesWord + len(a.work.sums)*(a.pass.lanes+chunkSlots) + k*a.pass.Threads
}

// appendInstr appends an instruction in the form that layout.go describes.
func (a *assembler) appendInstr(b []byte, in *instr) []byte {
	refs := [3]int{0, 0, in.third}
	for k, v := range in.args {
		refs[k] = a.ref(v)
	}
	dst, flag, index := refNone, 0, in.index
	if in.op >= opSum && in.op <= opLargest {
		index = a.totalWord(in.op, index)
	}
	if in.dst >= 0 {
		dst = a.reg[in.dst]
	}
	if in.flag {
		flag = 1
	}
	b = append(b, byte(in.op), byte(in.dtype), byte(len(in.args)), byte(flag))
	for _, x := range []int{refs[0], refs[1], refs[2], dst, index, in.extra} {
		b = le.AppendUint16(b, uint16(x))
	}
	return b
}
