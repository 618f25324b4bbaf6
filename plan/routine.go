package plan

import (
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Call is a routine of a job. It runs once all segments before it are done, and before those after it.
type Call struct {
	Before  int // index of the segment that comes next
	Routine *kernels.Routine
	Work    *kernels.RoutineWork // without data
	In, Out []int                // buffers
	Scratch int64                // bytes
}

// Buffer is an operand or a result of a routine: float32 numbers.
type Buffer struct {
	At int64 // where it starts in the memory of the job
	N  int64 // elements
}

// routineOps is how many operations of a routine a worker does in a second: plain Go code on numbers that
// are in the cache does 4e9 to 5e9 (measured on 2026-11-26).
const routineOps = 4e9

// Bytes is what the buffer takes.
func (b *Buffer) Bytes() int64 { return 4 * b.N }

// buffers is what the routines of a job need, while it is made.
type buffers struct {
	list    []Buffer
	calls   []Call
	operand map[kernels.T]int // buffers
	result  map[int]int       // buffers, by number of the leaf
	scratch int64             // of the call that needs most
	ops     float64
}

// add appends a buffer of n elements.
func (b *buffers) add(n int64) int {
	x := Buffer{N: n}
	if k := len(b.list); k > 0 {
		last := &b.list[k-1]
		x.At = last.At + Align(last.Bytes())
	}
	b.list = append(b.list, x)
	return len(b.list) - 1
}

// bytes is the memory of all buffers and the scratch, which comes last.
func (b *buffers) bytes() int64 {
	if len(b.list) == 0 {
		return 0
	}
	last := &b.list[len(b.list)-1]
	return last.At + Align(last.Bytes()) + b.scratch
}

// routines makes the segments that compute the operands of the routines which roots need, and the
// calls after them.
func (p *planner) routines(segs []Segment) ([]Segment, error) {
	p.calls = p.trace.AppendCalls(p.calls[:0], p.roots)
	if len(p.calls) == 0 {
		return segs, nil
	}
	b := &p.bufs
	b.operand, b.result = map[kernels.T]int{}, map[int]int{}
	for _, c := range p.calls {
		var outs []kernels.Output
		var stores [][]int
		call := Call{Routine: c.Routine, Work: c.Work()}
		for _, x := range c.In {
			n, ok := b.operand[x]
			if !ok {
				n = b.add(x.Shape().N())
				b.operand[x] = n
				outs, stores = append(outs, kernels.Output{Root: x, DType: tensor.F32}), append(stores, []int{-1 - n})
			}
			call.In = append(call.In, n)
		}
		if len(outs) > 0 {
			parts, err := p.lower.LowerInto(nil, outs)
			if err != nil {
				return nil, err
			}
			if segs, err = p.place(segs, parts, stores, true); err != nil {
				return nil, err
			}
		}
		call.Before = len(segs)
		for k, s := range c.Shapes {
			n := b.add(s.N())
			b.result[c.First-k] = n
			call.Out = append(call.Out, n)
		}
		call.Scratch = call.Routine.ScratchBytes(call.Work)
		b.scratch = max(b.scratch, call.Scratch)
		if f := call.Routine.Ops; f != nil {
			b.ops += f(call.Work)
		}
		b.calls = append(b.calls, call)
	}
	return segs, nil
}
