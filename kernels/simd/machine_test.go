//go:build amd64

package simd

import (
	"bytes"
	"sync"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// lerpProgram interpolates two operands of type d, with all flags.
func lerpProgram(d tensor.DType) *kernels.Program {
	b := &kernels.Builder{}
	if d == tensor.F64 {
		b.Compute = kernels.F64
	}
	x, y := b.Load(0), b.Load(1)
	v := b.Op3(kernels.OpFMA, b.Const(0), b.Op2(kernels.OpSub, y, x), x)
	return &kernels.Program{Compute: b.Compute, NumConsts: 1, Operands: []kernels.Operand{{DType: d}, {DType: d}}, Code: b.Code,
		Results: []kernels.Result{{Kind: kernels.Store, V: v, DType: d}, {Kind: kernels.OutCount}, {Kind: kernels.InFlag}, {Kind: kernels.InFlag, Of: 1}}}
}

func compileOrFail(t testing.TB, p *kernels.Program) *Code {
	t.Helper()
	c, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Native() {
		t.Fatalf("runs in portable Go:\n%v", p)
	}
	return c
}

// All four forms of an interpolation, with the weight as constant and as operand.
func TestInterpolationsInAllForms(t *testing.T) {
	needSIMD(t)
	m := NewMachine()
	for _, compute := range []kernels.Compute{kernels.F32, kernels.F64} {
		for _, d := range common {
			for form := range 16 {
				b := &kernels.Builder{Compute: compute}
				x, y, w := b.Load(0), b.Load(1), b.Const(0)
				if form&1 != 0 {
					w = b.Load(2)
				}
				if form&2 != 0 { // x comes from an operation
					x = b.Op2(kernels.OpAdd, x, b.Num(1))
				}
				base := x
				if form&4 != 0 {
					base = y
				}
				v := b.Op2(kernels.OpSub, y, x)
				if form&8 != 0 {
					v = b.Op3(kernels.OpFMA, v, w, base)
				} else {
					v = b.Op3(kernels.OpFMA, w, v, base)
				}
				p := &kernels.Program{Compute: compute, NumConsts: 1, Operands: []kernels.Operand{{DType: d}, {DType: d}, {DType: d, Form: kernels.Row}}, Code: b.Code,
					Results: []kernels.Result{{Kind: kernels.Store, V: v, DType: d}}}
				compileOrFail(t, p)
				agree(t, m, launchOf(newRand(uint64(form)), p, 5, 200, 1, 60, true))
			}
		}
	}
}

func TestCutsChangeNoBit(t *testing.T) {
	needSIMD(t)
	r := newRand(3)
	for _, d := range common {
		p := lerpProgram(d)
		c, m := compileOrFail(t, p), NewMachine()
		whole := launchOf(r, p, 0, 100000, 1, 1, true)
		cut := twin(whole)
		if err := m.Run(c, whole); err != nil {
			t.Fatal(err)
		}
		for at := int64(0); at < whole.N; {
			n := min(int64(r.IntN(3000)), whole.N-at)
			part := *cut
			part.First, part.N = at, n
			part.Args, part.Results = nil, nil
			for _, a := range cut.Args {
				part.Args = append(part.Args, kernels.Arg{Span: a.Span.Slice(at*d.Size(), n*d.Size())})
			}
			part.Results = append(part.Results, cut.Results[0].Slice(at*d.Size(), n*d.Size()))
			part.Results = append(part.Results, cut.Results[1:]...)
			if err := m.Run(c, &part); err != nil {
				t.Fatal(err)
			}
			at += n
		}
		for i := range whole.Results {
			if !bytes.Equal(whole.Results[i].Mem.Host, cut.Results[i].Mem.Host) {
				t.Errorf("%v: result %d depends on the cuts", d, i)
			}
		}
	}
}

// Streaming stores are used for memory that was not written lately, whatever its address,
// and write what plain stores do.
func TestStreamedStoresGiveTheSameBits(t *testing.T) {
	needSIMD(t)
	const n = 40000
	for _, d := range common {
		p := lerpProgram(d)
		c := compileOrFail(t, p)
		for _, shift := range []int64{0, 1, 2, 4, 8, 16, 24, 31, 32, 34} {
			l := launchOf(newRand(9), p, 0, n, 1, 1, shift%2 == 0)
			mem := bytes.Repeat([]byte{0xa5}, n*8+256)
			l.Results[0] = kernels.Span{Mem: kernels.HostMem(mem), Off: 64 + shift, Len: n * d.Size()}
			agree(t, NewMachine(), l)
			m := NewMachine()
			if err := m.Run(c, l); err != nil {
				t.Fatal(err)
			}
			first := m.streams
			if err := m.Run(c, l); err != nil {
				t.Fatal(err)
			}
			if m.streams {
				t.Fatalf("%v: memory that was just written is streamed", d)
			}
			if aligned := (int64(address(l.Results[0]))%streamAlign)%d.Size() == 0; first != aligned {
				t.Fatalf("%v at shift %d: streamed: %v, want %v", d, shift, first, aligned)
			}
		}
	}
}

func TestColdMemoryIsToldFromBuffers(t *testing.T) {
	m := NewMachine()
	const unit = 512 << 10
	for u := range uintptr(32) { // a result that goes on and on
		if !m.cold(1<<30+u*unit, 1<<30+(u+1)*unit) {
			t.Fatalf("unit %d of a long result counts as a buffer", u)
		}
	}
	if !m.cold(1<<30, 1<<30+unit) {
		t.Error("memory 16 MiB back counts as a buffer")
	}
	m = NewMachine()
	for u := range 8 { // a worker's buffer, filled in four launches a unit
		for k := range uintptr(4) {
			if cold := m.cold(1<<20+k*unit/4, 1<<20+(k+1)*unit/4); cold != (u == 0) {
				t.Fatalf("unit %d, part %d of a buffer: cold is %v", u, k, cold)
			}
		}
	}
}

func TestAWarmMachineAllocatesNothing(t *testing.T) {
	needSIMD(t)
	m := NewMachine()
	for seed := range uint64(60) {
		r := newRand(seed)
		p := randomProgram(r, kernels.Whole)
		l := launchOf(r, p, 0, 5000, 1, 70, false)
		c, err := Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		run := func() {
			if err := m.Run(c, l); err != nil {
				t.Fatal(err)
			}
		}
		run()
		if a := testing.AllocsPerRun(5, run); a != 0 {
			t.Fatalf("%v allocations a launch:\n%v", a, p)
		}
	}
}

func TestCodeIsSharedByMachines(t *testing.T) {
	needSIMD(t)
	p := lerpProgram(tensor.BF16)
	c := compileOrFail(t, p)
	l := launchOf(newRand(1), p, 0, 30000, 1, 1, true)
	want := twin(l)
	if err := kernels.Run(want); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			m := NewMachine()
			for range 20 {
				mine := twin(l)
				if err := m.Run(c, mine); err != nil {
					t.Error(err)
				}
				if !bytes.Equal(mine.Results[0].Mem.Host, want.Results[0].Mem.Host) {
					t.Error("a Machine beside others gives other bytes")
				}
			}
		})
	}
	wg.Wait()
}

