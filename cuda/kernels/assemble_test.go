package ptx

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device/exam"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// programs calls f with random Programs.
func programs(t *testing.T, f func(p *kernels.Program)) {
	t.Helper()
	for seed := range uint64(300) {
		f(exam.Program(rand.New(rand.NewPCG(seed, 1))))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestNoRegisterIsTakenBeforeTheLastUseOfItsValue(t *testing.T) {
	programs(t, func(p *kernels.Program) {
		c := &Code{compute: p.Compute, operands: len(p.Operands), results: len(p.Results)}
		for _, w := range split(p) {
			a := &assembler{prog: p, code: c, work: w}
			a.emit()
			a.allocate()
			holds := map[int]kernels.Val{} // by register
			for _, in := range a.instrs {
				for _, v := range in.args {
					if got, ok := holds[a.reg[v]]; !a.constant(v) && (!ok || got != v) {
						t.Errorf("register %d holds v%d where v%d is needed\n%v", a.reg[v], got, v, p)
					}
				}
				if in.dst >= 0 {
					holds[a.reg[in.dst]] = kernels.Val(in.dst)
				}
			}
			if a.regs > kernels.MaxLive {
				t.Errorf("%d registers", a.regs)
			}
		}
	})
}

func TestEveryResultIsMadeOnce(t *testing.T) {
	programs(t, func(p *kernels.Program) {
		made := make([]int, len(p.Results))
		for i, w := range split(p) {
			for _, r := range slices.Concat(w.free, w.sums, w.tallies) {
				made[r]++
			}
			for _, r := range w.sums {
				if walkOf(p.Results[r].Group) != w.walk {
					t.Errorf("pass %d sums result %d on the wrong walk", i, r)
				}
			}
		}
		for r, n := range made {
			if n != 1 {
				t.Errorf("result %d is made %d times", r, n)
			}
		}
	})
}

func TestPassesFitTheSharedMemoryOfEveryGPU(t *testing.T) {
	programs(t, func(p *kernels.Program) {
		c, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, pass := range c.Passes {
			switch {
			case pass.Shared > MaxShared || pass.Shared%8 != 0:
				t.Errorf("%d bytes of shared memory", pass.Shared)
			case pass.Threads&(pass.Threads-1) != 0 || pass.lanes%kernels.Lanes != 0:
				t.Errorf("%d threads with %d lanes", pass.Threads, pass.lanes)
			case pass.Offset%16 != 0 || pass.Offset >= len(c.Image):
				t.Errorf("code at %d of %d", pass.Offset, len(c.Image))
			}
		}
	})
}

func TestTheLastShapeTakesTheLargestPass(t *testing.T) {
	w := work{walk: walkRanges, sums: make([]int, maxSums), tallies: make([]int, maxTallies)}
	for _, walk := range []int{walkFlat, walkRanges, walkRows, walkColumns} {
		w.walk = walk
		if p, _ := w.fit(kernels.F64, kernels.MaxLive); p.Shared > MaxShared {
			t.Errorf("walk %d: %d bytes of shared memory", walk, p.Shared)
		}
	}
}

func TestStoresComeWithTheirValues(t *testing.T) {
	// 60 loads, each stored at once: one register suffices.
	b := &kernels.Builder{}
	p := &kernels.Program{}
	for i := range 60 {
		p.Operands = append(p.Operands, kernels.Operand{DType: tensor.F16})
		p.Results = append(p.Results, kernels.Result{Kind: kernels.Store, V: b.Load(i), DType: tensor.F32})
	}
	p.Code = b.Code
	c, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if want := 1024 * 4; c.Passes[0].Shared != want || len(c.Passes) != 1 {
		t.Errorf("%d bytes of shared memory in %d passes, want %d in 1", c.Passes[0].Shared, len(c.Passes), want)
	}
}

func TestEncodeRefusesAProgramThatIsNotValid(t *testing.T) {
	if _, err := Encode(&kernels.Program{Results: []kernels.Result{{Kind: kernels.Store}}}); err == nil {
		t.Error("no error")
	}
}

func TestARowHoldsWhatTheCodeReads(t *testing.T) {
	b := &kernels.Builder{}
	x := b.Load(0)
	y := b.Op2(kernels.OpMul, x, b.Const(2))
	p := &kernels.Program{NumConsts: 3, Operands: []kernels.Operand{{DType: tensor.F16, Form: kernels.Row}}, Code: b.Code, Results: []kernels.Result{
		{Kind: kernels.Store, V: y, DType: tensor.F16}, {Kind: kernels.Hist, V: y, Of: 1, Shift: 24, Width: 8}}}
	c, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	m := &kernels.Mem{Handle: 1 << 40, Size: 1 << 20}
	l := &kernels.Launch{Prog: p, First: 7, N: 5, Cols: 3, Consts: []float64{0, 0, 0.1}, Prefixes: []uint64{8, 9},
		Args:    []kernels.Arg{{Span: kernels.Span{Mem: m, Off: 64}, Period: 11}},
		Results: []kernels.Span{{Mem: m, Off: 128}, {Mem: m, Off: 256}}}
	row := c.AppendRow(nil, l)
	want := []uint64{7, 5, 3, 1<<40 + 64, 11, 1<<40 + 128, 1<<40 + 256, 9, uint64(math.Float32bits(0.1))}
	var got []uint64
	for ; len(row) >= 8; row = row[8:] {
		got = append(got, le.Uint64(row))
	}
	slices.Sort(got[7:]) // constants and prefixes in the order of their use
	slices.Sort(want[7:])
	if !slices.Equal(got, want) || c.RowBytes() != 8*len(want) {
		t.Errorf("row %x of %d bytes, want %x", got, c.RowBytes(), want)
	}
}

func TestTilesOfAPass(t *testing.T) {
	for _, c := range []struct {
		walk, lanes   int
		n, cols, want int64
	}{
		{walkFlat, 1024, 0, 0, 0}, {walkFlat, 1024, 1, 0, 1}, {walkFlat, 64, 4097, 0, 2},
		{walkRanges, 1024, 65536, 0, 1}, {walkRanges, 1024, 65537, 0, 2},
		{walkRows, 1024, 17 * 9, 9, 2}, {walkRows, 64, 17 * 9, 9, 17}, {walkRows, 1024, 3 * 4097, 4097, 3},
		{walkColumns, 256, 257 * 65, 65, 1}, {walkColumns, 64, 257 * 65, 65, 4}, {walkColumns, 64, 0, 0, 0},
	} {
		p := Pass{walk: c.walk, lanes: c.lanes}
		if got := p.Tiles(&kernels.Launch{N: c.n, Cols: c.cols}); got != c.want {
			t.Errorf("walk %d with %d lanes over %d elements in rows of %d: %d tiles, want %d", c.walk, c.lanes, c.n, c.cols, got, c.want)
		}
	}
}
