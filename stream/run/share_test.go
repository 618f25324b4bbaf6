package run_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// meeting lets workers wait for each other in OnUnit.
type meeting struct {
	ctx   context.Context
	mu    sync.Mutex
	cond  *sync.Cond
	seen  map[string]bool
	count map[int]int // units by worker
}

func newMeeting(t testing.TB) *meeting {
	m := &meeting{ctx: inTime(t), seen: map[string]bool{}, count: map[int]int{}}
	m.cond = sync.NewCond(&m.mu)
	context.AfterFunc(m.ctx, m.cond.Broadcast)
	return m
}

// come notes that a unit is there, and waits until done.
func (m *meeting) come(u run.Unit, done func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[u.Key] = true
	m.count[u.Worker]++
	m.cond.Broadcast()
	for !done() && m.ctx.Err() == nil {
		m.cond.Wait()
	}
}

// TestWorkersShareALargeTensor holds every worker until all of them have a unit of the
// same tensor.
func TestWorkersShareALargeTensor(t *testing.T) {
	for _, f := range []formula{lerp, scaled} {
		w := newWorld(t, 2)
		w.ring.Workers = 4
		w.same("a", tensor.F16, tensor.Shape{600_000}, f)
		m := newMeeting(t)
		out := w.run(m.ctx, newTestDevice(false, 1), &memSink{}, run.Options{OnUnit: func(u run.Unit) {
			m.come(u, func() bool { return len(m.count) == 4 })
		}})
		if out.err != nil {
			t.Fatal(out.err)
		}
	}
}

// TestNextJobStartsWhileTheLastUnitIsAtWork holds the last unit of each sweep of a job until
// another job has started.
func TestNextJobStartsWhileTheLastUnitIsAtWork(t *testing.T) {
	for _, f := range []formula{lerp, scaled} {
		w := newWorld(t, 2)
		const n = 200_000
		w.same("a", tensor.F16, tensor.Shape{n}, f)
		w.same("b", tensor.F16, tensor.Shape{n}, f)
		m := newMeeting(t)
		out := w.run(m.ctx, newTestDevice(false, 1), &memSink{}, run.Options{OnUnit: func(u run.Unit) {
			m.come(u, func() bool { return u.Key != "a" || u.First+u.N < n || m.seen["b"] })
		}})
		if out.err != nil {
			t.Fatal(out.err)
		}
	}
}

