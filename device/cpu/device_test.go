package cpu_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/kernels/simd"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestTheTierIsTheBestOrTheOneAskedFor(t *testing.T) {
	best := cpu.Portable
	if simd.Available() {
		best = cpu.AVX2
	}
	for ask, want := range map[string]string{"": best, cpu.Portable: cpu.Portable} {
		d, err := cpu.Open(cpu.Options{SIMD: ask, Threads: 3})
		if err != nil {
			t.Fatal(err)
		}
		if d.Tier() != want {
			t.Errorf("asked for %q: %s, want %s", ask, d.Tier(), want)
		}
		info := d.Info()
		if info.Name != "cpu" || info.Workers != 3 || info.Depth != 1 || !info.InHost || !strings.Contains(info.Detail, want) {
			t.Errorf("info %+v does not describe a CPU of tier %s with 3 workers", info, want)
		}
		if info.Rates.Compute <= 0 || info.Rates.Read <= 0 || info.Rates.Write <= 0 {
			t.Errorf("rates %+v are not all there", info.Rates)
		}
	}
}

func TestWrongOptionsAreUsageErrors(t *testing.T) {
	for _, o := range []cpu.Options{{SIMD: "avx9"}, {Threads: -1}} {
		if _, err := cpu.Open(o); tensor.ClassOf(err) != tensor.ClassUsage {
			t.Errorf("%+v: %v, want a usage error", o, err)
		}
	}
	if _, _, err := cpu.Opener("sse").Open(context.Background(), device.Options{}); err == nil || !strings.Contains(err.Error(), "avx2 or portable") {
		t.Errorf("opener of an unknown tier: %v, want an error that lists the tiers", err)
	}
}

func TestTheOpenerOpensOneDevice(t *testing.T) {
	ds, reason, err := cpu.Opener(cpu.Portable).Open(context.Background(), device.Options{Threads: 5})
	if err != nil || reason != "" || len(ds) != 1 || ds[0].Info().Workers != 5 {
		t.Errorf("devices %v, reason %q, error %v; want one device of 5 workers", ds, reason, err)
	}
}

func newQueue(t testing.TB, d *cpu.Device) device.Queue {
	t.Helper()
	q, err := d.NewQueue()
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestMemoryIsAlignedZeroAndGoneAfterFree(t *testing.T) {
	d := open(t, cpu.Portable)
	q := newQueue(t, d)
	for _, n := range []int64{0, 1, 4095, 4096, 3 << 20} {
		m, err := q.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		if m.Size != n || int64(len(m.Host)) != n {
			t.Fatalf("asked for %d bytes, got %d and %d in the host", n, m.Size, len(m.Host))
		}
		for i, c := range m.Host {
			if c != 0 {
				t.Fatalf("byte %d of fresh memory is %d", i, c)
			}
			m.Host[i] = 1
		}
		if n > 0 && uintptr(unsafe.Pointer(&m.Host[0]))%64 != 0 {
			t.Errorf("%d bytes are not aligned to 64", n)
		}
		if err := q.Free(m); err != nil {
			t.Fatal(err)
		}
		if m.Host != nil {
			t.Error("freed memory can still be reached")
		}
		if err := q.Free(m); err == nil {
			t.Error("memory can be freed twice")
		}
	}
	if _, err := q.Alloc(-1); tensor.ClassOf(err) != tensor.ClassDevice {
		t.Errorf("-1 bytes: %v, want a device error", err)
	}
}

func TestCloseFreesWhatIsLeft(t *testing.T) {
	d := open(t, cpu.Portable)
	m, err := newQueue(t, d).Alloc(100)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil || m.Host != nil {
		t.Errorf("error %v, memory left: %v", err, m.Host != nil)
	}
}

func TestAClosedQueueRefusesWork(t *testing.T) {
	q := newQueue(t, open(t, cpu.Portable))
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	p := checked(tensor.F32, 2, func(b *kernels.Builder) kernels.Val { return b.Op2(kernels.OpAdd, b.Load(0), b.Load(1)) })
	_, allocErr := q.Alloc(1)
	for _, err := range []error{q.Launch(&kernels.Launch{Prog: p}), q.Call(&kernels.Call{}), allocErr} {
		if tensor.ClassOf(err) != tensor.ClassDevice {
			t.Errorf("%v, want a device error", err)
		}
	}
}

// launchOver makes a launch over n elements in memory of its own.
func launchOver(p *kernels.Program, n int64) *kernels.Launch {
	l := &kernels.Launch{Prog: p, N: n, Consts: []float64{0.3, 0.7}}
	for i, o := range p.Operands {
		m := kernels.HostMem(make([]byte, n*o.DType.Size()))
		fillWeights(m.Host, o.DType, uint64(i))
		l.Args = append(l.Args, kernels.Arg{Span: kernels.Span{Mem: m, Len: m.Size}, Period: rowElems})
	}
	for i := range p.Results {
		m := kernels.HostMem(make([]byte, kernels.ResultBytes(&p.Results[i], n, 1)))
		l.Results = append(l.Results, kernels.Span{Mem: m, Len: m.Size})
	}
	return l
}

// Many queues launch the same and different Programs, more than the device keeps.
func TestQueuesShareADevice(t *testing.T) {
	d := open(t, "")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			q := newQueue(t, d)
			for i := range 300 {
				p := checked(tensor.F32, 2, func(b *kernels.Builder) kernels.Val {
					return b.Op2(kernels.OpMul, b.Num(float64(i)), b.Op2(kernels.OpAdd, b.Load(0), b.Load(1)))
				})
				l := launchOver(p, 70)
				want := launchOver(p, 70)
				if err := errors.Join(q.Launch(l), kernels.Run(want)); err != nil {
					t.Error(err)
				}
				if string(l.Results[0].Bytes()) != string(want.Results[0].Bytes()) {
					t.Errorf("program %d gives other bytes than the definition", i)
				}
			}
		})
	}
	wg.Wait()
}

func TestWarmLaunchesAllocateNothing(t *testing.T) {
	for _, tier := range cpu.Tiers() {
		t.Run(tier, func(t *testing.T) {
			q := newQueue(t, open(t, tier))
			var all []*kernels.Launch
			for _, w := range workloads() {
				all = append(all, launchOver(w.prog, 5000))
			}
			run := func() {
				for _, l := range all {
					if err := q.Launch(l); err != nil {
						t.Fatal(err)
					}
				}
			}
			run()
			if n := testing.AllocsPerRun(3, run); tier == cpu.AVX2 && n != 0 {
				t.Errorf("%v allocations in %d warm launches", n, len(all))
			}
		})
	}
}

// BenchmarkSmall is the cost of a launch over a tensor of a few elements.
func BenchmarkSmall(b *testing.B) {
	q := newQueue(b, open(b, ""))
	for _, w := range workloads() {
		b.Run(w.name, func(b *testing.B) {
			l := launchOver(w.prog, 5)
			for b.Loop() {
				if err := q.Launch(l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
