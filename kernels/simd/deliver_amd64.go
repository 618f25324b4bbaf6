package simd

import "github.com/mecha-gpu/mecha-gpu/kernels"

// checkForm is the form of an instruction that checks operand P (0) or Q (1) on the way.
type checkForm struct {
	op      vmOp
	operand int
}

// checkForms is the table of instructions that can check an operand.
var checkForms = map[vmOp]checkForm{
	vmLD: {vmLDK, 0}, vmADD: {vmADDK, 0}, vmSUB: {vmSUBK, 0}, vmRSUB: {vmRSUBK, 0}, vmMUL: {vmMULK, 0},
	vmLRA: {vmLRAK, 0}, vmLRP: {vmLRPK, 0}, vmLSA: {vmLSAK, 0}, vmLSP: {vmLSPK, 0},
	vmFMAA: {vmFMAAK, 1}, vmFMAC: {vmFMACK, 1}, vmSUM3: {vmSUM3K, 1},
}

// pendingChecks notes the operands whose flags the code has to set.
func (k *compiler) pendingChecks() {
	k.checks = make([]int, len(k.c.operands))
	for i := range k.checks {
		k.checks[i] = -1
	}
	for r := range k.c.prog.Results {
		if res := &k.c.prog.Results[r]; res.Kind == kernels.InFlag && k.c.results[r].flag >= 0 {
			k.checks[res.Of] = k.c.results[r].flag
		}
	}
}

// withCheck turns an instruction into its checking form if it reads an operand whose flag is
// still to be set.
func (k *compiler) withCheck(op vmOp, pq *[2]arg) vmOp {
	f, ok := checkForms[op]
	if !ok {
		return op
	}
	a := &pq[f.operand]
	if a.known || a.fix != moveOperand || a.kind == kImm || k.checks[a.n] < 0 || k.c.operands[a.n].kind == kNone {
		return op
	}
	if handlerOf[k.c.prog.Compute][f.op][pq[0].kind][pq[1].kind] == 0 {
		return op
	}
	a.checked, a.flag = true, k.checks[a.n]
	k.checks[a.n] = -1
	return f.op
}

// checkRest emits checks of the operands that no instruction has checked.
func (k *compiler) checkRest() {
	for i, flag := range k.checks {
		if flag >= 0 {
			k.emit(vmFLAG, k.loaded(i), flagArg(flag))
		}
	}
}

// result delivers result r. Flags of a store belong to its own
// instruction.
func (k *compiler) result(r int) {
	res := &k.c.prog.Results[r]
	switch {
	case res.Kind == kernels.OutFlag && k.c.results[r].flag >= 0:
		return
	case res.Kind == kernels.Store && k.c.results[r].kind != kNone:
		k.store(r)
	case res.Kind == kernels.Sum && k.native(res.Group):
		k.sum(r)
	default:
		k.value(res, r)
	}
}

// native reports whether the code adds sums over g itself.
func (k *compiler) native(g kernels.Group) bool {
	return k.mode == sumsWhole && g == kernels.Whole || k.mode == sumsByRow && g == kernels.ByRow
}

// store emits a store in a native kind, with its flag if there is one.
func (k *compiler) store(r int) {
	k.toAcc(k.c.prog.Results[r].V)
	dst := arg{kind: k.c.results[r].kind, fix: moveStore, n: r}
	for f := range k.c.prog.Results {
		if res := &k.c.prog.Results[f]; res.Kind == kernels.OutFlag && res.Of == r {
			k.emit(vmOUTF, dst, flagArg(k.c.results[f].flag))
			k.noteStore(vmOUTF, r)
			return
		}
	}
	k.emit(vmOUT, dst)
	k.noteStore(vmOUT, r)
}

// sum emits an addition to lanes.
func (k *compiler) sum(r int) {
	res := &k.c.prog.Results[r]
	lanes := arg{fix: fixLanes, n: k.c.results[r].lane}
	switch {
	case k.c.results[r].part:
		k.three(r)
	case !res.Product:
		k.toAcc(res.V)
		k.emit(vmSUM, lanes)
	case res.V == res.W:
		k.toAcc(res.V)
		k.emit(vmSUMSQ, lanes)
	default:
		v, w := res.V, res.W
		if k.hasAcc && k.acc == w || !k.product(w) {
			v, w = w, v
		}
		k.pair(vmSUMP, lanes, v, w)
	}
}

// three emits the sums of a triple together, when its mixed product is due.
func (k *compiler) three(r int) {
	for _, t := range k.c.triples {
		if t.vw == r {
			res := &k.c.prog.Results[r]
			k.pair(vmSUM3, arg{fix: fixLanes, n: k.c.results[t.vv].lane}, res.V, res.W)
		}
	}
}

// pair emits a sum of v in the accumulator and w in memory.
func (k *compiler) pair(op vmOp, lanes arg, v, w kernels.Val) {
	if !k.product(w) {
		k.toSlot(w)
	}
	k.toAcc(v)
	q, _ := k.source(w)
	k.emit(op, lanes, q)
}

// product reports whether w can be the memory operand of a sum of products.
func (k *compiler) product(w kernels.Val) bool {
	src, ok := k.source(w)
	return ok && handlerOf[k.c.prog.Compute][vmSUMP][kNone][src.kind] != 0
}

// value writes V, and W of a product, to value scratch for Go to reduce.
func (k *compiler) value(res *kernels.Result, r int) {
	v, _ := resultValue(k.c.prog, res)
	k.write(v, k.c.results[r].v)
	if res.Kind == kernels.Sum && res.Product {
		k.write(res.W, k.c.results[r].w)
	}
}

func (k *compiler) write(v kernels.Val, n int) {
	if k.wrote[n] {
		return
	}
	k.wrote[n] = true
	k.toAcc(v)
	k.emit(vmST, arg{kind: kMem, fix: moveValue, n: n})
}
