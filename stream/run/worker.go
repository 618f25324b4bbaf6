package run

import (
	"time"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
)

// worker owns a queue and a ring of slots. It is used by one goroutine.
type worker struct {
	l     *loop
	index int
	dev   int // index of the device
	info  device.Info
	q     device.Queue
	free  []*slot
	slots []*slot
	going []*slot // in flight, oldest first

	buf kernels.Launch // used again for every launch

	bytesRead int64
	units     int
	stages    Stages
	last      time.Time // end of the last stage
}

// open makes the queue and the ring, for which the caller has a lease.
func (w *worker) open(d device.Device, r plan.Ring) (err error) {
	w.info = d.Info()
	if w.q, err = d.NewQueue(); err != nil {
		return w.deviceError("", "opening a queue", err)
	}
	n := max(r.SlotBytes, align)
	for range max(r.Depth, 1) {
		m, err := w.q.Alloc(n)
		if err != nil {
			return w.deviceError("", "memory for a ring", err)
		}
		s := &slot{mem: m, host: w.q.Host(kernels.Span{Mem: m, Len: n})}
		w.slots = append(w.slots, s)
		w.free = append(w.free, s)
	}
	return nil
}

// close gives everything back. The first error counts.
func (w *worker) close() error {
	if w.q == nil {
		return nil
	}
	var first error
	keep := func(err error) {
		if err != nil && first == nil {
			first = w.deviceError("", "closing a queue", err)
		}
	}
	for _, s := range w.slots {
		keep(w.q.Free(s.mem))
	}
	keep(w.q.Close())
	return first
}

// run works until there is nothing to do.
func (w *worker) run() {
	w.last = time.Now()
	for {
		done, err := w.step()
		if err != nil {
			w.l.fail(err)
			done = true
		}
		if done {
			break
		}
	}
	w.drain()
	w.lap(&w.stages.Idle)
}

// step starts something in a free slot, or finishes the oldest one.
func (w *worker) step() (done bool, err error) {
	if len(w.free) == 0 {
		return false, w.finish()
	}
	s := w.free[len(w.free)-1]
	t := w.l.take(w, s, len(w.going) == 0)
	w.lap(&w.stages.Idle)
	switch t {
	case taskEnd:
		return true, nil
	case taskNone:
		return false, w.finish()
	}
	w.free = w.free[:len(w.free)-1]
	w.going = append(w.going, s)
	w.units++
	if t == taskBatch {
		return false, w.startBatch(s)
	}
	return false, w.startUnit(s)
}

// finish ends the work in the oldest slot. A batch with another round goes to the end of
// the line.
func (w *worker) finish() error {
	defer w.l.progress(false)
	s := w.going[0]
	w.going = append(w.going[:0], w.going[1:]...)
	if s.job != nil {
		err := w.finishUnit(s)
		w.free = append(w.free, s)
		return err
	}
	done, err := w.finishBatch(s)
	if done || err != nil {
		w.free = append(w.free, s)
		return err
	}
	w.going = append(w.going, s)
	return nil
}

// drain waits for what a failed run has left in flight; its errors do not matter anymore.
func (w *worker) drain() {
	if len(w.going) == 0 && w.l.failed() == nil {
		return
	}
	for _, s := range w.going {
		if s.ev != nil {
			_ = s.ev.Wait()
		}
	}
	if ev, err := w.q.Record(); err == nil {
		_ = ev.Wait()
	}
}

// lap adds the time since the end of the last stage to a stage.
func (w *worker) lap(stage *time.Duration) {
	now := time.Now()
	*stage += now.Sub(w.last)
	w.last = now
}

// read fills dst with the bytes of a source at pos.
func (w *worker) read(r *plan.Read, dst []byte, pos int64) error {
	if len(dst) == 0 {
		return nil
	}
	w.bytesRead += int64(len(dst))
	read := w.l.sources[r.Model].ReadAt
	if r.Cols > 0 {
		read = (&transposed{source: w.l.sources[r.Model], entry: r.Entry, cols: r.Cols}).readAt
	}
	if err := read(dst, pos); err != nil {
		return w.l.readError(r, err)
	}
	return nil
}

// write writes p, unless it is memory of the sink already.
func (w *worker) write(sink int, key string, p []byte, pos int64, inPlace bool) error {
	if !inPlace {
		if err := w.l.sinks[sink].WriteAt(p, pos); err != nil {
			return w.l.writeError(sink, key, err)
		}
	}
	w.l.written.Add(int64(len(p)))
	w.lap(&w.stages.Write)
	return nil
}

func (w *worker) onUnit(u Unit) {
	if f := w.l.o.OnUnit; f != nil {
		u.Worker = w.index
		f(u)
	}
}
