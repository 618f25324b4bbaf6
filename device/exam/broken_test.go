package exam

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// aligned returns where b has an address that is a multiple of 64.
func aligned(b []byte) int { return int(-uintptr(unsafe.Pointer(&b[0])) % 64) }

// fails reports which check a device fails first; only those that are named are run, if
// any are.
func fails(d plain, only ...string) (string, error) {
	for _, c := range Checks() {
		if len(only) > 0 && !slices.Contains(only, c.Name) {
			continue
		}
		if err := c.Run(d); err != nil {
			return c.Name, err
		}
	}
	return "", nil
}

// rewritten is a device that runs another Program than it is asked to.
func rewritten(change func(p *kernels.Program, in *kernels.Instr)) plain {
	return plain{run: func(l *kernels.Launch) error {
		wrong, prog := *l, *l.Prog
		prog.Code = append([]kernels.Instr(nil), l.Prog.Code...)
		for i := range prog.Code {
			change(&prog, &prog.Code[i])
		}
		wrong.Prog = &prog
		return kernels.Run(&wrong)
	}}
}

// instead says which operation a broken device runs in place of another.
var instead = map[kernels.Op]kernels.Op{
	kernels.OpLoad: kernels.OpImm, kernels.OpConst: kernels.OpImm, kernels.OpImm: kernels.OpImm,
	kernels.OpAdd: kernels.OpSub, kernels.OpSub: kernels.OpAdd, kernels.OpMul: kernels.OpDiv, kernels.OpDiv: kernels.OpMul, kernels.OpFMA: kernels.OpMul,
	kernels.OpNeg: kernels.OpAbs, kernels.OpAbs: kernels.OpNeg, kernels.OpSqrt: kernels.OpRint, kernels.OpSign: kernels.OpRint,
	kernels.OpMin: kernels.OpMax, kernels.OpMax: kernels.OpMin, kernels.OpRint: kernels.OpAbs,
	kernels.OpLT: kernels.OpLE, kernels.OpLE: kernels.OpLT, kernels.OpEQ: kernels.OpLE, kernels.OpIsNaN: kernels.OpIsNaN,
	kernels.OpAndM: kernels.OpOrM, kernels.OpOrM: kernels.OpAndM, kernels.OpNotM: kernels.OpNotM, kernels.OpSelect: kernels.OpSelect,
	kernels.OpNaNToNum: kernels.OpAbs, kernels.OpRound: kernels.OpAbs,
	kernels.OpAndB: kernels.OpOrB, kernels.OpOrB: kernels.OpXorB, kernels.OpXorB: kernels.OpOrB,
	kernels.OpIAdd: kernels.OpISub, kernels.OpISub: kernels.OpIAdd, kernels.OpShl: kernels.OpShr, kernels.OpShr: kernels.OpShl,
}

func TestEveryOperationThatIsWrongIsFound(t *testing.T) {
	for _, op := range kernels.Ops() {
		d := rewritten(func(p *kernels.Program, in *kernels.Instr) {
			if in.Op != op {
				return
			}
			switch op {
			case kernels.OpLoad, kernels.OpConst, kernels.OpImm:
				in.Imm = 0x3e99999a
			case kernels.OpSelect:
				in.B, in.C = in.C, in.B
			case kernels.OpIsNaN:
				in.B, in.Op = in.A, kernels.OpLT
				return
			case kernels.OpNotM:
				in.B, in.Op = in.A, kernels.OpAndM
				return
			}
			in.Op = instead[op]
		})
		if name, _ := fails(d); name == "" {
			t.Errorf("a device that runs %v in place of %v passes", instead[op], op)
		}
	}
}

// after is a device that spoils memory after it ran a launch.
func after(spoil func(l *kernels.Launch)) plain {
	return plain{run: func(l *kernels.Launch) error {
		err := kernels.Run(l)
		if err == nil {
			spoil(l)
		}
		return err
	}}
}

// eachResult applies f to the memory of results of one kind.
func eachResult(k kernels.ResultKind, f func(l *kernels.Launch, r *kernels.Result, b []byte)) plain {
	return after(func(l *kernels.Launch) {
		for i := range l.Prog.Results {
			if r := &l.Prog.Results[i]; r.Kind == k {
				f(l, r, l.Results[i].Bytes())
			}
		}
	})
}

