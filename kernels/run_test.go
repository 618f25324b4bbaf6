package kernels

import (
	"math"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// bytesOf stores values as elements of d.
func bytesOf(d tensor.DType, x ...float64) []byte {
	b := make([]byte, int64(len(x))*d.Size())
	Narrow64(b, x, d)
	return b
}

func spanOf(b []byte) Span { return Span{Mem: HostMem(b), Len: int64(len(b))} }

// eval runs a Program that applies op to dense operands of the compute type and returns
// the bits of the value. A mask becomes 1 or 0.
func eval(t *testing.T, c Compute, in Instr, args ...uint64) uint64 {
	t.Helper()
	b := Builder{Compute: c}
	var vals [3]Val
	for i, x := range args {
		vals[i] = b.Bits(x)
		if in.Op.TakesMask(i) {
			vals[i] = b.Op1(OpNotM, b.Op2(OpEQ, vals[i], b.Num(0)))
		}
	}
	in.A, in.B, in.C = vals[0], vals[1], vals[2]
	v := b.Emit(in)
	if in.Op.GivesMask() {
		v = b.Op3(OpSelect, v, b.Num(1), b.Num(0))
	}
	// Sub-words show bits that a store of floats would make canonical.
	p := &Program{Compute: c, Code: b.Code}
	m := new(Machine)
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := m.Run(&Launch{Prog: p, N: 1}); err != nil {
		t.Fatal(err)
	}
	if c == F64 {
		return m.f64.bits[m.f64.regs[v]][0]
	}
	return uint64(m.f32.bits[m.f32.regs[v]][0])
}

func bitsOf32(x float64) uint64 { return uint64(math.Float32bits(float32(x))) }

// TestOperationsOnSpecialValues lists what op.go says about values where languages and
// processors differ; nan stands for any NaN.
func TestOperationsOnSpecialValues(t *testing.T) {
	nan, inf, nz := math.NaN(), math.Inf(1), math.Copysign(0, -1)
	big32 := float64(math.MaxFloat32)
	covered := map[Op]bool{OpLoad: true, OpConst: true, OpImm: true, OpRound: true} // by the tests below
	for _, op := range bitOps {
		covered[op] = true
	}
	for _, c := range []struct {
		op   Op
		args []float64
		want float64
	}{
		{OpSign, []float64{nan}, 0}, {OpSign, []float64{nz}, 0}, {OpSign, []float64{-inf}, -1}, {OpSign, []float64{1e-40}, 1},
		{OpMin, []float64{nan, 1}, nan}, {OpMin, []float64{1, nan}, nan}, {OpMin, []float64{0, nz}, nz}, {OpMin, []float64{nz, 0}, 0},
		{OpMax, []float64{nan, 1}, nan}, {OpMax, []float64{1, nan}, nan}, {OpMax, []float64{0, nz}, nz}, {OpMax, []float64{nz, 0}, 0},
		{OpMin, []float64{1, 2}, 1}, {OpMax, []float64{1, 2}, 2},
		{OpRint, []float64{2.5}, 2}, {OpRint, []float64{3.5}, 4}, {OpRint, []float64{-0.5}, nz}, {OpRint, []float64{inf}, inf},
		{OpLT, []float64{nan, 1}, 0}, {OpLE, []float64{1, 1}, 1}, {OpLE, []float64{nan, nan}, 0}, {OpEQ, []float64{0, nz}, 1},
		{OpEQ, []float64{nan, nan}, 0}, {OpIsNaN, []float64{nan}, 1}, {OpIsNaN, []float64{inf}, 0},
		{OpAndM, []float64{1, 0}, 0}, {OpAndM, []float64{1, 1}, 1}, {OpOrM, []float64{1, 0}, 1}, {OpOrM, []float64{0, 0}, 0}, {OpNotM, []float64{0}, 1},
		{OpSelect, []float64{1, 2, 3}, 2}, {OpSelect, []float64{0, 2, 3}, 3}, {OpSelect, []float64{nan, 2, 3}, 2},
		{OpSqrt, []float64{-1}, nan}, {OpSqrt, []float64{nz}, nz}, {OpSqrt, []float64{2}, math.Sqrt2},
		{OpNeg, []float64{0}, nz}, {OpAbs, []float64{nz}, 0}, {OpAbs, []float64{-inf}, inf},
		{OpNaNToNum, []float64{nan}, 0}, {OpNaNToNum, []float64{nz}, nz}, {OpNaNToNum, []float64{big32}, big32},
		{OpAdd, []float64{1, 2}, 3}, {OpSub, []float64{1, 2}, -1}, {OpMul, []float64{3, -2}, -6}, {OpDiv, []float64{1, 0}, inf}, {OpDiv, []float64{1, 3}, 1.0 / 3},
		{OpFMA, []float64{2, 3, -6}, 0}, {OpFMA, []float64{nz, 3, 0}, 0}, {OpFMA, []float64{nz, 3, nz}, nz}, {OpFMA, []float64{inf, 0, 1}, nan}, {OpFMA, []float64{inf, 1, -inf}, nan},
	} {
		covered[c.op] = true
		for _, comp := range []Compute{F32, F64} {
			var args []uint64
			for _, a := range c.args {
				if comp == F64 {
					args = append(args, math.Float64bits(a))
				} else {
					args = append(args, bitsOf32(a))
				}
			}
			got := eval(t, comp, Instr{Op: c.op}, args...)
			want := math.Float64bits(c.want)
			isNaN := math.Float64frombits(got) != math.Float64frombits(got)
			if comp == F32 {
				want = bitsOf32(c.want)
				isNaN = math.Float32frombits(uint32(got)) != math.Float32frombits(uint32(got))
			}
			if c.want != c.want && !isNaN || c.want == c.want && got != want {
				t.Errorf("%v %v%v = %#x, want %#x", comp.DType(), c.op, c.args, got, want)
			}
		}
	}
	for _, op := range Ops() {
		if !covered[op] {
			t.Errorf("%v has no case", op)
		}
	}
	if got := eval(t, F32, Instr{Op: OpNaNToNum}, bitsOf32(-inf)); got != bitsOf32(-big32) {
		t.Errorf("nan_to_num(-Inf) = %#x", got)
	}
	if got := eval(t, F64, Instr{Op: OpNaNToNum}, math.Float64bits(inf)); got != math.Float64bits(math.MaxFloat64) {
		t.Errorf("nan_to_num(Inf) = %#x", got)
	}
}

// bitOps are the operations that TestBitOperations has a case for.
var bitOps = []Op{OpAndB, OpOrB, OpXorB, OpIAdd, OpISub, OpShl, OpShr}

func TestBitOperations(t *testing.T) {
	for _, c := range []struct {
		op         Op
		x, y, n    uint64
		want, wide uint64
	}{
		{OpAndB, 0xff00ff00, 0x0ff00ff0, 0, 0x0f000f00, 0x0f000f00},
		{OpOrB, 0xff00ff00, 0x0ff00ff0, 0, 0xfff0fff0, 0xfff0fff0},
		{OpXorB, 0xff00ff00, 0x0ff00ff0, 0, 0xf0f0f0f0, 0xf0f0f0f0},
		{OpIAdd, 0xffffffff, 2, 0, 1, 0x100000001},
		{OpISub, 1, 2, 0, 0xffffffff, math.MaxUint64},
		{OpShl, 0x80000001, 0, 4, 0x10, 0x800000010},
		{OpShr, 0x80000001, 0, 4, 0x08000000, 0x08000000},
	} {
		args := []uint64{c.x, c.y}[:c.op.Arity()]
		if got := eval(t, F32, Instr{Op: c.op, Imm: c.n}, args...); got != c.want {
			t.Errorf("F32 %v = %#x, want %#x", c.op, got, c.want)
		}
		if got := eval(t, F64, Instr{Op: c.op, Imm: c.n}, args...); got != c.wide {
			t.Errorf("F64 %v = %#x, want %#x", c.op, got, c.wide)
		}
	}
}

// TestFormsSpreadValues compares every form, for several positions and periods, with
// the formula in the documentation of Form.
func TestFormsSpreadValues(t *testing.T) {
	const n = 1300
	for _, form := range []Form{Dense, Row, Col, Scalar} {
		for _, d := range []tensor.DType{tensor.F32, tensor.U8, tensor.F64} {
			for _, period := range []int64{1, 2, 7, 512, 1000, 5000} {
				for _, first := range []int64{0, 1, 6, 511, 4999} {
					checkForm(t, form, d, period, first, n)
				}
			}
		}
	}
}

func checkForm(t *testing.T, form Form, d tensor.DType, period, first, n int64) {
	t.Helper()
	value := func(i int64) float64 { return float64(i % 251) }
	index := map[Form]func(i int64) int64{
		Dense:  func(i int64) int64 { return i },
		Row:    func(i int64) int64 { return i / period },
		Col:    func(i int64) int64 { return i % period },
		Scalar: func(int64) int64 { return 0 },
	}[form]
	from, to := index(first), index(first+n-1)+1
	if form == Col {
		from, to = 0, period
	}
	var src []float64
	for i := from; i < to; i++ {
		src = append(src, value(i))
	}
	b := Builder{}
	v := b.Load(0)
	p := &Program{Operands: []Operand{{d, form}}, Code: b.Code, Results: []Result{{Kind: Store, V: v, DType: tensor.F64}}}
	out := make([]byte, 8*n)
	l := &Launch{Prog: p, First: first, N: n, Args: []Arg{{spanOf(bytesOf(d, src...)), period}}, Results: []Span{spanOf(out)}}
	if err := Run(l); err != nil {
		t.Fatal(err)
	}
	got := make([]float64, n)
	Widen64(got, out, tensor.F64)
	for i := range got {
		if want := value(index(first + int64(i))); got[i] != want {
			t.Fatalf("%v form %d period %d from %d: element %d is %v, want %v", d, form, period, first, i, got[i], want)
		}
	}
}

func TestCountsOfStores(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		d    tensor.DType
		x    []float64
		want [3]uint64
	}{
		{tensor.F16, []float64{1, 2, -65504}, [3]uint64{}},
		{tensor.F16, []float64{1, inf, nan}, [3]uint64{2, 0, 0}},
		{tensor.F16, []float64{1, 65520, -1e30}, [3]uint64{2, 2, 0}},
		{tensor.F16, []float64{0, 1e-30, 0x1p-24}, [3]uint64{0, 0, 1}},
		{tensor.F8_E4M3, []float64{465, inf}, [3]uint64{2, 1, 0}},
		{tensor.F8_E8M0, []float64{-1, 0, 1}, [3]uint64{1, 1, 0}},
		{tensor.I8, []float64{127.9, -128.9, -0.5}, [3]uint64{}},
		{tensor.I8, []float64{128, -129, nan, inf}, [3]uint64{0, 4, 0}},
		{tensor.U8, []float64{-0.9, 255.5}, [3]uint64{}},
		{tensor.U8, []float64{-1, 256}, [3]uint64{0, 2, 0}},
		{tensor.I64, []float64{0x1p63, -0x1p63}, [3]uint64{0, 1, 0}},
		{tensor.U64, []float64{0x1p64, 0x1p63}, [3]uint64{0, 1, 0}},
		{tensor.BOOL, []float64{-5, inf, 0.1}, [3]uint64{}},
		{tensor.BOOL, []float64{nan}, [3]uint64{0, 1, 0}},
	} {
		for _, comp := range []Compute{F32, F64} {
			b := Builder{Compute: comp}
			v := b.Load(0)
			p := &Program{Compute: comp, Operands: []Operand{{tensor.F64, Dense}}, Code: b.Code,
				Results: []Result{{Kind: OutCount, Of: 1}, {Kind: Store, V: v, DType: c.d}}}
			n := int64(len(c.x))
			count := make([]byte, 24)
			l := &Launch{Prog: p, N: n, Args: []Arg{{Span: spanOf(bytesOf(tensor.F64, c.x...))}},
				Results: []Span{spanOf(count), spanOf(make([]byte, n*c.d.Size()))}}
			if err := Run(l); err != nil {
				t.Fatal(err)
			}
			got := [3]uint64{le.Uint64(count), le.Uint64(count[8:]), le.Uint64(count[16:])}
			if got != c.want {
				t.Errorf("%v of %v: counts %v, want %v", c.d, c.x, got, c.want)
			}
		}
	}
}

