//go:build amd64

package simd

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// computable lists the element types of operands and results.
func computable() (all []tensor.DType) {
	for _, d := range tensor.DTypes() {
		if d.Computable() {
			all = append(all, d)
		}
	}
	return all
}

// pick returns a random element.
func pick[E any](r *rand.Rand, x []E) E { return x[r.IntN(len(x))] }

// common is what the handlers take directly; chosen more often than the rest.
var common = []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F64}

func anyDType(r *rand.Rand) tensor.DType {
	if r.IntN(4) > 0 {
		return pick(r, common)
	}
	return pick(r, computable())
}

// randomProgram makes a valid Program. Bits of a NaN are not specified, so operations on
// bits get values without NaN.
func randomProgram(r *rand.Rand, group kernels.Group) *kernels.Program {
	b := &kernels.Builder{Compute: kernels.Compute(r.IntN(2))}
	p := &kernels.Program{Compute: b.Compute, NumConsts: 1 + r.IntN(3)}
	var nums, masks []kernels.Val
	one, plain := pick(r, common), r.IntN(4) == 0 // plain: dense operands and stores of one type
	for i := range 1 + r.IntN(4) {
		p.Operands = append(p.Operands, kernels.Operand{DType: anyDType(r), Form: pick(r, []kernels.Form{0, 0, 0, 1, 2, 3})})
		if plain {
			p.Operands[i] = kernels.Operand{DType: one}
		}
		nums = append(nums, b.Load(i))
	}
	nums = append(nums, b.Const(r.IntN(p.NumConsts)), b.Num(r.NormFloat64()))
	ops := kernels.Ops()
	for range r.IntN(25) {
		in := kernels.Instr{Op: pick(r, ops)}
		ok := true
		for k, v := range []*kernels.Val{&in.A, &in.B, &in.C}[:in.Op.Arity()] {
			switch from := nums; {
			case in.Op.TakesMask(k) && len(masks) == 0:
				ok = false
			case in.Op.TakesMask(k):
				*v = pick(r, masks)
			default:
				*v = pick(r, from[max(0, len(from)-6):])
				if bitwise(in.Op) {
					*v = b.Op1(kernels.OpNaNToNum, *v)
				}
			}
		}
		switch in.Op {
		case kernels.OpShl, kernels.OpShr:
			in.Imm = uint64(r.IntN(32))
		case kernels.OpRound:
			in.DType = anyDType(r)
		}
		if !ok || in.Op.Arity() == 0 {
			continue
		}
		if v := b.Emit(in); in.Op.GivesMask() {
			masks = append(masks, v)
		} else {
			nums = append(nums, v)
		}
	}
	p.Code = b.Code
	randomResults(r, p, nums, masks, group)
	if plain {
		plainResults(p, one)
	}
	return p
}

// plainResults keeps the stores, as type d, and all flags and counts.
func plainResults(p *kernels.Program, d tensor.DType) {
	var kept []kernels.Result
	for _, x := range p.Results {
		if x.Kind == kernels.Store {
			x.DType = d
			kept = append(kept, x, kernels.Result{Kind: kernels.OutCount, Of: len(kept)})
		}
	}
	for i := range p.Operands {
		kept = append(kept, kernels.Result{Kind: kernels.InFlag, Of: i})
	}
	p.Results = kept
}

func bitwise(op kernels.Op) bool {
	switch op {
	case kernels.OpAndB, kernels.OpOrB, kernels.OpXorB, kernels.OpIAdd, kernels.OpISub, kernels.OpShl, kernels.OpShr, kernels.OpNeg, kernels.OpAbs:
		return true
	}
	return false
}

func randomResults(r *rand.Rand, p *kernels.Program, nums, masks []kernels.Val, group kernels.Group) {
	add := func(x kernels.Result) int {
		p.Results = append(p.Results, x)
		return len(p.Results) - 1
	}
	for range 1 + r.IntN(2) {
		s := add(kernels.Result{Kind: kernels.Store, V: pick(r, nums[max(0, len(nums)-4):]), DType: anyDType(r)})
		for range r.IntN(3) { // two are allowed
			add(kernels.Result{Kind: kernels.OutCount, Of: s})
		}
	}
	for i := range p.Operands {
		if r.IntN(2) == 0 {
			add(kernels.Result{Kind: kernels.InFlag, Of: i})
		}
	}
	for range r.IntN(4) {
		x := kernels.Result{Kind: kernels.Sum, V: pick(r, nums), W: pick(r, nums), Group: group, Product: r.IntN(2) == 0}
		add(x)
	}
	if r.IntN(4) == 0 {
		add(kernels.Result{Kind: kernels.Max, V: pick(r, nums)})
	}
	if r.IntN(4) == 0 {
		add(kernels.Result{Kind: kernels.Hist, V: pick(r, nums), Shift: 21, Width: 11})
	}
	if r.IntN(2) == 0 && len(masks) > 0 {
		add(kernels.Result{Kind: kernels.Count, V: pick(r, masks)})
	}
}

