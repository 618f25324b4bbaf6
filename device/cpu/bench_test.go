package cpu_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// workload is a Program as the planner makes them, with all default checks.
type workload struct {
	name string
	prog *kernels.Program
}

// checked makes a Program over n dense operands of type d from a formula, with a store of
// the same type and all flags.
func checked(d tensor.DType, n int, formula func(b *kernels.Builder) kernels.Val) *kernels.Program {
	b := &kernels.Builder{}
	if d == tensor.F64 {
		b.Compute = kernels.F64
	}
	p := &kernels.Program{Compute: b.Compute, NumConsts: 2}
	out := formula(b)
	p.Code = b.Code
	p.Results = []kernels.Result{{Kind: kernels.Store, V: out, DType: d}, {Kind: kernels.OutCount}}
	addOperands(p, d, n)
	return p
}

func addOperands(p *kernels.Program, d tensor.DType, n int) {
	for i := range n {
		p.Operands = append(p.Operands, kernels.Operand{DType: d})
		p.Results = append(p.Results, kernels.Result{Kind: kernels.InFlag, Of: i})
	}
}

func lerp(b *kernels.Builder, x, y, t kernels.Val) kernels.Val {
	return b.Op3(kernels.OpFMA, t, b.Op2(kernels.OpSub, y, x), x)
}

// byRow interpolates with a weight of its own for every row.
func byRow(d tensor.DType) *kernels.Program {
	p := checked(d, 2, func(b *kernels.Builder) kernels.Val { return lerp(b, b.Load(0), b.Load(1), b.Load(2)) })
	p.Operands = append(p.Operands, kernels.Operand{DType: tensor.F32, Form: kernels.Row})
	return p
}

// rowElems is the length of rows in benchmarks.
const rowElems = 1280

// slerpSums is the first phase of slerp: three sums of products.
func slerpSums(d tensor.DType) *kernels.Program {
	b := &kernels.Builder{}
	x, y := b.Load(0), b.Load(1)
	p := &kernels.Program{Code: b.Code, Results: []kernels.Result{
		{Kind: kernels.Sum, Product: true, V: x, W: x}, {Kind: kernels.Sum, Product: true, V: x, W: y}, {Kind: kernels.Sum, Product: true, V: y, W: y}}}
	addOperands(p, d, 2)
	return p
}

func workloads() (all []workload) {
	add := func(name string, p *kernels.Program) { all = append(all, workload{name, p}) }
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F64} {
		add("lerp/"+d.String(), checked(d, 2, func(b *kernels.Builder) kernels.Val { return lerp(b, b.Load(0), b.Load(1), b.Const(0)) }))
	}
	add("lerp_by_row/F16", byRow(tensor.F16))
	wide := checked(tensor.F64, 2, func(b *kernels.Builder) kernels.Val { return lerp(b, b.Load(0), b.Load(1), b.Const(0)) })
	wide.Operands[0].DType, wide.Operands[1].DType, wide.Results[0].DType = tensor.F16, tensor.F16, tensor.F16
	add("lerp_in_F64/F16", wide)
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32} {
		add("add_difference/"+d.String(), checked(d, 3, func(b *kernels.Builder) kernels.Val {
			return b.Op2(kernels.OpAdd, b.Load(0), b.Op2(kernels.OpMul, b.Const(0), b.Op2(kernels.OpSub, b.Load(1), b.Load(2))))
		}))
		add("average10/"+d.String(), checked(d, 10, func(b *kernels.Builder) kernels.Val {
			r := b.Load(0)
			for i := 1; i < 10; i++ {
				r = lerp(b, r, b.Load(i), b.Num(1/float64(i+1)))
			}
			return r
		}))
		add("slerp_sums/"+d.String(), slerpSums(d))
		add("slerp_mix/"+d.String(), checked(d, 2, func(b *kernels.Builder) kernels.Val {
			return b.Op3(kernels.OpFMA, b.Const(1), b.Load(1), b.Op2(kernels.OpMul, b.Const(0), b.Load(0)))
		}))
	}
	return all
}

// tensors is memory for the operands and results of a Program over n elements.
type tensors struct {
	launch kernels.Launch
	n      int64
	bytes  int64 // read and written
}