func TestIntegerResultsAccumulate(t *testing.T) {
	b := Builder{}
	x := b.Load(0)
	m := b.Op2(OpLT, x, b.Num(0))
	p := &Program{Operands: []Operand{{tensor.F32, Dense}}, Code: b.Code, Results: []Result{
		{Kind: Count, V: m}, {Kind: Max, V: x}, {Kind: Hist, V: x, Shift: 23, Width: 8}, {Kind: InFlag}}}
	count, most, hist, flag := make([]byte, 8), make([]byte, 8), make([]byte, 8*256), make([]byte, 4)
	run := func(vals ...float64) {
		l := &Launch{Prog: p, N: int64(len(vals)), Args: []Arg{{Span: spanOf(bytesOf(tensor.F32, vals...))}},
			Prefixes: []uint64{0}, Results: []Span{spanOf(count), spanOf(most), spanOf(hist), spanOf(flag)}}
		if err := Run(l); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if FromOrderKey(le.Uint64(most)) != math.Inf(-1) {
		t.Error("a maximum over no element is not -Inf")
	}
	run(-1, 2, -3)
	if le.Uint32(flag) != 0 {
		t.Error("flag without a non-finite element")
	}
	run(1, -1.5, math.Inf(-1))
	if c, m := le.Uint64(count), FromOrderKey(le.Uint64(most)); c != 4 || m != 2 {
		t.Errorf("count %d, max %v", c, m)
	}
	if n := le.Uint64(hist[8*127:]); n != 3 {
		t.Errorf("%d magnitudes in [1, 2), want 3", n)
	}
	if n := le.Uint64(hist[8*255:]); n != 1 || le.Uint32(flag) != 1 {
		t.Errorf("%d infinite magnitudes, flag %d, want 1 and 1", n, le.Uint32(flag))
	}
	run(math.NaN())
	if m := FromOrderKey(le.Uint64(most)); m == m {
		t.Errorf("max with a NaN is %v", m)
	}
}

func TestHistogramsCountOnlyTheirPrefix(t *testing.T) {
	b := Builder{}
	x := b.Load(0)
	p := &Program{Operands: []Operand{{tensor.F32, Dense}}, Code: b.Code, Results: []Result{{Kind: Hist, V: x, Of: 1, Shift: 8, Width: 8}}}
	hist := make([]byte, 8*256)
	src := put(tensor.F32, 0x3f81_4200)
	src = append(src, put(tensor.F32, 0xbf81_42ff)...)
	src = append(src, put(tensor.F32, 0x3f82_4200)...)
	l := &Launch{Prog: p, N: 3, Args: []Arg{{Span: spanOf(src)}}, Prefixes: []uint64{9, 0x3f81}, Results: []Span{spanOf(hist)}}
	if err := Run(l); err != nil {
		t.Fatal(err)
	}
	if le.Uint64(hist[8*0x42:]) != 2 {
		t.Errorf("bin 0x42 has %d elements, want 2", le.Uint64(hist[8*0x42:]))
	}
}

// TestLaunchesThatDoNotFitAreRefused changes one thing of a good launch at a time.
func TestLaunchesThatDoNotFitAreRefused(t *testing.T) {
	b := Builder{}
	v := b.Op2(OpMul, b.Load(0), b.Op2(OpAdd, b.Load(1), b.Const(0)))
	p := &Program{Operands: []Operand{{tensor.F32, Dense}, {tensor.F32, Row}}, NumConsts: 1, Code: b.Code, Results: []Result{
		{Kind: Store, V: v, DType: tensor.F16}, {Kind: Sum, V: v, Group: ByCol}, {Kind: Hist, V: v, Width: 4}}}
	good := func() *Launch {
		return &Launch{Prog: p, N: 20, Cols: 5, Args: []Arg{{Span: spanOf(make([]byte, 80))}, {spanOf(make([]byte, 16)), 5}},
			Consts: []float64{1}, Prefixes: []uint64{0}, Results: []Span{spanOf(make([]byte, 40)), spanOf(make([]byte, 40)), spanOf(make([]byte, 128))}}
	}
	if err := Run(good()); err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(l *Launch){
		"elements":             func(l *Launch) { l.N = -1 },
		"overflow":             func(l *Launch) { l.First = math.MaxInt64 - 3 },
		"missing argument":     func(l *Launch) { l.Args = l.Args[:1] },
		"missing constant":     func(l *Launch) { l.Consts = nil },
		"missing result":       func(l *Launch) { l.Results = l.Results[:2] },
		"missing prefix":       func(l *Launch) { l.Prefixes = nil },
		"short operand":        func(l *Launch) { l.Args[0].Span.Len = 79 },
		"short row operand":    func(l *Launch) { l.Args[1].Span.Len = 15 },
		"no period":            func(l *Launch) { l.Args[1].Period = 0 },
		"short result":         func(l *Launch) { l.Results[0].Len = 39 },
		"short sums":           func(l *Launch) { l.Results[1].Len = 39 },
		"outside its memory":   func(l *Launch) { l.Results[0].Off = 1 },
		"before its memory":    func(l *Launch) { l.Args[0].Span.Off = -1 },
		"no memory":            func(l *Launch) { l.Args[0].Span.Mem = nil },
		"not in the host":      func(l *Launch) { l.Args[0].Span.Mem = &Mem{Handle: 1, Size: 80} },
		"no columns":           func(l *Launch) { l.Cols = 0 },
		"cut inside a row":     func(l *Launch) { l.N = 18 },
		"cut inside row group": func(l *Launch) { l.First = 5 },
	} {
		l := good()
		spoil(l)
		if err := Run(l); err == nil || !strings.HasPrefix(err.Error(), "kernels: ") {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

// TestAMachineKeepsNothingBetweenLaunches runs different Programs on one Machine and
// compares with fresh ones.
func TestAMachineKeepsNothingBetweenLaunches(t *testing.T) {
	m := new(Machine)
	for i := range 40 {
		b := Builder{Compute: Compute(i % 2)}
		v := b.Op3(OpFMA, b.Load(0), b.Const(0), b.Num(float64(i)))
		for range i {
			v = b.Op2(OpSub, v, b.Op1(OpAbs, v))
		}
		p := &Program{Compute: b.Compute, Operands: []Operand{{tensor.F32, Dense}}, NumConsts: 1, Code: b.Code,
			Results: []Result{{Kind: Store, V: v, DType: tensor.F64}, {Kind: Sum, V: v}}}
		src := bytesOf(tensor.F32, 1, 2, 3, -4, 5)
		var got [2][]byte
		for k, run := range []func(*Launch) error{m.Run, Run} {
			got[k] = make([]byte, 48)
			l := &Launch{Prog: p, N: 5, Args: []Arg{{Span: spanOf(src)}}, Consts: []float64{0.1},
				Results: []Span{spanOf(got[k][:40]), spanOf(got[k][40:])}}
			if err := run(l); err != nil {
				t.Fatal(err)
			}
		}
		if string(got[0]) != string(got[1]) {
			t.Fatalf("program %d: a used Machine gives other bits", i)
		}
	}
}
