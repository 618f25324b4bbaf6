package kernels

// exec executes instruction i for the elements [at, at+n) of the launch. A register may
// be argument and value at once: operations read element k before they write it.
func (e *engine[F, W]) exec(l *Launch, i int, at int64, n int) {
	in, reg := &l.Prog.Code[i], e.regs[i]
	switch in.Op {
	case OpConst, OpImm: // done once for the launch
	case OpLoad:
		e.load(e.nums[reg][:n], l, int(in.Imm), at)
	case OpRound:
		e.store(e.raw, e.num(in.A, n), in.DType)
		e.widen(e.nums[reg][:n], e.raw, in.DType)
	case OpLT, OpLE, OpEQ, OpIsNaN, OpAndM, OpOrM, OpNotM:
		e.execMask(in, e.masks[reg][:n])
	case OpNeg, OpAbs, OpAndB, OpOrB, OpXorB, OpIAdd, OpISub, OpShl, OpShr, OpSign, OpMin, OpMax, OpSelect, OpNaNToNum:
		e.execBits(in, e.bits[reg][:n])
	default:
		e.execNum(in, e.nums[reg][:n])
	}
}

// num, word and mask return the first n elements of the register of v.
func (e *engine[F, W]) num(v Val, n int) []F     { return e.nums[e.regs[v]][:n] }
func (e *engine[F, W]) word(v Val, n int) []W    { return e.bits[e.regs[v]][:n] }
func (e *engine[F, W]) mask(v Val, n int) []bool { return e.masks[e.regs[v]][:n] }

func (e *engine[F, W]) execNum(in *Instr, d []F) {
	n := len(d)
	switch in.Op {
	case OpAdd:
		addAll(d, e.num(in.A, n), e.num(in.B, n))
	case OpSub:
		subAll(d, e.num(in.A, n), e.num(in.B, n))
	case OpMul:
		mulAll(d, e.num(in.A, n), e.num(in.B, n))
	case OpDiv:
		divAll(d, e.num(in.A, n), e.num(in.B, n))
	case OpFMA:
		fmaAll(d, e.num(in.A, n), e.num(in.B, n), e.num(in.C, n))
	case OpSqrt:
		sqrtAll(d, e.num(in.A, n))
	case OpRint:
		rintAll(d, e.num(in.A, n))
	}
}

func (e *engine[F, W]) execMask(in *Instr, d []bool) {
	n := len(d)
	switch in.Op {
	case OpLT:
		ltAll(d, e.num(in.A, n), e.num(in.B, n))
	case OpLE:
		leAll(d, e.num(in.A, n), e.num(in.B, n))
	case OpEQ:
		eqAll(d, e.num(in.A, n), e.num(in.B, n))
	case OpIsNaN:
		isNaNAll(d, e.num(in.A, n))
	case OpAndM:
		andAll(d, e.mask(in.A, n), e.mask(in.B, n))
	case OpOrM:
		orAll(d, e.mask(in.A, n), e.mask(in.B, n))
	case OpNotM:
		notAll(d, e.mask(in.A, n))
	}
}

func (e *engine[F, W]) execBits(in *Instr, d []W) {
	n := len(d)
	switch in.Op {
	case OpNeg:
		negBits(d, e.word(in.A, n))
	case OpAbs:
		absBits(d, e.word(in.A, n))
	case OpAndB:
		andBits(d, e.word(in.A, n), e.word(in.B, n))
	case OpOrB:
		orBits(d, e.word(in.A, n), e.word(in.B, n))
	case OpXorB:
		xorBits(d, e.word(in.A, n), e.word(in.B, n))
	case OpIAdd:
		addBits(d, e.word(in.A, n), e.word(in.B, n))
	case OpISub:
		subBits(d, e.word(in.A, n), e.word(in.B, n))
	case OpShl:
		shlBits(d, e.word(in.A, n), in.Imm)
	case OpShr:
		shrBits(d, e.word(in.A, n), in.Imm)
	case OpSign:
		signBits(d, e.word(in.A, n))
	case OpMin:
		minBits(d, e.word(in.A, n), e.word(in.B, n), e.num(in.A, n), e.num(in.B, n))
	case OpMax:
		maxBits(d, e.word(in.A, n), e.word(in.B, n), e.num(in.A, n), e.num(in.B, n))
	case OpSelect:
		selectBits(d, e.mask(in.A, n), e.word(in.B, n), e.word(in.C, n))
	case OpNaNToNum:
		nanToNumBits(d, e.word(in.A, n))
	}
}