func TestProductsThatAreWrongAreFound(t *testing.T) {
	last := func(p *kernels.Product) { p.Dst.Bytes()[4*p.N-4] ^= 1 }
	for what, spoil := range map[string]func(p *kernels.Product){
		"beyond the end": func(p *kernels.Product) { p.Dst.Mem.Host[p.Dst.Off+4*p.N] ^= 1 },
		"a factor":       func(p *kernels.Product) { p.Y.Span.Bytes()[0] ^= 1 },
		"a flag that is set": func(p *kernels.Product) {
			p.X.Flag.Bytes()[0] |= 1
		},
		"a flag that is not set": func(p *kernels.Product) { clear(p.Y.Flag.Bytes()) },
		"several blocks": func(p *kernels.Product) {
			if p.K > 2*kernels.ProductBlock {
				last(p)
			}
		},
		"the start of a row": func(p *kernels.Product) {
			if (p.First+p.N)%p.Cols == 1 {
				last(p)
			}
		},
		"rows of a block of threads": func(p *kernels.Product) {
			if p.Cols > 256 {
				last(p)
			}
		},
	} {
		if name, _ := fails(plain{product: spoil}, "products of matrices"); name == "" {
			t.Errorf("a device that spoils %s passes", what)
		}
	}
}

func TestSubtleFaultsAreFound(t *testing.T) {
	for what, c := range map[string]struct {
		check string
		d     plain
	}{
		"store beyond the end": {"operations on special values", after(func(l *kernels.Launch) {
			s := l.Results[0]
			s.Mem.Host[s.Off+s.Len] = 1
		})},
		"operand written to": {"operations on special values", after(func(l *kernels.Launch) {
			if len(l.Args) > 0 && l.Args[0].Span.Len > 0 {
				l.Args[0].Span.Bytes()[0] ^= 1
			}
		})},
		"tail of odd lengths": {"lengths, alignments and guard bands", eachResult(kernels.Store, func(l *kernels.Launch, r *kernels.Result, b []byte) {
			if l.N%8 == 7 {
				b[len(b)-1] ^= 1
			}
		})},
		"NaN payload": {"operations on special values", eachResult(kernels.Store, func(l *kernels.Launch, r *kernels.Result, b []byte) {
			for i := 0; r.DType == tensor.F32 && i < len(b); i += 4 {
				if x := binary.LittleEndian.Uint32(b[i:]); x == 0x7fc00000 {
					binary.LittleEndian.PutUint32(b[i:], 0xffc00000)
				}
			}
		})},
		"sums in plain order": {"rounding witnesses", eachResult(kernels.Sum, func(l *kernels.Launch, r *kernels.Result, b []byte) {
			if l.N < kernels.ChunkElems || r.Group != kernels.Whole {
				return
			}
			x := math.Float64frombits(binary.LittleEndian.Uint64(b))
			binary.LittleEndian.PutUint64(b, math.Float64bits(math.Nextafter(x, 0)))
		})},
		"counts that overwrite": {"cuts change no bit", plain{run: func(l *kernels.Launch) error {
			for i, r := range l.Prog.Results {
				if r.Kind == kernels.Count && l.Check() == nil {
					clear(l.Results[i].Bytes())
				}
			}
			return kernels.Run(l)
		}}},
		"clear does nothing":   {"clear", plain{clear: func([]byte) {}}},
		"clear leaves the end": {"clear", plain{clear: func(b []byte) { clear(b[:len(b)&^7]) }}},
		"first is ignored": {"forms and periods", plain{run: func(l *kernels.Launch) error {
			c := *l
			if l.Check() == nil && l.First%7 != 0 {
				c.First = 0
			}
			return kernels.Run(&c)
		}}},
		"no checks": {"failures", plain{run: func(l *kernels.Launch) error {
			if l.Check() != nil {
				return nil
			}
			return kernels.Run(l)
		}}},
	} {
		if name, err := fails(c.d, c.check); name == "" {
			t.Errorf("%s: the device passes %q", what, c.check)
		} else if testing.Verbose() {
			t.Logf("%s: found by %q: %.100v", what, name, err)
		}
	}
}