// encode stores x as an element of type d.
func encode(d tensor.DType, x float64) []byte {
	b := make([]byte, d.Size())
	kernels.Narrow64(b, []float64{x}, d)
	return b
}

// elements makes n stored elements: numbers, among them special ones if asked for.
func elements(r *rand.Rand, d tensor.DType, n int64, special bool) []byte {
	out := make([]byte, 0, n*d.Size())
	for range n {
		x := r.NormFloat64()
		if special {
			switch r.IntN(40) {
			case 0:
				x = math.NaN()
			case 1:
				x = math.Inf(1 - 2*r.IntN(2))
			case 2:
				x = 0
			case 3:
				x = math.Copysign(0, -1)
			case 4:
				x = math.Ldexp(x, r.IntN(80)-40)
			case 5:
				x = math.Ldexp(x, r.IntN(600)-300)
			}
		}
		out = append(out, encode(d, x)...)
	}
	return out
}

// guard surrounds memory of results, to find writes outside of it.
const guard = 96

// launchOf makes a launch of p over n elements from first, with sources at odd addresses.
func launchOf(r *rand.Rand, p *kernels.Program, first, n, cols, period int64, special bool) *kernels.Launch {
	l := &kernels.Launch{Prog: p, First: first, N: n, Cols: cols, Prefixes: []uint64{0}}
	for range p.NumConsts {
		l.Consts = append(l.Consts, r.NormFloat64())
	}
	for _, o := range p.Operands {
		a := kernels.Arg{Period: period}
		count := n
		switch o.Form {
		case kernels.Row:
			count = 0
			if n > 0 {
				count = (first+n-1)/period - first/period + 1
			}
		case kernels.Col:
			count = period
		case kernels.Scalar:
			count = 1
		}
		off := int64(r.IntN(8))
		mem := append(make([]byte, off), elements(r, o.DType, count, special)...)
		a.Span = kernels.Span{Mem: kernels.HostMem(mem), Off: off, Len: int64(len(mem)) - off}
		l.Args = append(l.Args, a)
	}
	l.Results = resultsOf(r, p, n, cols)
	return l
}

// resultsOf makes memory for results, filled with a pattern around zeros.
func resultsOf(r *rand.Rand, p *kernels.Program, n, cols int64) (spans []kernels.Span) {
	for i := range p.Results {
		size := kernels.ResultBytes(&p.Results[i], n, cols)
		off := int64(guard)
		if p.Results[i].Kind == kernels.Store {
			off += int64(r.IntN(8))
		}
		mem := bytes.Repeat([]byte{0xa5}, int(off+size+guard))
		clear(mem[off : off+size])
		spans = append(spans, kernels.Span{Mem: kernels.HostMem(mem), Off: off, Len: size})
	}
	return spans
}

// twin is the same launch with memory of its own for results.
func twin(l *kernels.Launch) *kernels.Launch {
	t := *l
	t.Results = nil
	for _, s := range l.Results {
		t.Results = append(t.Results, kernels.Span{Mem: kernels.HostMem(bytes.Clone(s.Mem.Host)), Off: s.Off, Len: s.Len})
	}
	return &t
}

// agree runs a launch on both, with and without the features of this processor, and compares all
// memory, guards included.
func agree(t *testing.T, m *Machine, l *kernels.Launch) {
	t.Helper()
	want := twin(l)
	if err := kernels.Run(want); err != nil {
		t.Fatal(err)
	}
	plain, full := compileFor(t, l.Prog, features{}), compileFor(t, l.Prog, available())
	if len(full.walks) > 0 || !slices.Equal(full.values.words, plain.values.words) {
		agreeWith(t, m, full, twin(l), want)
	}
	agreeWith(t, m, plain, l, want)
}

