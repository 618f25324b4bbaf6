package kernels

import (
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Compute is the type in which a Program computes.
type Compute uint8

const (
	F32 Compute = iota
	F64
)

// DType returns the element type of the compute type.
func (c Compute) DType() tensor.DType {
	if c == F64 {
		return tensor.F64
	}
	return tensor.F32
}

// Form says how the values of an operand spread over the elements of a launch. With i
// the index of an element in its tensor (C order) and p the Period of the argument:
type Form uint8

const (
	Dense  Form = iota // value i
	Row                // value i / p: one value per row of p elements
	Col                // value i mod p: one value per column
	Scalar             // one value for all elements
	numForms
)

// Operand is an input of a Program.
type Operand struct {
	DType tensor.DType
	Form  Form
}

// Val is the value of an instruction, by the instruction's index in Program.Code.
type Val uint16

// Instr is one instruction. A, B, C are arguments as the operation has them.
type Instr struct {
	Op      Op
	DType   tensor.DType // OpRound
	A, B, C Val
	Imm     uint64 // OpLoad: operand; OpConst: constant; OpImm: bits; OpShl, OpShr: distance
}

// ResultKind is a kind of result. Integer results (flags, counts, maxima, histograms)
// accumulate into their memory, which the caller clears first, so that they do not
// depend on the order of launches. Sums overwrite their memory.
type ResultKind uint8

const (
	// Store writes V, rounded to DType with one rounding (saturating truncation for
	// integers; NaN becomes the canonical NaN of DType), one element per element.
	Store ResultKind = iota

	// InFlag sets bit 0 of a uint32 if the value of operand Of for any element of the
	// launch is NaN or infinite, judged by its stored bits. It needs no OpLoad.
	InFlag

	// OutCount adds to three uint64 for store Of: elements stored NaN or infinite;
	// finite values stored as infinite or NaN (integers: V, without its fraction, outside
	// the range of DType, or NaN; BOOL loses only NaN); nonzero values stored as zero (not
	// for integer DTypes).
	OutCount

	// Sum writes float64 sums of V, or of V*W if Product is set (then each step is one
	// fma of the exactly widened values), by the sum rule. See Group.
	Sum

	// Count adds to a uint64 the number of elements whose mask V is set.
	Count

	// Max keeps in a uint64 the largest OrderKey(float64(V)); a NaN beats everything.
	// Cleared memory (0) means no element.
	Max

	// Hist adds to 1<<Width uint64 counters: with key the bits of |V| (32 or 64 bits),
	// an element counts in bin (key >> Shift) mod 1<<Width, provided that
	// key >> (Shift+Width) equals the launch's Prefixes[Of]. A NaN has the key of the
	// canonical NaN without its sign.
	Hist

	numResultKinds
)

// ResultKinds lists all kinds of results.
func ResultKinds() []ResultKind {
	all := make([]ResultKind, numResultKinds)
	for i := range all {
		all[i] = ResultKind(i)
	}
	return all
}

// Group says over which elements a Sum goes. The sum rule: the elements of a group are
// numbered i in C order; lane = i mod 64, chunk = i div 4096; a lane starts at +0 and
// adds in increasing i in float64; the 64 lanes of a chunk fold by halves (32, 16, ...,
// 1: lane k adds lane k+32, and so on), unused ones being +0; the 16 chunk sums of a block of 65,536 elements fold
// by halves, absent ones as +0; blocks add left to right. A sum that is NaN is stored as
// the canonical NaN of F64.
type Group uint8

const (
	// Whole: one float64 per block of 65,536 elements of the launch. The caller adds the
	// block sums of all launches left to right. First must be a multiple of BlockElems.
	Whole Group = iota

	// ByRow: one float64 per row of Launch.Cols elements, complete. First and N must be
	// multiples of Cols.
	ByRow

	// ByCol: per group of 256 rows, Cols float64: the rows of the group added in order
	// from +0. The caller adds the groups left to right. First must be a multiple of
	// 256*Cols, N of Cols.
	ByCol

	numGroups
)

// Constants of the sum rule.
const (
	Lanes      = 64
	ChunkElems = 4096
	BlockElems = 65536
	GroupRows  = 256
)

// Result is an output of a Program.
type Result struct {
	Kind    ResultKind
	Group   Group // Sum
	Product bool  // Sum: of V*W
	V, W    Val
	DType   tensor.DType // Store
	Of      int          // InFlag: operand; OutCount: index of the Store in Results; Hist: index in Launch.Prefixes
	Shift   uint8        // Hist
	Width   uint8        // Hist
}

// Limits of a Program. Lowering cuts larger expressions into several Programs.
const (
	MaxOperands = 64
	MaxLive     = 64 // values alive at once
	MaxInstrs   = 1024
	MaxResults  = 160
	MaxHistBits = 16
)

// Program is a straight-line computation over elements: instruction i defines value i
// from earlier values. It is immutable once validated and may be shared by any number
// of launches and devices.
type Program struct {
	Compute   Compute
	Operands  []Operand
	NumConsts int // launch constants it reads
	Code      []Instr
	Results   []Result
}

// Validate checks everything a device relies on: known operations, arguments that are
// earlier values of the right class, operands and results in range, and the limits.
func (p *Program) Validate() error {
	switch {
	case p.Compute > F64:
		return fmt.Errorf("kernels: unknown compute type %d", p.Compute)
	case len(p.Operands) > MaxOperands:
		return fmt.Errorf("kernels: %d operands, at most %d", len(p.Operands), MaxOperands)
	case len(p.Code) > MaxInstrs:
		return fmt.Errorf("kernels: %d instructions, at most %d", len(p.Code), MaxInstrs)
	case len(p.Results) > MaxResults:
		return fmt.Errorf("kernels: %d results, at most %d", len(p.Results), MaxResults)
	}
	for i, o := range p.Operands {
		if !o.DType.Valid() || !o.DType.Computable() || o.Form >= numForms {
			return fmt.Errorf("kernels: operand %d (%v, form %d) is not computable", i, o.DType, o.Form)
		}
	}
	for i := range p.Code {
		if err := p.validInstr(i); err != nil {
			return fmt.Errorf("kernels: instruction %d (%v): %w", i, p.Code[i].Op, err)
		}
	}
	for i := range p.Results {
		if err := p.validResult(&p.Results[i]); err != nil {
			return fmt.Errorf("kernels: result %d: %w", i, err)
		}
	}
	if n := p.MaxLive(); n > MaxLive {
		return fmt.Errorf("kernels: %d values alive at once, at most %d", n, MaxLive)
	}
	return nil
}

func (p *Program) validInstr(i int) error {
	in := &p.Code[i]
	if in.Op == OpInvalid || in.Op >= numOps {
		return fmt.Errorf("unknown operation %d", in.Op)
	}
	for k, v := range [3]Val{in.A, in.B, in.C} {
		want := ops[in.Op].args[k]
		if want == none {
			continue
		}
		if int(v) >= i || ops[p.Code[v].Op].out != want {
			return fmt.Errorf("argument %d is not an earlier value of its class", k)
		}
	}
	bits := uint64(32)
	if p.Compute == F64 {
		bits = 64
	}
	switch {
	case in.Op == OpLoad && in.Imm >= uint64(len(p.Operands)):
		return fmt.Errorf("operand %d does not exist", in.Imm)
	case in.Op == OpConst && in.Imm >= uint64(p.NumConsts):
		return fmt.Errorf("constant %d does not exist", in.Imm)
	case (in.Op == OpShl || in.Op == OpShr) && in.Imm >= bits:
		return fmt.Errorf("shift by %d", in.Imm)
	case in.Op == OpRound && (!in.DType.Valid() || !in.DType.Computable()):
		return fmt.Errorf("cannot round to %v", in.DType)
	}
	return nil
}

func (p *Program) validResult(r *Result) error {
	isVal := func(v Val, c class) bool { return int(v) < len(p.Code) && ops[p.Code[v].Op].out == c }
	ok := true
	switch r.Kind {
	case Store:
		ok = isVal(r.V, num) && r.DType.Valid() && r.DType.Computable()
	case InFlag:
		ok = r.Of >= 0 && r.Of < len(p.Operands)
	case OutCount:
		ok = r.Of >= 0 && r.Of < len(p.Results) && p.Results[r.Of].Kind == Store
	case Sum:
		ok = r.Group < numGroups && isVal(r.V, num) && (!r.Product || isVal(r.W, num))
	case Count:
		ok = isVal(r.V, mask)
	case Max:
		ok = isVal(r.V, num)
	case Hist:
		bits := uint8(32)
		if p.Compute == F64 {
			bits = 64
		}
		ok = isVal(r.V, num) && r.Of >= 0 && r.Width >= 1 && r.Width <= MaxHistBits && r.Shift < bits && r.Shift+r.Width <= bits
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("kind %d refers to something that does not exist", r.Kind)
	}
	return nil
}

// LastUse returns, for every value, the index of the last instruction that uses it;
// len(Code) if a result does, and the value's own index if nothing does.
func (p *Program) LastUse() []int {
	last := make([]int, len(p.Code))
	for i := range p.Code {
		last[i] = i
		in := &p.Code[i]
		for k, v := range [3]Val{in.A, in.B, in.C} {
			if ops[in.Op].args[k] != none {
				last[v] = i
			}
		}
	}
	for i := range p.Results {
		r := &p.Results[i]
		switch r.Kind {
		case Store, Count, Max, Hist:
			last[r.V] = len(p.Code)
		case Sum:
			last[r.V] = len(p.Code)
			if r.Product {
				last[r.W] = len(p.Code)
			}
		}
	}
	return last
}

// MaxLive returns the largest number of values that are alive at once. Constants and
// immediates do not count: devices rematerialise them.
func (p *Program) MaxLive() int {
	last := p.LastUse()
	ends := make([]int, len(p.Code)+2)
	live, most := 0, 0
	for i := range p.Code {
		live -= ends[i]
		if op := p.Code[i].Op; op != OpConst && op != OpImm && last[i] > i {
			live++
			ends[min(last[i]+1, len(p.Code)+1)]++
		}
		most = max(most, live)
	}
	return most
}

// String lists the Program, one instruction a line, for messages and debugging.
func (p *Program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "program %v\n", p.Compute.DType())
	for i, o := range p.Operands {
		fmt.Fprintf(&b, "  operand %d: %v form %d\n", i, o.DType, o.Form)
	}
	for i, in := range p.Code {
		fmt.Fprintf(&b, "  v%d = %v", i, in.Op)
		for k, v := range [3]Val{in.A, in.B, in.C} {
			if ops[in.Op].args[k] != none {
				fmt.Fprintf(&b, " v%d", v)
			}
		}
		switch in.Op {
		case OpLoad, OpConst, OpShl, OpShr:
			fmt.Fprintf(&b, " %d", in.Imm)
		case OpImm:
			fmt.Fprintf(&b, " %#x", in.Imm)
		case OpRound:
			fmt.Fprintf(&b, " %v", in.DType)
		}
		b.WriteByte('\n')
	}
	for i, r := range p.Results {
		fmt.Fprintf(&b, "  result %d: kind %d v%d w%d %v of %d group %d\n", i, r.Kind, r.V, r.W, r.DType, r.Of, r.Group)
	}
	return b.String()
}
