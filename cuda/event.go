package cuda

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// work remembers what was given to a queue, for the message of a failure that surfaces
// later. It keeps the first and the last launch: what was between them is of the same unit.
type work struct {
	launches    int
	first, last launched
	copies      int
}

// launched is one launch.
type launched struct {
	prog     *kernels.Program // nil: a product
	first, n int64            // elements [first, first+n)
}

func (w *work) launch(l launched) {
	w.last = l
	if w.launches == 0 {
		w.first = w.last
	}
	w.launches++
}

// String says what the work was: "2 launches, from add mul store (elements [0, 10)) to ...".
func (w *work) String() string {
	switch {
	case w.launches == 0 && w.copies == 0:
		return "no work"
	case w.launches == 0:
		return fmt.Sprintf("%d copies", w.copies)
	case w.launches == 1:
		return "launch of " + w.first.String()
	}
	return fmt.Sprintf("%d launches, from %v to %v", w.launches, w.first, w.last)
}

// maxOps is how many operations of a Program a message lists.
const maxOps = 8

// String names the Program by its operations, and the elements.
func (l launched) String() string {
	s, listed := "", 0
	if l.prog == nil {
		return fmt.Sprintf("product, elements [%d, %d)", l.first, l.first+l.n)
	}
	for _, in := range l.prog.Code {
		if in.Op == kernels.OpLoad || in.Op == kernels.OpConst || in.Op == kernels.OpImm {
			continue
		}
		if listed == maxOps {
			s += " ..."
			break
		}
		s += " " + in.Op.String()
		listed++
	}
	if s == "" {
		s = " load"
	}
	return fmt.Sprintf("program [%s] of %d instructions over elements [%d, %d)", s[1:], len(l.prog.Code), l.first, l.first+l.n)
}

// event is a point in a queue's work. It belongs to the goroutine of its queue.
type event struct {
	q    *Queue
	ev   driver.Event
	work work
	rows int64 // that the queue had written when it was recorded
	done bool
	err  error
}

// Wait blocks until the work before the event is done, and returns its first failure.
func (e *event) Wait() error {
	if e.done {
		return e.err
	}
	d := e.q.dev
	e.done = true
	if gone := d.gone(); gone != nil { // perhaps because of this work
		e.err = &tensor.Error{Class: tensor.ClassDevice, Path: d.gpu.Label(), Err: fmt.Errorf("%v: %w", &e.work, gone)}
		return e.err
	}
	if err := d.api.EventSynchronize(d.ctx, e.ev); err != nil {
		e.err = d.failed(e.work.String(), err)
		return e.err
	}
	e.q.spare = append(e.q.spare, e.ev)
	if e.q.written == e.rows { // nothing was launched since: the table is read no more
		e.q.rows = 0
	}
	return nil
}
