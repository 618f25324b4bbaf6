package kernels

import (
	"context"
	"fmt"
	"slices"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Routine is a Go function over whole tensors: what is neither elementwise nor a reduction, such as
// the factors of a matrix. It runs on the host, whatever the device is, on float32 numbers, whatever
// the merge computes in. Its operands are computed before it, into memory that the job leases; its
// results are in such memory, and are to what comes after it as stored tensors are. It must be
// pure, and is identified by its address: it is a package variable, not a closure made for each key.
type Routine struct {
	Name string

	// Scratch returns how many float64 numbers of memory Fn needs beside operands and results. nil:
	// none.
	Scratch func(w *RoutineWork) int64

	// Ops returns about how many operations on numbers Fn does, for estimates of time. nil: few.
	Ops func(w *RoutineWork) float64

	// Fn fills the results, which are not cleared before. It returns the error of ctx if that ends.
	Fn func(ctx context.Context, w *RoutineWork) error
}

// RoutineWork is one call of a routine. For Scratch and Ops, arrays have no data.
type RoutineWork struct {
	Nums    []float64 // numbers of the recipe
	In, Out []Array
	Scratch []float64 // not cleared
}

// Array is a tensor of float32 numbers.
type Array struct {
	Shape tensor.Shape
	Data  []float32 // C order
}

// RoutineCall is a routine with what it is applied to in a trace.
type RoutineCall struct {
	Routine *Routine
	Nums    []float64
	In      []T
	Shapes  []tensor.Shape // of the results

	// First names the first result: leaves with the numbers First, First-1, ... are the results.
	First int
}

// Routine applies a routine to tensors, and returns its results, of the given shapes. nums are
// given to it. The same call gives the same results.
func (t *Trace) Routine(fn *Routine, nums []float64, shapes []tensor.Shape, in ...T) []T {
	i := slices.IndexFunc(t.calls, func(c RoutineCall) bool {
		return c.Routine == fn && slices.Equal(c.Nums, nums) && slices.Equal(c.In, in) && slices.EqualFunc(c.Shapes, shapes, tensor.Shape.Equal)
	})
	if i < 0 {
		i = len(t.calls)
		first := -1
		if i > 0 {
			last := &t.calls[i-1]
			first = last.First - len(last.Shapes)
		}
		t.calls = append(t.calls, RoutineCall{fn, slices.Clone(nums), slices.Clone(in), slices.Clone(shapes), first})
	}
	results := make([]T, len(shapes))
	for k := range results {
		results[k] = t.Leaf(t.calls[i].First-k, tensor.F32, shapes[k])
	}
	return results
}

// AppendCalls appends the calls of routines that expressions of the trace need, those that others
// need first.
func (t *Trace) AppendCalls(calls []*RoutineCall, outs []Output) []*RoutineCall {
	if len(t.calls) == 0 || len(outs) == 0 {
		return calls
	}
	need := make([]bool, len(t.calls))
	reached := make([]bool, len(t.nodes))
	for _, o := range outs {
		reached[o.Root.id] = true
	}
	for id := len(t.nodes) - 1; id >= 0; id-- { // results of a call come after its operands
		if !reached[id] {
			continue
		}
		n := &t.nodes[id]
		for _, list := range [][]int32{n.args(), n.list} {
			for _, a := range list {
				reached[a] = true
			}
		}
		if i := t.callOf(n); i >= 0 {
			need[i] = true
			for _, a := range t.calls[i].In {
				reached[a.id] = true
			}
		}
	}
	for i := range t.calls {
		if need[i] {
			calls = append(calls, &t.calls[i])
		}
	}
	return calls
}

// callOf returns the call that a node is a result of, or -1.
func (t *Trace) callOf(n *node) int {
	if n.kind != nLeaf || n.list != nil || int(n.imm) >= 0 {
		return -1
	}
	return slices.IndexFunc(t.calls, func(c RoutineCall) bool {
		return int(n.imm) <= c.First && int(n.imm) > c.First-len(c.Shapes)
	})
}

// Work is the call without data.
func (c *RoutineCall) Work() *RoutineWork {
	w := &RoutineWork{Nums: c.Nums}
	for _, a := range c.In {
		w.In = append(w.In, Array{Shape: a.Shape()})
	}
	for _, s := range c.Shapes {
		w.Out = append(w.Out, Array{Shape: s})
	}
	return w
}

// ScratchBytes returns the bytes of scratch that a call needs.
func (r *Routine) ScratchBytes(w *RoutineWork) int64 {
	if r.Scratch == nil {
		return 0
	}
	return 8 * r.Scratch(w)
}

// RunRoutine runs a routine. in, out and scratch are the memory of its operands, its results and its
// scratch, aligned to 8 bytes. It fails if they are too small, if the function fails, or if it
// panics (a user's function must not end the program); the error names the routine.
func RunRoutine(ctx context.Context, r *Routine, work *RoutineWork, in, out [][]byte, scratch []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil && ctx.Err() == nil {
			err = &tensor.Error{Class: tensor.ClassOf(err), Err: fmt.Errorf("%s: %w", r.Name, err)}
		}
	}()
	w := &RoutineWork{Nums: work.Nums}
	if w.In, err = arrays(work.In, in); err != nil {
		return fmt.Errorf("operands: %w", err)
	}
	if w.Out, err = arrays(work.Out, out); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if n := r.ScratchBytes(work); n > 0 {
		if n > int64(len(scratch)) {
			return fmt.Errorf("%d bytes of scratch, expected %d", len(scratch), n)
		}
		w.Scratch = unsafe.Slice((*float64)(unsafe.Pointer(&scratch[0])), n/8)
	}
	return r.Fn(ctx, w)
}

// arrays gives arrays their data.
func arrays(shapes []Array, data [][]byte) ([]Array, error) {
	if len(shapes) != len(data) {
		return nil, fmt.Errorf("%d, expected %d", len(data), len(shapes))
	}
	all := make([]Array, len(shapes))
	for i, a := range shapes {
		x, err := floats(Span{Mem: HostMem(data[i]), Len: int64(len(data[i]))}, 4*a.Shape.N())
		if err != nil {
			return nil, err
		}
		all[i] = Array{a.Shape, x}
	}
	return all, nil
}
