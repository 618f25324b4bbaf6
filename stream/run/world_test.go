package run_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// memSource is a state dict in memory.
type memSource struct {
	name    string
	header  *tensor.Header
	data    []byte
	view    bool // gives its memory away
	faults  *faults
	changed error
}

func (s *memSource) Name() string           { return s.name }
func (s *memSource) Header() *tensor.Header { return s.header }
func (s *memSource) Unchanged() error       { return errors.Join(s.changed, s.faults.hit()) }
func (s *memSource) Close() error           { return nil }

func (s *memSource) ReadAt(dst []byte, pos int64) error {
	copy(dst, s.data[pos:pos+int64(len(dst))])
	return s.faults.hit()
}

func (s *memSource) View(pos, n int64) []byte {
	if !s.view {
		return nil
	}
	return s.data[pos : pos+n : pos+n]
}

// add appends a tensor with the given values.
func (s *memSource) add(t testing.TB, key string, d tensor.DType, shape tensor.Shape, x []float32) {
	t.Helper()
	if s.header == nil {
		s.header = tensor.NewHeader(1)
	}
	pos := int64(len(s.data))
	if err := s.header.Add(key, d, shape, pos); err != nil {
		t.Fatal(err)
	}
	n, _ := shape.Bytes(d)
	s.data = append(s.data, make([]byte, n)...)
	if d.Computable() {
		kernels.Narrow(s.data[pos:], x, d)
	} else {
		for i := range n {
			s.data[pos+i] = byte(7 * i)
		}
	}
}

// spoil makes element i of a tensor NaN.
func (w *world) spoil(in input, i int64) {
	e := w.entry(in)
	nan := []float32{float32(math.NaN())}
	kernels.Narrow(w.bytes(in)[i*e.DType.Size():][:e.DType.Size()], nan, e.DType)
}

// memSink is an output in memory that notes what happens to it.
type memSink struct {
	data      []byte
	view      bool
	keep      bool // the memory as it is
	faults    *faults
	begun     int
	prepared  int
	committed int
	aborted   int
	drop      []int
	mu        sync.Mutex
	writes    int
}

func (s *memSink) Name() string { return "out" }

func (s *memSink) Begin(_ context.Context, l tensor.Layout) error {
	s.begun++
	if s.keep {
		return nil
	}
	s.data = bytes.Repeat([]byte{0xee}, int(l.DataSize()))
	return s.faults.hit()
}

func (s *memSink) WriteAt(p []byte, pos int64) error {
	s.mu.Lock()
	s.writes++
	s.mu.Unlock()
	copy(s.data[pos:pos+int64(len(p))], p)
	return s.faults.hit()
}

func (s *memSink) View(pos, n int64) []byte {
	if !s.view {
		return nil
	}
	return s.data[pos : pos+n : pos+n]
}

func (s *memSink) Prepare(context.Context, []int) error {
	s.prepared++
	return s.faults.hit()
}

func (s *memSink) Commit(_ context.Context, drop []int) error {
	if err := s.faults.hit(); err != nil {
		return err
	}
	s.committed++
	s.drop = drop
	return nil
}

func (s *memSink) Abort() error { s.aborted++; return nil }

type formula func(t *kernels.Trace, x []kernels.T) kernels.T

// key is an output key and how it is made.
type key struct {
	name  string
	out   tensor.DType
	shape tensor.Shape
	in    []input
	f     formula
	guard bool
	alt   func(gone []int) *key // how it is made without guards; nil: it is dropped
	note  plan.Note
}

type input struct {
	model int
	key   string
}

// world is sources and the keys to make from them.
type world struct {
	t       testing.TB
	sources []*memSource
	keys    []key
	ring    plan.Ring
	slot    int64 // slot bytes; 0: what the units want
	noKeep  bool  // nothing is resident
	mu      sync.Mutex
	low     *kernels.Lowerer
	trace   *kernels.Trace
	layout  *tensor.Header
}

func newWorld(t testing.TB, models int) *world {
	w := &world{t: t, low: kernels.NewLowerer(), trace: kernels.NewTrace(kernels.F32),
		ring: plan.Ring{Workers: 2, Depth: 1, UnitBytes: 64 << 10}}
	for i := range models {
		w.sources = append(w.sources, &memSource{name: fmt.Sprintf("model%d", i)})
	}
	return w
}