func TestLaunchesThatDoNotFitAreRefused(t *testing.T) {
	needSIMD(t)
	p := lerpProgram(tensor.F16)
	c := compileOrFail(t, p)
	for name, spoil := range map[string]func(l *kernels.Launch){
		"another program":  func(l *kernels.Launch) { l.Prog = lerpProgram(tensor.F16) },
		"missing argument": func(l *kernels.Launch) { l.Args = l.Args[:1] },
		"missing constant": func(l *kernels.Launch) { l.Consts = nil },
		"short operand":    func(l *kernels.Launch) { l.Args[1].Span.Len-- },
		"short result":     func(l *kernels.Launch) { l.Results[0].Len-- },
		"negative length":  func(l *kernels.Launch) { l.N = -1 },
		"no host memory":   func(l *kernels.Launch) { l.Args[0].Span.Mem = &kernels.Mem{Handle: 4096, Size: 1 << 20} },
		"result elsewhere": func(l *kernels.Launch) { l.Results[0].Mem = &kernels.Mem{Handle: 4096, Size: 1 << 20} },
	} {
		l := launchOf(newRand(1), p, 0, 100, 1, 1, false)
		spoil(l)
		before := bytes.Clone(l.Results[0].Mem.Host)
		if err := NewMachine().Run(c, l); err == nil {
			t.Errorf("%s: no error", name)
		}
		if !bytes.Equal(before, l.Results[0].Mem.Host) {
			t.Errorf("%s: the result was written", name)
		}
	}
}

// A Program at the limits: every operand is expanded, most of the values that may be alive at
// once go to scratch, and all results are sums.
func TestTheLargestProgramKeepsItsPromises(t *testing.T) {
	needSIMD(t)
	b := &kernels.Builder{Compute: kernels.F64}
	p := &kernels.Program{Compute: b.Compute}
	var vals []kernels.Val
	for i := range kernels.MaxOperands {
		p.Operands = append(p.Operands, kernels.Operand{DType: tensor.U8})
		v := b.Load(i)
		if i > 0 {
			v = b.Op3(kernels.OpFMA, v, b.Num(0.5), vals[i-1])
		}
		vals = append(vals, v)
	}
	vals = vals[4:]
	for i := range kernels.MaxResults {
		p.Results = append(p.Results, kernels.Result{Kind: kernels.Sum, V: vals[i%len(vals)], W: vals[i/2%len(vals)], Product: true})
	}
	p.Code = b.Code
	compileOrFail(t, p)
	agree(t, NewMachine(), launchOf(newRand(1), p, 0, 5000, 1, 1, false))
}
