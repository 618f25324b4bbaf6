package cuda_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda"
	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// copying stores what it loads, and counts elements below 0.
func copying() *kernels.Program {
	b := &kernels.Builder{}
	x := b.Load(0)
	neg := b.Op2(kernels.OpLT, x, b.Num(0))
	return &kernels.Program{Operands: []kernels.Operand{{DType: tensor.F32}}, Code: b.Code,
		Results: []kernels.Result{{Kind: kernels.Store, V: x, DType: tensor.F32}, {Kind: kernels.Count, V: neg}}}
}

// copyLaunch copies n elements from one offset to another, and counts at 0.
func copyLaunch(p *kernels.Program, m *kernels.Mem, from, to, n int64) *kernels.Launch {
	return &kernels.Launch{Prog: p, N: n, Cols: 1, Args: []kernels.Arg{{Span: kernels.Span{Mem: m, Off: from, Len: 4 * n}, Period: 1}},
		Results: []kernels.Span{{Mem: m, Off: to, Len: 4 * n}, {Mem: m, Len: 8}}}
}

// Launches of one Program that do not touch each other are one launch of the kernel; one that
// reads what another writes, or writes what it reads or writes, comes after it.
func TestSmallLaunchesAreBatched(t *testing.T) {
	for _, c := range []struct {
		name  string
		moves [][2]int64 // from, to, of 8 elements each
		want  int
	}{
		{"apart", [][2]int64{{64, 512}, {96, 544}, {128, 576}, {160, 608}}, 1},
		{"apart, backward", [][2]int64{{160, 608}, {128, 576}, {96, 544}, {64, 512}}, 1},
		{"one source", [][2]int64{{64, 512}, {64, 544}, {64, 576}}, 1},
		{"chain", [][2]int64{{64, 512}, {512, 544}, {544, 576}}, 3},
		{"partly read", [][2]int64{{64, 512}, {528, 600}}, 2},
		{"partly written", [][2]int64{{64, 512}, {96, 528}}, 2},
		{"written where it is read", [][2]int64{{512, 64}, {96, 520}}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSpy(t)
			d := openWith(t, cuda.Options{Driver: s, Poison: true}, device.Options{})
			q, err := d.NewQueue()
			check(t, err)
			m, err := q.Alloc(1024)
			check(t, err)
			for i := range m.Host {
				m.Host[i] = byte(i * 7)
			}
			clear(m.Host[:8])
			want := kernels.HostMem(bytes.Clone(m.Host))
			all, p := kernels.Span{Mem: m, Len: 1024}, copying()
			check(t, q.Push(all))
			l := copyLaunch(p, m, 0, 8, 1) // one Launch value for all: it is copied
			for _, mv := range c.moves {
				*l = *copyLaunch(p, m, mv[0], mv[1], 8)
				check(t, q.Launch(l))
				check(t, kernels.Run(copyLaunch(p, want, mv[0], mv[1], 8)))
			}
			*l = kernels.Launch{}
			check(t, q.Pull(all))
			e, err := q.Record()
			check(t, err)
			check(t, e.Wait())
			if !bytes.Equal(m.Host, want.Host) {
				t.Error("other bytes than one after the other")
			}
			if s.launches != c.want {
				t.Errorf("%d launches of the kernel, want %d", s.launches, c.want)
			}
			check(t, errors.Join(q.Free(m), q.Close(), d.Close()))
		})
	}
}

// More launches than the table of a queue has room for.
func TestTheTableOfLaunchesIsUsedAgain(t *testing.T) {
	d := open(t)
	q, err := d.NewQueue()
	check(t, err)
	const n, times = 3000, 3
	m, err := q.Alloc(8 + 8*n)
	check(t, err)
	all, p := kernels.Span{Mem: m, Len: m.Size}, copying()
	for i := range m.Host {
		m.Host[i] = 0
	}
	for i := range int64(n) {
		m.Host[8+4*i], m.Host[8+4*i+3] = byte(i), 0xbf // negative
	}
	check(t, q.Push(all))
	for range times {
		for i := range int64(n) {
			check(t, q.Launch(copyLaunch(p, m, 8+4*i, 8+4*n+4*i, 1)))
		}
	}
	check(t, q.Pull(all))
	e, err := q.Record()
	check(t, err)
	check(t, e.Wait())
	if !bytes.Equal(m.Host[8:8+4*n], m.Host[8+4*n:]) {
		t.Error("not everything was copied")
	}
	if got := int(m.Host[0]) | int(m.Host[1])<<8; got != n*times {
		t.Errorf("%d elements were counted, want %d", got, n*times)
	}
	check(t, errors.Join(q.Free(m), q.Close(), d.Close()))
}

// An event that is waited for late says nothing about what was launched after a later one.
func TestWaitingForAnOldEventKeepsTheTable(t *testing.T) {
	d := open(t)
	q, err := d.NewQueue()
	check(t, err)
	m, err := q.Alloc(1024)
	check(t, err)
	all, p := kernels.Span{Mem: m, Len: 1024}, copying()
	for i := range m.Host {
		m.Host[i] = byte(i / 4)
	}
	clear(m.Host[:8])
	want := kernels.HostMem(bytes.Clone(m.Host))
	var events []device.Event
	give := func(from, to int64) {
		check(t, q.Launch(copyLaunch(p, m, from, to, 8)))
		check(t, kernels.Run(copyLaunch(p, want, from, to, 8)))
	}
	record := func() {
		e, err := q.Record()
		check(t, err)
		events = append(events, e)
	}
	check(t, q.Push(all))
	give(64, 512)
	record()
	record()
	check(t, events[0].Wait())
	give(96, 544) // the same bytes of the table as the first launch
	check(t, events[1].Wait())
	give(128, 576)
	check(t, q.Pull(all))
	record()
	check(t, events[2].Wait())
	if !bytes.Equal(m.Host, want.Host) {
		t.Error("a launch used the row of another one")
	}
	check(t, errors.Join(q.Free(m), q.Close(), d.Close()))
}

