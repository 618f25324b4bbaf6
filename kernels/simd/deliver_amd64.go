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
	vmFMAA: {vmFMAAK, 1}, vmFMAC: {vmFMACK, 1},
}

// pendingChecks notes the operands whose flags the code has to set. Those that a sum reads in
// place show in the sum, see Machine.flagOdd.
func (k *compiler) pendingChecks() {
	k.checks = make([]int, len(k.c.operands))
	for i := range k.checks {
		k.checks[i] = -1
	}
	for r := range k.c.prog.Results {
		if res := &k.c.prog.Results[r]; res.Kind == kernels.InFlag && k.c.results[r].tally >= 0 {
			k.checks[res.Of] = k.c.results[r].tally
		}
	}
	if k.mode == withoutInPlace {
		for _, op := range k.c.inPlace {
			if op >= 0 {
				k.checks[op] = -1
			}
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

// result delivers result r. Counts of a store belong to its own instruction.
func (k *compiler) result(r int) {
	res := &k.c.prog.Results[r]
	switch {
	case res.Kind == kernels.OutCount && k.c.results[r].tally >= 0:
		return
	case res.Kind == kernels.Store && k.c.results[r].kind != kNone:
		k.store(r)
	default:
		k.value(res, r)
	}
}

// store emits a store in a native kind, with its count if there is one.
func (k *compiler) store(r int) {
	k.toAcc(k.c.prog.Results[r].V)
	dst := arg{kind: k.c.results[r].kind, fix: moveStore, n: r}
	for f := range k.c.prog.Results {
		if res := &k.c.prog.Results[f]; res.Kind == kernels.OutCount && res.Of == r {
			op := vmOUTC
			if k.c.features.bf16 && handlerOf[k.c.prog.Compute][vmOUTCB][dst.kind][kMem] != 0 {
				op = vmOUTCB
			}
			k.emit(op, dst, countArg(k.c.results[f].tally))
			k.noteStore(op, kMem, r)
			return
		}
	}
	k.emit(vmOUT, dst)
	k.noteStore(vmOUT, kNone, r)
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
	if k.wrote[n] || k.mode == withoutInPlace && k.c.inPlace[n] >= 0 {
		return
	}
	k.wrote[n] = true
	k.toAcc(v)
	k.emit(vmST, arg{kind: kMem, fix: moveValue, n: n})
}
