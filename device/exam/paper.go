package exam

import (
	"bytes"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// paper is a launch with its data.
type paper struct {
	prog           *kernels.Program
	first, n, cols int64
	args           []arg
	consts         []float64
	prefixes       []uint64
	shift          int64 // offset of operands and stores from their alignment, in bytes
}

// arg is the content of an operand in one launch.
type arg struct {
	data   []byte
	period int64
}

// Memory is laid out as guard, span, guard, span, ..., guard.
const (
	guardBytes = 128
	guardByte  = 0x5a
	dirtyByte  = 0xa5 // what results hold before, unless they accumulate
	align      = 64
)

// layout places the operands and the results of a paper in one piece of memory.
type layout struct {
	args, results []place
	size          int64
}

type place struct{ off, n int64 }

// take places n bytes after a guard, at a multiple of align plus shift.
func (l *layout) take(n, shift int64) place {
	off := (l.size + guardBytes + align - 1) / align * align
	p := place{off + shift%align, n}
	l.size = p.off + n + guardBytes
	return p
}

func (p *paper) layout() layout {
	var l layout
	for i, a := range p.args {
		l.args = append(l.args, l.take(int64(len(a.data)), p.shift*int64(i+1)))
	}
	for i := range p.prog.Results {
		r := &p.prog.Results[i]
		shift := int64(0)
		if r.Kind == kernels.Store {
			shift = p.shift * int64(i+3)
		}
		l.results = append(l.results, l.take(kernels.ResultBytes(r, p.n, p.cols), shift))
	}
	l.size = (l.size + align - 1) / align * align
	return l
}

// image is the memory before the launch.
func (p *paper) image(l layout) []byte {
	m := bytes.Repeat([]byte{guardByte}, int(l.size))
	for i, a := range l.args {
		copy(m[a.off:], p.args[i].data)
	}
	for i, r := range l.results {
		fill := byte(dirtyByte)
		if accumulates(p.prog.Results[i].Kind) {
			fill = 0
		}
		for k := range r.n {
			m[r.off+k] = fill
		}
	}
	return m
}

func accumulates(k kernels.ResultKind) bool { return k != kernels.Store && k != kernels.Sum }

// launch makes the launch of a paper in memory m.
func (p *paper) launch(l layout, m *kernels.Mem) *kernels.Launch {
	out := &kernels.Launch{Prog: p.prog, First: p.first, N: p.n, Cols: p.cols, Consts: p.consts, Prefixes: p.prefixes}
	for i, a := range l.args {
		out.Args = append(out.Args, kernels.Arg{Span: kernels.Span{Mem: m, Off: a.off, Len: a.n}, Period: p.args[i].period})
	}
	for _, r := range l.results {
		out.Results = append(out.Results, kernels.Span{Mem: m, Off: r.off, Len: r.n})
	}
	return out
}

// expect returns the memory after the portable execution.
func (p *paper) expect(l layout) ([]byte, error) {
	m := p.image(l)
	return m, kernels.Run(p.launch(l, kernels.HostMem(m)))
}

// on runs the paper on the queue and compares every byte of its memory, guards and
// operands included, with the portable execution.
func (p *paper) on(q device.Queue) error {
	if err := p.prog.Validate(); err != nil {
		return fmt.Errorf("the exam made a program that is not valid: %w\n%v", err, p.prog)
	}
	l := p.layout()
	want, err := p.expect(l)
	if err != nil {
		return fmt.Errorf("the exam made a launch that does not fit: %w\n%v", err, p.prog)
	}
	got, err := onDevice(q, p.image(l), func(m *kernels.Mem) error { return q.Launch(p.launch(l, m)) })
	if err != nil {
		return fmt.Errorf("%v: %w\n%v", p, err, p.prog)
	}
	return p.compare(l, got, want)
}

// onDevice copies an image to the device, does work on it, and copies it back.
func onDevice(q device.Queue, image []byte, work func(m *kernels.Mem) error) ([]byte, error) {
	m, err := q.Alloc(int64(len(image)))
	if err != nil {
		return nil, fmt.Errorf("alloc: %w", err)
	}
	all := kernels.Span{Mem: m, Len: int64(len(image))}
	copy(q.Host(all), image)
	if err := q.Push(all); err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	if err := work(m); err != nil {
		return nil, err
	}
	if err := q.Pull(all); err != nil {
		return nil, fmt.Errorf("pull: %w", err)
	}
	if err := finish(q); err != nil {
		return nil, err
	}
	got := bytes.Clone(q.Host(all))
	return got, q.Free(m)
}

// String says what the launch is.
func (p *paper) String() string {
	return fmt.Sprintf("launch of %d elements from %d, rows of %d, spans shifted by %d", p.n, p.first, p.cols, p.shift)
}

// compare returns the first difference between two memories.
func (p *paper) compare(l layout, got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	at := int64(0)
	for got[at] == want[at] {
		at++
	}
	where := "outside of every span, in a guard band"
	for i, a := range l.args {
		if at >= a.off && at < a.off+a.n {
			where = fmt.Sprintf("operand %d (read only), byte %d", i, at-a.off)
		}
	}
	for i, r := range l.results {
		if at < r.off || at >= r.off+r.n {
			continue
		}
		size := int64(8)
		switch res := &p.prog.Results[i]; res.Kind {
		case kernels.Store:
			size = res.DType.Size()
		case kernels.InFlag:
			size = 4
		}
		k := (at - r.off) / size
		at = r.off + k*size
		where = fmt.Sprintf("result %d, element %d", i, k)
		return fmt.Errorf("%v: %s: got %x, want %x (stored bytes)%s\n%v", p, where, got[at:at+size], want[at:at+size], p.inputs(k), p.prog)
	}
	return fmt.Errorf("%v: %s: got %#x, want %#x\n%v", p, where, got[at], want[at], p.prog)
}

// inputs shows the stored bytes of the dense operands for element k.
func (p *paper) inputs(k int64) string {
	s := ""
	for i, a := range p.args {
		o := p.prog.Operands[i]
		size := o.DType.Size()
		if o.Form == kernels.Dense && (k+1)*size <= int64(len(a.data)) {
			s += fmt.Sprintf("\n  operand %d (%v): %x", i, o.DType, a.data[k*size:(k+1)*size])
		}
	}
	return s
}
