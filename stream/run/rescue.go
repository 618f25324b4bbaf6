package run

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Rescue is a failure of a device after which work was done again elsewhere.
type Rescue struct {
	Device string
	Err    error // names what failed, and the key
}

// rescue moves the slot at hand, whose device has failed, to the device that rescues. Host
// memory stays where it is: what a device reads and writes has a twin in the host, and that is
// what the other device computes on. It returns false if the error ends the run.
func (w *worker) rescue(err error) bool {
	l := w.l
	if len(w.going) == 0 {
		return false
	}
	s := w.going[len(w.going)-1]
	if s.rescued() || tensor.ClassOf(err) != tensor.ClassDevice || !l.tolerate(s.info.Name, err) {
		return false
	}
	l.devices[s.home.dev].fails()
	_ = s.q.Close() // waits until nothing touches the memory; that it fails again is no news
	q, qerr := l.rescuer().device.NewQueue()
	if qerr != nil {
		return false
	}
	s.lane = lane{dev: len(l.devices) - 1, info: l.rescuer().info, q: q}
	s.mem = kernels.HostMem(s.host)
	w.lane = s.lane
	if s.job != nil {
		l.mu.Lock()
		l.toHost(s.job)
		l.mu.Unlock()
	}
	return true
}

// rescued reports whether the slot works on another device than its own.
func (s *slot) rescued() bool { return s.q != s.home.q }

// again does the work of the slot at hand once more, from the start.
func (w *worker) again() error {
	s := w.going[len(w.going)-1]
	if g, u := s.job, s.unit; g != nil {
		s.reset()
		s.job = g
		s.unit = unit{seg: u.seg, sweep: u.sweep, body: u.body, first: u.first, count: u.count, nums: u.nums}
		return w.startUnit(s)
	}
	jobs := append([]batchJob(nil), s.batch.jobs...)
	s.reset()
	s.batch.reset(len(w.l.sources), len(w.l.sinks))
	for i := range jobs {
		w.add(s, jobs[i].job, jobs[i].again)
	}
	return w.startBatch(s)
}

// openElsewhere makes a slot on the device that rescues, after another one could not make it.
func (w *worker) openElsewhere(err error, r plan.Ring) (*slot, error) {
	if tensor.ClassOf(err) != tensor.ClassDevice || !w.l.tolerate(w.info.Name, err) {
		return nil, err
	}
	s, rerr := w.l.rescuer().slot(max(r.SlotBytes, align))
	if rerr != nil {
		return nil, fmt.Errorf("%w (and on the device that rescues: %w)", err, rerr)
	}
	return s, nil
}

// tolerate enters a failure of a device, and reports whether the run goes on.
func (l *loop) tolerate(name string, err error) bool {
	if l.o.Rescue == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rep.Rescued++
	if len(l.rep.Rescues) < maxNamed {
		l.rep.Rescues = append(l.rep.Rescues, Rescue{name, err})
	}
	return true
}

// rescuer returns the device that rescues; there is one.
func (l *loop) rescuer() *dev { return l.devices[len(l.devices)-1] }

// may reports whether a worker may take a unit of a job with its slot at hand: its resident
// memory is on one device, but the host twin serves a slot that was rescued. The caller holds
// mu.
func (l *loop) may(w *worker, g *large) bool {
	rescued := l.o.Rescue != nil && w.dev == len(l.devices)-1
	switch {
	case g.dev < 0 || g.dev == w.dev && !g.onHost:
		return true
	case rescued:
		l.toHost(g)
		return true
	}
	return false
}

// toHost says that units of a job with resident memory are computed in the host from now on.
// The caller holds mu.
func (l *loop) toHost(g *large) {
	if g.dev >= 0 && !l.devices[g.dev].info.InHost {
		g.onHost = true
	}
}