func TestEveryKindOfResultIsExamined(t *testing.T) {
	for _, k := range kernels.ResultKinds() {
		if name, _ := fails(eachResult(k, func(l *kernels.Launch, r *kernels.Result, b []byte) {
			if len(b) > 0 && l.N > 1000 {
				b[0] ^= 1
			}
		}), "results and groups"); name == "" {
			t.Errorf("results of kind %d may be wrong", k)
		}
	}
}

func TestEveryElementTypeIsExamined(t *testing.T) {
	for _, d := range computable() {
		other := neighbour[d]
		if d.Size() == 1 {
			other = map[bool]tensor.DType{true: tensor.I8, false: tensor.BOOL}[d != tensor.I8]
		}
		wrong := rewritten(func(p *kernels.Program, in *kernels.Instr) {
			if p.Results[0].DType == d {
				p.Results = slices.Clone(p.Results)
				p.Results[0].DType = other
			}
		})
		if err := withQueue(wrong, func(q device.Queue) error { return storesOf(q, kernels.F32, d) }); err == nil {
			t.Errorf("stores of %v may be wrong", d)
		}
	}
}

// neighbour is another type of the same size.
var neighbour = map[tensor.DType]tensor.DType{
	tensor.F16: tensor.BF16, tensor.BF16: tensor.F16, tensor.I16: tensor.U16, tensor.U16: tensor.I16, tensor.I32: tensor.U32, tensor.U32: tensor.I32,
	tensor.F32: tensor.I32, tensor.F64: tensor.I64, tensor.I64: tensor.U64, tensor.U64: tensor.I64,
}

func TestRandomProgramsAreValidAndVaried(t *testing.T) {
	seen := map[kernels.Op]int{}
	kinds := map[kernels.ResultKind]int{}
	for seed := range uint64(300) {
		p := Program(newRand(seed))
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		for _, in := range p.Code {
			seen[in.Op]++
		}
		for _, r := range p.Results {
			kinds[r.Kind]++
		}
	}
	if len(seen) != len(kernels.Ops()) || len(kinds) != len(kernels.ResultKinds()) {
		t.Errorf("only %d operations and %d kinds of results occur", len(seen), len(kinds))
	}
}

func TestRoundingFaultsAreFound(t *testing.T) {
	for what, c := range map[string]struct {
		check  string
		change func(p *kernels.Program, in *kernels.Instr)
	}{
		"multiply-add rounded twice": {"rounding witnesses", func(p *kernels.Program, in *kernels.Instr) {
			if p.Compute == kernels.F32 && len(p.Code) == 4 && in.Op == kernels.OpFMA {
				p.Compute = kernels.F64
			}
		}},
		"unwanted multiply-add": {"rounding witnesses", func(p *kernels.Program, in *kernels.Instr) {
			if m := p.Code[in.A]; in.Op == kernels.OpAdd && m.Op == kernels.OpMul {
				*in = kernels.Instr{Op: kernels.OpFMA, A: m.A, B: m.B, C: in.B}
			}
		}},
		"float64 stored by way of float32": {"stores of every element type", func(p *kernels.Program, in *kernels.Instr) {
			if p.Compute == kernels.F64 && in.Op == kernels.OpLoad && len(p.Code) == 1 {
				p.Code = append(p.Code, kernels.Instr{Op: kernels.OpRound, DType: tensor.F32})
				p.Results = slices.Clone(p.Results)
				p.Results[0].V = 1
			}
		}},
		"integers loaded by way of float64": {"loads of every element type", func(p *kernels.Program, in *kernels.Instr) {
			if p.Operands[0].DType == tensor.I64 && len(p.Code) == 1 {
				p.Compute = kernels.F64
				p.Results = slices.Clone(p.Results)
				p.Results[0].DType = tensor.F32
				p.Code = append(p.Code, kernels.Instr{Op: kernels.OpRound, DType: tensor.F32})
				p.Results[0].V = 1
			}
		}},
	} {
		if name, err := fails(rewritten(c.change), c.check); name == "" {
			t.Errorf("%s: the device passes %q", what, c.check)
		} else if testing.Verbose() {
			t.Logf("%s: %.150v", what, err)
		}
	}
}