// Slabs are used again, and never more than was in use at some time, nor the budget.
func TestMemoryIsPooledWithinTheBudget(t *testing.T) {
	s := newSpy(t)
	d := openWith(t, cuda.Options{Driver: s}, device.Options{MaxVRAM: 8 << 20})
	q, err := d.NewQueue()
	check(t, err)
	have := d.Info().Memory
	if have > 8<<20 || have < 6<<20 {
		t.Fatalf("%d bytes of 8 MiB may be used", have)
	}
	for range 5 {
		a, err := q.Alloc(3 << 20)
		check(t, err)
		b, err := q.Alloc(2 << 20)
		check(t, err)
		check(t, errors.Join(q.Free(a), q.Free(b)))
	}
	if s.allocs != 2 {
		t.Errorf("%d allocations of the driver, want 2", s.allocs)
	}
	a, err := q.Alloc(4 << 20) // the pool must give up something
	check(t, err)
	if _, err := q.Alloc(have); tensor.ClassOf(err) != tensor.ClassDevice || !strings.Contains(err.Error(), "do not fit") {
		t.Errorf("more than there is: %v", err)
	}
	check(t, q.Free(a))
	if err := q.Free(a); err == nil {
		t.Error("memory can be freed twice")
	}
	check(t, errors.Join(q.Close(), d.Close()))
}

// A failure surfaces at the wait and names what was launched; when the device is lost, all that
// follows fails at once, and closing still gives everything back.
func TestFailuresNameTheWorkAndALostDeviceStaysLost(t *testing.T) {
	s := newSpy(t)
	d := openWith(t, cuda.Options{Driver: s}, device.Options{})
	q, err := d.NewQueue()
	check(t, err)
	m, err := q.Alloc(1024)
	check(t, err)
	check(t, q.Clear(kernels.Span{Mem: m, Len: 1024}))
	check(t, q.Launch(copyLaunch(copying(), m, 64, 512, 8)))
	e, err := q.Record()
	check(t, err)
	s.fail["wait"] = &driver.Error{Call: "cuEventSynchronize", Device: 0, Code: 719, Name: "CUDA_ERROR_LAUNCH_FAILED", Text: "unspecified launch failure"}
	err = e.Wait()
	for _, want := range []string{"cuda:0", "launch of program [lt]", "elements [0, 8)", "cuEventSynchronize", "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	if tensor.ClassOf(err) != tensor.ClassDevice || !errors.Is(err, driver.ErrDeviceLost) {
		t.Errorf("class %v of %v", tensor.ClassOf(err), err)
	}
	delete(s.fail, "wait")
	launches, syncs := s.launches, s.syncs
	span := kernels.Span{Mem: m, Len: 1024}
	_, allocErr := q.Alloc(1)
	_, recordErr := q.Record()
	_, queueErr := d.NewQueue()
	for i, err := range []error{q.Launch(copyLaunch(copying(), m, 64, 512, 8)), q.Push(span), q.Pull(span), q.Clear(span), q.Call(&kernels.Call{}), allocErr, recordErr, queueErr} {
		if err == nil || !strings.Contains(err.Error(), "the device is lost since launch of program") {
			t.Errorf("call %d on a lost device: %v", i, err)
		}
	}
	if s.launches != launches || s.syncs != syncs {
		t.Error("the driver was asked again")
	}
	check(t, errors.Join(q.Free(m), q.Close(), d.Close()))
}

// What another process took is an error of this allocation only.
func TestAFailedAllocationIsNotTheEnd(t *testing.T) {
	s := newSpy(t)
	d := openWith(t, cuda.Options{Driver: s}, device.Options{})
	q, err := d.NewQueue()
	check(t, err)
	s.fail["alloc"] = &driver.Error{Call: "cuMemAlloc_v2", Device: 0, Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY", Text: "out of memory"}
	if _, err := q.Alloc(100); !errors.Is(err, driver.ErrOutOfMemory) || tensor.ClassOf(err) != tensor.ClassDevice {
		t.Errorf("%v", err)
	}
	delete(s.fail, "alloc")
	m, err := q.Alloc(100)
	check(t, err)
	check(t, errors.Join(q.Free(m), q.Close(), d.Close()))
}

func TestMemoryOfTheHostIsRefused(t *testing.T) {
	d := open(t)
	q, err := d.NewQueue()
	check(t, err)
	m := kernels.HostMem(make([]byte, 1024))
	for _, err := range []error{q.Launch(copyLaunch(copying(), m, 64, 512, 8)), q.Push(kernels.Span{Mem: m, Len: 8}), q.Free(m)} {
		if tensor.ClassOf(err) != tensor.ClassDevice {
			t.Errorf("%v", err)
		}
	}
	check(t, errors.Join(q.Close(), d.Close()))
	if err := q.Close(); err == nil {
		t.Error("a queue can be closed twice")
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