func TestTenInputsUnderABudget(t *testing.T) {
	average := func(t *kernels.Trace, x []kernels.T) kernels.T {
		s := x[0]
		for _, y := range x[1:] {
			s = s.Add(y)
		}
		return s.Mul(x[0].Dot(x[9])).Mul(t.Const(0.1))
	}
	w := newWorld(t, 10)
	for i := range 3 {
		w.same(fmt.Sprint("large", i), tensor.F16, tensor.Shape{140_001}, average)
		w.same(fmt.Sprint("small", i), tensor.F16, tensor.Shape{77}, average)
	}
	want := w.want(nil)
	for _, depth := range []int{1, 3} {
		for seed := range uint64(2) {
			w.ring = plan.Ring{Workers: 5, Depth: depth, UnitBytes: 128 << 10}
			rings := 5 * int64(depth) * w.plan().Ring.SlotBytes
			one := 10 * plan.Align(280_002) // resident
			b := device.NewBudget("host memory", rings+one+one/2)
			delay := func(u run.Unit) {
				for range (uint64(u.First)*7 + seed*13) % 50 {
					runtime.Gosched()
				}
			}
			out := w.run(inTime(t), newTestDevice(depth > 1, seed), &memSink{}, run.Options{Budget: b, OnUnit: delay})
			if out.err != nil {
				t.Fatalf("depth %d, seed %d: %v", depth, seed, out.err)
			}
			if i := firstDifference(out.sink.data, want); i >= 0 {
				t.Fatalf("depth %d, seed %d: byte %d differs", depth, seed, i)
			}
			if p := out.report.PeakLeased; p != rings+one {
				t.Errorf("depth %d: peak %d, expected rings of %d and one job of %d", depth, p, rings, one)
			}
		}
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	w := newWorld(t, 2)
	w.same("a", tensor.F16, tensor.Shape{400_000}, scaled)
	rings := 2 * w.plan().Ring.SlotBytes
	for name, c := range map[string]struct {
		budget, slot int64
	}{"rings": {rings - 1, 0}, "lease": {rings + 1000, 0}, "slot": {1 << 40, 8192}} {
		w.slot, w.noKeep = c.slot, c.slot > 0
		out := w.run(inTime(t), newTestDevice(false, 1), &memSink{}, run.Options{Budget: device.NewBudget("host memory", c.budget)})
		if tensor.ClassOf(out.err) != tensor.ClassFit || !strings.Contains(out.err.Error(), "at least") {
			t.Errorf("%s: error %v", name, out.err)
		}
	}
}

// TestLeasesOfOthersAreWaitedFor runs with memory that somebody else gives back later.
func TestLeasesOfOthersAreWaitedFor(t *testing.T) {
	w := newWorld(t, 2)
	w.same("a", tensor.F16, tensor.Shape{400_000}, scaled)
	b := device.NewBudget("host memory", 2*w.plan().Ring.SlotBytes+1_700_000)
	other, _ := b.TryTake("other", 200_000)
	go func() {
		for b.Used() == 200_000 { // until the rings are leased
			runtime.Gosched()
		}
		other.Release()
	}()
	if out := w.run(inTime(t), newTestDevice(false, 1), &memSink{}, run.Options{Budget: b}); out.err != nil {
		t.Fatal(out.err)
	}
}

func TestManyTinyKeysAreBatched(t *testing.T) {
	const n = 100_000
	if testing.Short() {
		t.Skip("100,000 keys")
	}
	w := newWorld(t, 3)
	w.ring.UnitBytes = 512 << 10
	shape := tensor.Shape{2, 8}
	x := random(16, 1)
	for i := range n {
		name := fmt.Sprintf("model.diffusion_model.blocks.%d.bias", i)
		k := key{name: name, out: tensor.F16, shape: shape, f: lerp}
		for m, s := range w.sources {
			s.add(t, name, tensor.F16, shape, x)
			k.in = append(k.in, input{m, name})
		}
		w.keys = append(w.keys, k)
	}
	w.slot = 2 << 20
	reads := &faults{}
	w.sources[0].faults = reads
	out := w.run(inTime(t), newTestDevice(false, 1), &memSink{}, run.Options{})
	if out.err != nil {
		t.Fatal(out.err)
	}
	if out.report.Keys != n || out.report.BytesWritten != 32*n {
		t.Errorf("%d keys, %d bytes", out.report.Keys, out.report.BytesWritten)
	}
	if r := reads.calls.Load(); r > n/500 || out.sink.writes > n/500 {
		t.Errorf("%d reads and %d writes of %d keys", r, out.sink.writes, n)
	}
}

func TestSeveralSinksAndJobsWithoutAnOutput(t *testing.T) {
	w := newWorld(t, 2)
	for i := range 50 {
		w.same(fmt.Sprint("key", i), tensor.F16, tensor.Shape{int64(i * i * 20)}, []formula{lerp, scaled}[i%2])
	}
	want := w.want(nil)
	p := w.plan()
	p.Layouts = append(p.Layouts, p.Layouts[0])
	inner, jobs := p.Generate, p.Jobs
	p.Jobs *= 2
	p.Generate = func(i int, gone []int) (*plan.Job, error) {
		j, err := inner(i%jobs, gone)
		j.Index, j.Outputs[0].Sink = i, i/jobs
		if i == 7 || i == jobs+48 {
			j.Outputs[0].Dropped, j.Segments = true, nil
		}
		return j, err
	}
	sinks := []*memSink{{}, {}}
	var last run.Progress
	rep, err := run.Run(inTime(t), p, w.tensorSources(), []tensor.Sink{sinks[0], sinks[1]}, []device.Device{newTestDevice(true, 1), newTestDevice(true, 2)},
		run.Options{Progress: func(p run.Progress) {
			if p.Keys < last.Keys || p.Bytes < last.Bytes {
				t.Errorf("progress from %+v to %+v", last, p)
			}
			last = p
		}})
	if err != nil {
		t.Fatal(err)
	}
	for i, drop := range []int{7, 48} {
		if d := sinks[i].drop; len(d) != 1 || d[0] != drop {
			t.Errorf("sink %d: dropped %v", i, d)
		}
		e := w.layout.At(drop)
		copy(sinks[i].data[e.Pos:e.Pos+e.Size], want[e.Pos:])
		if k := firstDifference(sinks[i].data, want); k >= 0 {
			t.Errorf("sink %d: byte %d differs", i, k)
		}
	}
	if rep.Keys != 98 || last.Keys != 98 || rep.Drops != 2 {
		t.Errorf("%d keys, progress %+v, %d drops", rep.Keys, last, rep.Drops)
	}
}