func compileFor(t *testing.T, p *kernels.Program, f features) *Code {
	t.Helper()
	c, err := compile(p, f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func agreeWith(t *testing.T, m *Machine, c *Code, l, want *kernels.Launch) {
	t.Helper()
	if !c.Native() && !roundsToF8(l.Prog) {
		t.Fatalf("runs in portable Go:\n%v", l.Prog)
	}
	if c.mem.size > ScratchBytes {
		t.Fatalf("%d bytes of scratch, at most %d are promised:\n%v", c.mem.size, ScratchBytes, l.Prog)
	}
	if err := m.Run(c, l); err != nil {
		t.Fatal(err)
	}
	for i := range l.Results {
		if g, w := l.Results[i].Mem.Host, want.Results[i].Mem.Host; !bytes.Equal(g, w) {
			at := 0
			for g[at] == w[at] {
				at++
			}
			t.Fatalf("%v\n%+v, first %d, n %d, cols %d, period %v: result %d differs at byte %d of [%d, %d): %x, want %x", l.Prog, c.features, l.First, l.N, l.Cols, periods(l),
				i, at, l.Results[i].Off, l.Results[i].Off+l.Results[i].Len, clip(g, at), clip(w, at))
		}
	}
}

// roundsToF8 reports whether p rounds to an 8-bit float in between, which has no handler.
func roundsToF8(p *kernels.Program) bool {
	for _, in := range p.Code {
		if in.Op == kernels.OpRound && in.DType.IsFloat() && in.DType.Size() == 1 {
			return true
		}
	}
	return false
}

func periods(l *kernels.Launch) (p []int64) {
	for _, a := range l.Args {
		p = append(p, a.Period)
	}
	return p
}

func clip(b []byte, at int) []byte { return b[at&^7 : min(len(b), at&^7+16)] }

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

func needSIMD(t testing.TB) {
	t.Helper()
	if !Available() {
		t.Skip("no AVX2, FMA and F16C on this processor")
	}
}

// randomLaunch makes a launch of a random Program, of a random size and position.
func randomLaunch(seed uint64) *kernels.Launch {
	r := newRand(seed)
	group := kernels.Group(r.IntN(3))
	p := randomProgram(r, group)
	n, first, cols := pick(r, []int64{0, 1, 2, 31, 32, 63, 64, 65, 127, 128, 300, 4095, 4096, 4097, 9000}), int64(r.IntN(200)), int64(1)
	period := pick(r, []int64{1, 2, 3, 7, 64, 100, 320, 5000, 100000})
	switch group {
	case kernels.Whole:
		first = int64(r.IntN(2)) * kernels.BlockElems
	case kernels.ByRow:
		cols = pick(r, []int64{1, 3, 9, 64, 65, 255, 256, 257, 300, 4096, 5000})
		n = cols * (n / cols)
		first = cols * int64(r.IntN(3))
	case kernels.ByCol:
		cols = pick(r, []int64{1, 3, 9, 64, 65, 300})
		n = cols * (n / cols)
		first = cols * kernels.GroupRows * int64(r.IntN(3))
	}
	return launchOf(r, p, first, n, cols, period, r.IntN(2) == 0)
}

func FuzzProgramsGiveTheBitsOfTheDefinition(f *testing.F) {
	needSIMD(f)
	f.Add(uint64(1 << 40))
	f.Fuzz(func(t *testing.T, seed uint64) { agree(t, NewMachine(), randomLaunch(seed)) })
}

func TestRandomProgramsGiveTheBitsOfTheDefinition(t *testing.T) {
	needSIMD(t)
	m := NewMachine()
	for seed := range uint64(1500) {
		agree(t, m, randomLaunch(seed))
	}
}

func TestLongSums(t *testing.T) {
	needSIMD(t)
	m := NewMachine()
	for seed := range uint64(12) {
		r := newRand(1000 + seed)
		group, n, cols := kernels.Group(seed%2), int64(3*kernels.BlockElems+4321), int64(1)
		if group == kernels.ByRow {
			cols = pick(r, []int64{70001, 131072, 40000})
			n = 2 * cols
		}
		b := &kernels.Builder{Compute: kernels.Compute(seed / 2 % 2)}
		x, y := b.Load(0), b.Load(1)
		p := &kernels.Program{Compute: b.Compute, Operands: []kernels.Operand{{DType: pick(r, common)}, {DType: pick(r, common)}}, Code: b.Code,
			Results: []kernels.Result{{Kind: kernels.Sum, V: x, Group: group}, {Kind: kernels.Sum, V: x, W: y, Product: true, Group: group}, {Kind: kernels.Sum, V: y, W: y, Product: true, Group: group}}}
		agree(t, m, launchOf(r, p, 0, n, cols, 1, false))
	}
}
