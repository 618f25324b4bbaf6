package run

import (
	"time"

	"github.com/mecha-gpu/mecha-gpu/plan"
)

// maxNamed is how many keys a list of a Report names; more are only counted, so that a
// report of 100,000 keys stays small.
const maxNamed = 1000

// Report is what a run did.
type Report struct {
	Tally         // over all sinks
	Sinks []Tally // by sink

	Restarts  int        // times that a job was generated again because of a guard
	Omitted   []Omission // inputs that were left out because they are not finite; at most 1000
	Omissions int        // how many there are

	// Again counts, by source, the jobs that read it only because they were made again.
	Again []int

	Dropped []Drop  // keys that could not be made; at most 1000 of them
	Flagged []Count // keys with output elements that are not finite or lost range; at most 1000

	BytesRead    int64 // actual, restarts and every sweep included
	BytesWritten int64
	Units        int // slots filled: batches, and units of large jobs
	PeakLeased   int64
	PeakDevice   int64 // the most own memory that was leased of one of the devices

	// Rescues are failures of devices after which work was done elsewhere; at most 1000.
	Rescues []Rescue
	Rescued int // how many there are

	Stages  Stages
	Publish time.Duration // checking the inputs, syncing and renaming
	Wall    time.Duration
}

// Tally counts output keys.
type Tally struct {
	Keys     int // written
	Copied   int // of these: copied
	Integers int // of these: integers that were passed through
	FellBack int // of these: made from a fallback
	Drops    int // could not be made

	Flags int   // have elements that are not finite or lost range
	Total Count // sum over all of them; Key is empty

	NonFiniteKeys, LossyKeys int // how many of them have such elements
}

// done counts a finished key.
func (t *Tally) done(n plan.Note, c Count) {
	t.Keys++
	t.Copied += btoi(n.Copied)
	t.Integers += btoi(n.Integer)
	t.FellBack += btoi(n.FellBack)
	t.Flags += btoi(c.any())
	t.NonFiniteKeys += btoi(c.NonFinite > 0)
	t.LossyKeys += btoi(c.Overflow+c.Underflow > 0)
	t.Total.add(c)
}

// Omission is an input that was left out because it has elements that are NaN or
// infinite. Source is empty, and Key that of the output, if it was computed.
type Omission struct{ Source, Key string }

// reads marks the sources that a job reads.
func reads(j *plan.Job, sources int) []bool {
	in := make([]bool, sources)
	for i := range j.Segments {
		for k := range j.Segments[i].Reads {
			j.Segments[i].Reads[k].Stored(func(r *plan.Read) { in[r.Model] = true })
		}
	}
	return in
}

// remade enters the sources that a finished job reads only because it was made again. The
// caller holds mu.
func (l *loop) remade(j *plan.Job) error {
	planned, err := l.p.Generate(j.Index, nil)
	if err != nil {
		return err
	}
	before := reads(planned, len(l.sources))
	for i, now := range reads(j, len(l.sources)) {
		if now && !before[i] {
			l.rep.Again[i]++
		}
	}
	return nil
}

// omit enters inputs that are left out.
func (r *Report) omit(list []Omission) {
	for _, o := range list {
		if r.Omissions++; len(r.Omitted) < maxNamed {
			r.Omitted = append(r.Omitted, o)
		}
	}
}

// Drop is a key that is not in the output, and why.
type Drop struct {
	Sink   int
	Key    string
	Guards []int // the guards that were set; empty if the plan had dropped it already

	// Source and Input name the tensor whose guard was found last; empty if the guard
	// protected something computed.
	Source, Input string
}

// Count is the number of output elements of a key that are worth a warning.
type Count struct {
	Sink      int
	Key       string
	NonFinite uint64 // stored as NaN or infinite
	Overflow  uint64 // finite, but stored as infinite or NaN (integers: out of range)
	Underflow uint64 // not zero, but stored as zero
}

func (c *Count) add(o Count) {
	c.NonFinite += o.NonFinite
	c.Overflow += o.Overflow
	c.Underflow += o.Underflow
}

func (c *Count) any() bool { return c.NonFinite|c.Overflow|c.Underflow != 0 }

// Stages is the time that all workers together spent.
type Stages struct {
	Read    time.Duration // filling slots
	Compute time.Duration // giving work to the device; a CPU computes meanwhile
	Wait    time.Duration // for work that the device does beside the worker
	Write   time.Duration
	Plan    time.Duration // making jobs
	Idle    time.Duration // with nothing to do
}

func (s *Stages) add(o Stages) {
	s.Read += o.Read
	s.Compute += o.Compute
	s.Wait += o.Wait
	s.Write += o.Write
	s.Plan += o.Plan
	s.Idle += o.Idle
}

// done enters a finished key.
func (r *Report) done(o *plan.Output, c Count) {
	r.Tally.done(o.Note, c)
	r.Sinks[o.Sink].done(o.Note, c)
	if c.Sink, c.Key = o.Sink, o.Key; c.any() && len(r.Flagged) < maxNamed {
		r.Flagged = append(r.Flagged, c)
	}
}

// drop enters a key that could not be made.
func (r *Report) drop(d Drop) {
	r.Drops++
	r.Sinks[d.Sink].Drops++
	if len(r.Dropped) < maxNamed {
		r.Dropped = append(r.Dropped, d)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
