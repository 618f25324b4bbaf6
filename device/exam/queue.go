package exam

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// span is a part of m.
func span(m *kernels.Mem, off, n int64) kernels.Span { return kernels.Span{Mem: m, Off: off, Len: n} }

// affine computes dst = x*x - const, and counts its negative elements.
func affine() *kernels.Program {
	b := &kernels.Builder{}
	x := b.Load(0)
	v := b.Op2(kernels.OpSub, b.Op2(kernels.OpMul, x, x), b.Const(0))
	neg := b.Op2(kernels.OpLT, v, b.Num(0))
	return &kernels.Program{Operands: []kernels.Operand{{DType: tensor.F32}}, NumConsts: 1, Code: b.Code, Results: []kernels.Result{
		{Kind: kernels.Store, V: v, DType: tensor.F32}, {Kind: kernels.Count, V: neg}}}
}

// order gives a chain of launches, each of which reads what the one before wrote, without
// waiting in between; on several queues at once.
func order(d device.Device) error {
	const queues = 3
	errs := make([]error, queues)
	var wg sync.WaitGroup
	for k := range queues {
		wg.Go(func() {
			errs[k] = withQueue(d, func(q device.Queue) error { return chain(q, 0.25*float64(k+1)) })
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// chain iterates x = x*x - c, from one half of the memory to the other and back.
func chain(q device.Queue, c float64) error {
	const n, steps = 3001, 50
	image := append(tame(newRand(1), tensor.F32, n), make([]byte, 4*n+16)...)
	prog := affine()
	launch := func(m *kernels.Mem, i int64) *kernels.Launch {
		from, to := i%2*4*n, (i+1)%2*4*n
		return &kernels.Launch{Prog: prog, N: n, Consts: []float64{c / float64(i+1)}, Args: []kernels.Arg{{Span: span(m, from, 4*n)}},
			Results: []kernels.Span{span(m, to, 4*n), span(m, 8*n, 8)}}
	}
	want := bytes.Clone(image)
	host := kernels.HostMem(want)
	for i := range int64(steps) {
		if err := kernels.Run(launch(host, i)); err != nil {
			return err
		}
	}
	got, err := onDevice(q, image, func(m *kernels.Mem) error {
		for i := range int64(steps) {
			if err := q.Launch(launch(m, i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return sameBytes("a chain of launches", got, want)
}

func sameBytes(what string, got, want []byte) error {
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("%s: byte %d is %#x, want %#x", what, i, got[i], want[i])
		}
	}
	return nil
}

// clears zeroes spans of every alignment, in order with launches.
func clears(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, n := range []int64{0, 1, 3, 8, 63, 64, 65, 4097} {
			for off := range int64(9) {
				if err := clearOne(q, 64+off, n); err != nil {
					return err
				}
			}
		}
		return clearBetween(q)
	})
}

func clearOne(q device.Queue, off, n int64) error {
	image := bytes.Repeat([]byte{guardByte}, int(off+n+100))
	got, err := onDevice(q, image, func(m *kernels.Mem) error { return q.Clear(span(m, off, n)) })
	if err != nil {
		return err
	}
	clear(image[off : off+n])
	return sameBytes(fmt.Sprintf("clear of %d bytes at %d", n, off), got, image)
}

// clearBetween counts, clears the counter and counts again: 2 launches must be seen.
func clearBetween(q device.Queue) error {
	const n = 100
	image := append(make([]byte, 8*n), bytes.Repeat([]byte{dirtyByte}, 8)...)
	got, err := onDevice(q, image, func(m *kernels.Mem) error {
		l := &kernels.Launch{Prog: affine(), N: n, Consts: []float64{1}, Args: []kernels.Arg{{Span: span(m, 0, 4*n)}},
			Results: []kernels.Span{span(m, 4*n, 4*n), span(m, 8*n, 8)}}
		counter := l.Results[1]
		for _, step := range []func() error{
			func() error { return q.Launch(l) }, func() error { return q.Clear(counter) },
			func() error { return q.Launch(l) }, func() error { return q.Launch(l) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return sameBytes("count after a clear and two launches", got[8*n:], []byte{2 * n, 0, 0, 0, 0, 0, 0, 0})
}

// calls runs a Go function between two launches.
func calls(d device.Device) error {
	const n, cols = 600, 60
	reverse := &kernels.GoFunc{Name: "reverse", Cut: kernels.CutRows, Fn: func(dst []float32, src [][]float32, c int) error {
		for i := range dst {
			dst[i] = src[0][i/c*c+c-1-i%c] + src[1][i]
		}
		return nil
	}}
	work := func(m *kernels.Mem, run kernels.Runner) error {
		a, b, c := span(m, 0, 4*n), span(m, 4*n, 4*n), span(m, 8*n, 4*n)
		count := span(m, 12*n, 8)
		launch := func(from, to kernels.Span) error {
			return run.Launch(&kernels.Launch{Prog: affine(), N: n, Consts: []float64{0.5}, Args: []kernels.Arg{{Span: from}}, Results: []kernels.Span{to, count}})
		}
		if err := launch(a, b); err != nil {
			return err
		}
		if err := run.Call(&kernels.Call{Func: reverse, Cols: cols, Dst: c, Src: []kernels.Span{b, a}}); err != nil {
			return err
		}
		return launch(c, b)
	}
	image := append(tame(newRand(2), tensor.F32, n), make([]byte, 8*n+8)...)
	want := bytes.Clone(image)
	if err := work(kernels.HostMem(want), portable{}); err != nil {
		return err
	}
	return withQueue(d, func(q device.Queue) error {
		got, err := onDevice(q, image, func(m *kernels.Mem) error { return work(m, q) })
		if err != nil {
			return err
		}
		return sameBytes("launch, call, launch", got, want)
	})
}

// portable is the Runner that defines the others.
type portable struct{}

func (portable) Launch(l *kernels.Launch) error   { return kernels.Run(l) }
func (portable) Call(c *kernels.Call) error       { return kernels.RunCall(c) }
func (portable) Product(p *kernels.Product) error { return kernels.RunProduct(p) }

// failures: what cannot be done is an error, by the next wait at the latest, and the
// device works on.
func failures(d device.Device) error {
	if err := failingCall(d); err != nil {
		return err
	}
	if err := launchTooLarge(d); err != nil {
		return err
	}
	return withQueue(d, func(q device.Queue) error {
		if m, err := q.Alloc(1 << 60); err == nil {
			return errors.Join(fmt.Errorf("an allocation of 2^60 bytes did not fail"), q.Free(m))
		}
		for _, n := range []int64{1, 63, 4096, 100001} {
			if err := allocate(q, n); err != nil {
				return err
			}
		}
		return Differential(q, 1)
	})
}

// allocate checks the size and the alignment of memory.
func allocate(q device.Queue, n int64) error {
	m, err := q.Alloc(n)
	if err != nil {
		return err
	}
	h := q.Host(span(m, 0, n))
	if m.Size < n || int64(len(h)) != n {
		return fmt.Errorf("alloc of %d bytes: size %d, %d in the host", n, m.Size, len(h))
	}
	if a := uintptr(unsafe.Pointer(&h[0])); a%align != 0 || m.Handle%align != 0 {
		return fmt.Errorf("alloc of %d bytes at host %#x, device %#x: not aligned to %d", n, a, m.Handle, align)
	}
	return q.Free(m)
}

// failing runs work that has to fail on a queue of its own, and returns the failure.
func failing(d device.Device, image []byte, work func(q device.Queue, m *kernels.Mem) error) ([]byte, error) {
	q, err := d.NewQueue()
	if err != nil {
		return nil, nil
	}
	got, err := onDevice(q, image, func(m *kernels.Mem) error { return work(q, m) })
	_ = q.Close() // it may report the failure again
	return got, err
}

func failingCall(d device.Device) error {
	cause := errors.New("this function always fails")
	f := &kernels.GoFunc{Name: "sour", Fn: func([]float32, [][]float32, int) error { return cause }}
	_, err := failing(d, make([]byte, 64), func(q device.Queue, m *kernels.Mem) error {
		return q.Call(&kernels.Call{Func: f, Cols: 4, Dst: span(m, 0, 16), Src: []kernels.Span{span(m, 16, 16)}})
	})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), f.Name) {
		return fmt.Errorf("the failure of a Go function surfaced as %v", err)
	}
	return nil
}

// launchTooLarge gives a result one byte less than it needs.
func launchTooLarge(d device.Device) error {
	const n = 100
	_, err := failing(d, make([]byte, 8*n+8), func(q device.Queue, m *kernels.Mem) error {
		return q.Launch(&kernels.Launch{Prog: affine(), N: n, Consts: []float64{1}, Args: []kernels.Arg{{Span: span(m, 0, 4*n)}},
			Results: []kernels.Span{span(m, 4*n, 4*n-1), span(m, 8*n, 8)}})
	})
	if err == nil {
		return fmt.Errorf("a launch whose result does not fit its memory did not fail")
	}
	return nil
}