func newTensors(b *testing.B, q device.Queue, p *kernels.Program, n int64) *tensors {
	t := &tensors{n: n, launch: kernels.Launch{Prog: p, Consts: []float64{0.3, 0.7}}}
	shift := int64(0)
	alloc := func(size int64, d tensor.DType) kernels.Span {
		// Tensors do not all start at the same place of a page, where they would compete for
		// the same sets of the cache.
		shift += 1088
		m, err := q.Alloc(size + shift)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = q.Free(m) })
		fillWeights(m.Host[shift:], d, uint64(shift))
		return kernels.Span{Mem: m, Off: shift, Len: size}
	}
	for _, o := range p.Operands {
		t.launch.Args = append(t.launch.Args, kernels.Arg{Span: alloc(n*o.DType.Size(), o.DType), Period: rowElems})
		if o.Form == kernels.Dense {
			t.bytes += n * o.DType.Size()
		}
	}
	for i := range p.Results {
		size := kernels.ResultBytes(&p.Results[i], n, 1)
		t.launch.Results = append(t.launch.Results, alloc(size, tensor.F32))
		if p.Results[i].Kind == kernels.Store {
			t.bytes += size
		}
	}
	return t
}

// fillWeights fills b with numbers that look like weights: normal, deviation 0.02. They repeat
// after a prime number of elements.
func fillWeights(b []byte, d tensor.DType, seed uint64) {
	x := make([]float32, min(99991, int64(len(b))/d.Size()+1))
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range x {
		x[i] = float32(r.NormFloat64() * 0.02)
	}
	raw := make([]byte, int64(len(x))*d.Size())
	kernels.Narrow(raw, x, d)
	for n := copy(b, raw[d.Size()*int64(r.IntN(len(x))):]); n < len(b); {
		n += copy(b[n:], raw)
	}
}

// run launches everything in units and notes how long each took.
func (t *tensors) run(q device.Queue, unit int64, times *[]time.Duration) error {
	l := t.launch
	l.Args = make([]kernels.Arg, len(t.launch.Args))
	l.Results = make([]kernels.Span, len(t.launch.Results))
	for at := int64(0); at < t.n; at += unit {
		l.First, l.N = at, min(unit, t.n-at)
		for i, a := range t.launch.Args {
			o := &l.Prog.Operands[i]
			first, size := at, o.DType.Size()
			if o.Form == kernels.Row {
				first = at / rowElems
			}
			l.Args[i] = kernels.Arg{Span: a.Span.Slice(first*size, l.N*size), Period: a.Period}
		}
		for i, s := range t.launch.Results {
			switch r := &l.Prog.Results[i]; r.Kind {
			case kernels.Store:
				s = s.Slice(at*r.DType.Size(), l.N*r.DType.Size())
			case kernels.Sum:
				s = s.Slice(at/kernels.BlockElems*8, kernels.ResultBytes(r, l.N, 1))
			}
			l.Results[i] = s
		}
		start := time.Now()
		if err := q.Launch(&l); err != nil {
			return err
		}
		*times = append(*times, time.Since(start))
	}
	return nil
}

// quick returns the time of one piece of work on an idle machine: a low percentile, since
// other work only ever slows things down.
func quick(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/20]
}

// BenchmarkMemory compares work in memory with copy of as many bytes, read and written,
// from DRAM. The metric "xcopy" is the speed as a multiple of that of copy, in pieces so
// large that copy bypasses the cache.
func BenchmarkMemory(b *testing.B) {
	const size, piece = 128 << 20, 32 << 20
	d := open(b, cpu.AVX2)
	for _, w := range workloads() {
		for _, unit := range []int64{512 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", w.name, unit>>10), func(b *testing.B) {
				q, err := d.NewQueue()
				if err != nil {
					b.Fatal(err)
				}
				elem := w.prog.Operands[0].DType.Size()
				t := newTensors(b, q, w.prog, size/elem)
				src, dst := make([]byte, size), make([]byte, size)
				fillWeights(src, tensor.F16, 1) // untouched memory is one page of zeros, in the cache
				copy(dst, src)
				var work, ref []time.Duration
				for b.Loop() {
					for at := 0; at < size; at += piece {
						start := time.Now()
						copy(dst[at:at+piece], src[at:])
						ref = append(ref, time.Since(start))
					}
					if err := t.run(q, unit/elem, &work); err != nil {
						b.Fatal(err)
					}
				}
				speed := float64(t.bytes) * float64(unit) / size / quick(work).Seconds()
				copied := 2 * piece / quick(ref).Seconds()
				b.ReportMetric(speed/1e9, "GB/s")
				b.ReportMetric(copied/1e9, "copyGB/s")
				b.ReportMetric(speed/copied, "xcopy")
			})
		}
	}
}