// random fills x with numbers like weights.
func random(n int64, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// same adds a key that all models have, of one shape and type, and the output key.
func (w *world) same(name string, d tensor.DType, shape tensor.Shape, f formula) *key {
	k := key{name: name, out: d, shape: shape, f: f}
	for m, s := range w.sources {
		s.add(w.t, name, d, shape, random(shape.N(), uint64(len(w.keys)*100+m)))
		k.in = append(k.in, input{m, name})
	}
	w.keys = append(w.keys, k)
	return &w.keys[len(w.keys)-1]
}

// leaves starts a trace with the inputs of a key.
func (w *world) leaves(k *key) []kernels.T {
	w.trace.Reset()
	x := make([]kernels.T, len(k.in))
	for i, in := range k.in {
		e := w.entry(in)
		x[i] = w.trace.Leaf(i, e.DType, e.Shape)
		if k.guard {
			x[i] = x[i].Guard(100 + i)
		}
	}
	return x
}

// parts lowers a key.
func (w *world) parts(k *key) ([]kernels.Part, error) {
	return w.low.Lower(k.f(w.trace, w.leaves(k)), k.out)
}

func (w *world) entry(in input) tensor.Entry {
	h := w.sources[in.model].header
	i, ok := h.Lookup(in.key)
	if !ok {
		w.t.Fatalf("no key %s in model %d", in.key, in.model)
	}
	return h.At(i)
}

// choose returns the key as it is made without the guards that are gone.
func (k *key) choose(gone []int) *key {
	if len(gone) == 0 || k.alt == nil {
		if len(gone) > 0 {
			return nil
		}
		return k
	}
	return k.alt(gone)
}

func (w *world) generate(i int, gone []int) (*plan.Job, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.layout.At(i)
	j := &plan.Job{Index: i, Outputs: []plan.Output{{Entry: i, Key: e.Key, Pos: e.Pos, DType: e.DType, N: e.Shape.N()}}}
	k := w.keys[i].choose(gone)
	if k == nil {
		j.Outputs[0].Dropped = true
		return j, nil
	}
	j.Outputs[0].Note = k.note
	parts, err := w.parts(k)
	if err != nil {
		return nil, err
	}
	sweeps := 0
	for _, p := range parts {
		s := w.segment(k, &p)
		for _, r := range s.Reads {
			j.Lease += plan.Align(r.N * r.DType.Size())
		}
		sweeps = max(sweeps, len(p.Inst.Sweeps))
		j.Segments = append(j.Segments, s)
	}
	if j.Resident = sweeps > 1 && !w.noKeep; !j.Resident {
		j.Lease = 0
	}
	return j, nil
}

// guarded knows the guards of leaves: 100 and the number of the input.
func (w *world) guarded(j *plan.Job, guard int) (source, entry int, ok bool) {
	if guard < 100 {
		return 0, 0, false
	}
	in := w.keys[j.Index].in[guard-100]
	entry, _ = w.sources[in.model].header.Lookup(in.key)
	return in.model, entry, true
}

// plan makes the plan for all keys.
func (w *world) plan() *plan.Plan {
	w.t.Helper()
	w.layout = tensor.NewHeader(len(w.keys))
	pos := int64(0)
	for _, k := range w.keys {
		if err := w.layout.Add(k.name, k.out, k.shape, pos); err != nil {
			w.t.Fatal(err)
		}
		n, _ := k.shape.Bytes(k.out)
		pos += n
	}
	p := &plan.Plan{Layouts: []tensor.Layout{{Header: w.layout}}, Jobs: len(w.keys), Generate: w.generate, Guarded: w.guarded, Ring: w.ring}
	p.Totals.Keys = len(w.keys)
	p.Totals.BytesWrite = pos
	if p.Ring.SlotBytes = w.slot; w.slot == 0 {
		p.Ring.SlotBytes = 4096
		for i := range w.keys {
			j, err := w.generate(i, nil)
			if err != nil {
				w.t.Fatal(err)
			}
			for k := range j.Segments {
				want, _ := j.Segments[k].SlotBytes(w.ring.UnitBytes, false)
				p.Ring.SlotBytes = max(p.Ring.SlotBytes, want)
			}
		}
	}
	return p
}

func (w *world) tensorSources() (all []tensor.Source) {
	for _, s := range w.sources {
		all = append(all, s)
	}
	return all
}

// want is the whole output, computed by the definition. gone are the guards without which
// a key is made. Dropped keys are zeros.
func (w *world) want(gone map[string][]int) []byte {
	w.t.Helper()
	var all []byte
	for i := range w.keys {
		k := w.keys[i].choose(gone[w.keys[i].name])
		if k == nil {
			n, _ := w.keys[i].shape.Bytes(w.keys[i].out)
			all = append(all, make([]byte, n)...)
			continue
		}
		parts, err := w.parts(k)
		if err != nil {
			w.t.Fatal(err)
		}
		if bytes, ok := w.copied(k, parts); ok {
			all = append(all, bytes...)
			continue
		}
		ev, err := kernels.Eval(parts, k.shape.N(), k.out, func(n int) []byte { return w.bytes(k.in[n]) })
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, ev.Bytes...)
	}
	return all
}

func (w *world) bytes(in input) []byte {
	e := w.entry(in)
	return w.sources[in.model].data[e.Pos : e.Pos+e.Size]
}

// copied returns the bytes of types that Eval does not know.
func (w *world) copied(k *key, parts []kernels.Part) ([]byte, bool) {
	if len(parts) != 1 || k.out.Computable() {
		return nil, false
	}
	return w.bytes(k.in[0]), true
}

// outcome is what one run left behind.
type outcome struct {
	sink   *memSink
	report *run.Report
	err    error
}

// run runs the plan on a device, and requires that nothing is left of the run.
func (w *world) run(ctx context.Context, d device.Device, sink *memSink, o run.Options) outcome {
	w.t.Helper()
	return w.runOn(ctx, []device.Device{d}, sink, o)
}

// runOn runs the plan on devices.
func (w *world) runOn(ctx context.Context, devices []device.Device, sink *memSink, o run.Options) outcome {
	w.t.Helper()
	before := runtime.NumGoroutine()
	if o.Budget == nil {
		o.Budget = device.NewBudget("host memory", math.MaxInt64)
	}
	rep, err := run.Run(ctx, w.plan(), w.tensorSources(), []tensor.Sink{sink}, devices, o)
	if n := o.Budget.Used(); n != 0 {
		w.t.Errorf("%d bytes are still leased", n)
	}
	for _, d := range devices {
		if cerr := d.Close(); cerr != nil {
			w.t.Error(cerr)
		}
	}
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i > 1_000_000 {
			w.t.Fatalf("%d goroutines are left, there were %d", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
	if (err == nil) != (sink.committed == 1) || sink.begun > 0 && sink.committed+sink.aborted != 1 {
		w.t.Errorf("error %v, but %d commits and %d aborts", err, sink.committed, sink.aborted)
	}
	return outcome{sink, rep, err}
}

// inTime is a context that ends a test that hangs.
func inTime(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// firstDifference returns the first position where a and b differ, or -1.
func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
