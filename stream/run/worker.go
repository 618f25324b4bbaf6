package run

import (
	"time"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
)

// worker owns a ring of slots. It is used by one goroutine.
type worker struct {
	l     *loop
	index int
	lane  // of the slot at hand
	free  []*slot
	slots []*slot
	going []*slot // in flight, oldest first

	buf kernels.Launch // used again for every launch

	bytesRead int64
	scratch   []byte // for views
	units     int
	stages    Stages
	last      time.Time // end of the last stage
}

// open makes the ring, for which the caller has a lease, on a device.
func (w *worker) open(dev int, r plan.Ring) error {
	for range max(r.Depth, 1) {
		s, err := w.l.devices[dev].slot(max(r.SlotBytes, align))
		if err != nil {
			w.lane = lane{dev: dev, info: w.l.devices[dev].info}
			if s, err = w.openElsewhere(w.deviceError("", "opening a ring", err), r); err != nil {
				return err
			}
		}
		w.slots = append(w.slots, s)
		w.free = append(w.free, s)
	}
	w.lane = w.slots[0].lane
	return nil
}

// close gives everything back. The first error counts; those of a device that has failed do
// not, since it was said already.
func (w *worker) close() error {
	var first error
	for _, s := range w.slots {
		w.lane = s.home
		err := s.q.Close()
		if s.rescued() {
			err = nil
			_ = s.home.q.Free(s.owned)
		} else if ferr := s.home.q.Free(s.owned); err == nil {
			err = ferr
		}
		if err != nil && first == nil && !w.l.devices[s.home.dev].failed() {
			if err = w.deviceError("", "closing a ring", err); !w.l.tolerate(w.info.Name, err) {
				first = err
			}
		}
	}
	return first
}

// run works until there is nothing to do.
func (w *worker) run() {
	w.last = time.Now()
	for {
		done, err := w.step()
		for err != nil && w.rescue(err) {
			err = w.again()
		}
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
	s := w.pick()
	w.lane = s.lane
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

// pick moves the slot to be used next to the end of the free ones, and returns it. One that was
// rescued can take every unit, others not always (see loop.may), so that it comes first: else
// the worker could wait with the wrong one in hand.
func (w *worker) pick() *slot {
	last := len(w.free) - 1
	for i, s := range w.free {
		if s.rescued() {
			w.free[i], w.free[last] = w.free[last], s
			break
		}
	}
	return w.free[last]
}

// finish ends the work in the oldest slot. A batch with another round goes to the end of
// the line.
func (w *worker) finish() error {
	defer w.l.progress(false)
	s := w.going[0]
	w.going = append(w.going[:0], w.going[1:]...)
	w.going = append(w.going, s) // at the end, as one that has just begun, if it fails or goes on
	w.lane = s.lane
	done := true
	var err error
	if s.job != nil {
		err = w.finishUnit(s)
	} else {
		done, err = w.finishBatch(s)
	}
	if done && err == nil {
		w.going = w.going[:len(w.going)-1]
		w.free = append(w.free, s)
	}
	return err
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
	for _, s := range w.slots {
		if ev, err := s.q.Record(); err == nil {
			_ = ev.Wait()
		}
	}
}

// lap adds the time since the end of the last stage to a stage.
func (w *worker) lap(stage *time.Duration) {
	now := time.Now()
	*stage += now.Sub(w.last)
	w.last = now
}

// read fills dst with the bytes of a source, or of a buffer of the job, at pos.
func (w *worker) read(g *large, r *plan.Read, dst []byte, pos int64) error {
	switch {
	case len(dst) == 0:
		return nil
	case r.Parts != nil:
		return w.readParts(g, r, dst, pos)
	}
	from, n := w.l.reader(g, r), int64(len(dst))
	var err error
	if r.Dims == nil {
		err = from.ReadAt(dst, pos)
	} else {
		v := &gathered{source: from, size: r.DType.Size(), scratch: w.scratch}
		err = v.readAt(dst, r.Pos, r.Dims, (pos-r.Pos)/v.size)
		w.scratch, n = v.scratch, v.read
	}
	switch {
	case !r.Source():
		return err
	case err != nil:
		return w.l.readError(r, err)
	}
	w.bytesRead += n
	return nil
}

// readParts fills dst with the bytes at pos of tensors that lie one after the other.
func (w *worker) readParts(g *large, r *plan.Read, dst []byte, pos int64) error {
	for i := range r.Parts {
		p := &r.Parts[i]
		size := bytesOf(p.DType, p.N)
		if pos >= size {
			pos -= size
			continue
		}
		n := min(size-pos, int64(len(dst)))
		if err := w.read(g, p, dst[:n], p.Pos+pos); err != nil {
			return err
		}
		dst, pos = dst[n:], 0
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
