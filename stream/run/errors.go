package run

import (
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// classOr returns the class of err, or c if it has none.
func classOr(err error, c tensor.Class) tensor.Class {
	if k := tensor.ClassOf(err); k != tensor.ClassOther {
		return k
	}
	return c
}

// readError names the source and the key of what could not be read.
func (l *loop) readError(r *plan.Read, err error) error {
	src := l.sources[r.Model]
	return &tensor.Error{Class: classOr(err, tensor.ClassIO), Path: src.Name(), Key: l.inputKey(r),
		Err: fmt.Errorf("reading: %w", err)}
}

func (l *loop) inputKey(r *plan.Read) string {
	if r.Parts != nil {
		var keys []string
		r.Stored(func(p *plan.Read) { keys = append(keys, l.inputKey(p)) })
		return strings.Join(keys, " or ")
	}
	if h := l.sources[r.Model].Header(); r.Entry >= 0 && r.Entry < h.Len() {
		return h.At(r.Entry).Key
	}
	return ""
}

func (l *loop) writeError(sink int, key string, err error) error {
	return &tensor.Error{Class: classOr(err, tensor.ClassIO), Path: l.sinks[sink].Name(), Key: key,
		Err: fmt.Errorf("writing: %w", err)}
}

// deviceError names the device, the key, and the part that was being computed.
func (w *worker) deviceError(key, what string, err error) error {
	return &tensor.Error{Class: classOr(err, tensor.ClassDevice), Path: w.info.Name, Key: key,
		Err: fmt.Errorf("%s: %w", what, err)}
}

// what describes a unit in messages.
func (u *unit) what() string {
	return fmt.Sprintf("sweep %d, elements [%d, %d)", u.sweep, u.first, u.first+u.count)
}

// planError is a job that cannot be right.
func planError(j *plan.Job, format string, args ...any) error {
	key := ""
	if len(j.Outputs) > 0 {
		key = j.Key()
	}
	return &tensor.Error{Key: key, Err: fmt.Errorf("plan: "+format, args...)}
}

// checkJob looks at what the run loop relies on, so that a wrong plan is an error and not
// a wrong file.
func (l *loop) checkJob(j *plan.Job) error {
	if len(j.Outputs) == 0 {
		return planError(j, "job %d has no outputs", j.Index)
	}
	var few [1]int64
	at := few[:]
	if n := len(j.Outputs) + len(j.Buffers); n > 1 {
		at = make([]int64, n)
	}
	for i := range j.Segments {
		if err := l.checkSegment(j, i, at); err != nil {
			return err
		}
	}
	for i := range j.Outputs {
		switch o := &j.Outputs[i]; {
		case o.Sink < 0 || o.Sink >= len(l.sinks):
			return planError(j, "sink %d of %d", o.Sink, len(l.sinks))
		case !o.Dropped && at[i] != o.N || o.Dropped && at[i] != 0:
			return planError(j, "segments have %d elements for output %d, expected %d", at[i], i, o.N)
		}
	}
	return checkCalls(j, at[len(j.Outputs):])
}

// checkSegment checks a segment and adds its elements to those of the outputs.
func (l *loop) checkSegment(j *plan.Job, i int, at []int64) error {
	s := &j.Segments[i]
	switch {
	case len(s.Reads) != len(s.Inst.Leaves):
		return planError(j, "segment %d has %d reads for %d leaves", i, len(s.Reads), len(s.Inst.Leaves))
	case len(s.Stores) != len(s.Inst.Outs):
		return planError(j, "segment %d has %d stores for %d outputs", i, len(s.Stores), len(s.Inst.Outs))
	}
	for k, outs := range s.Stores {
		d := s.Inst.Outs[k].DType
		for _, o := range outs {
			want := tensor.F32
			switch {
			case o < 0 && bufferOf(o) < len(j.Buffers):
				o = len(j.Outputs) + bufferOf(o)
			case o < 0 || o >= len(j.Outputs):
				return planError(j, "segment %d stores output %d of %d", i, o, len(j.Outputs))
			default:
				want = j.Outputs[o].DType
			}
			switch {
			case want != d:
				return planError(j, "segment %d makes %v, expected %v", i, d, want)
			case at[o] != s.First:
				return planError(j, "segment %d starts at %d, expected %d", i, s.First, at[o])
			case s.First*int64(d.Bits())%8 != 0:
				return planError(j, "segment %d starts within a byte", i)
			}
			at[o] += s.Inst.Elems(k)
		}
	}
	var err error
	for k := range s.Reads {
		if r := &s.Reads[k]; !r.Source() && bufferOf(r.Model) >= len(j.Buffers) {
			return planError(j, "segment %d reads buffer %d of %d", i, bufferOf(r.Model), len(j.Buffers))
		}
		s.Reads[k].Stored(func(r *plan.Read) {
			if r.Model < 0 || r.Model >= len(l.sources) {
				err = planError(j, "source %d of %d", r.Model, len(l.sources))
			}
		})
	}
	return err
}

// checkCalls looks at routines and their buffers. at are the elements that segments make of each.
func checkCalls(j *plan.Job, at []int64) error {
	for i := range j.Buffers {
		if b := &j.Buffers[i]; b.At%8 != 0 || b.At+b.Bytes() > j.Host {
			return planError(j, "buffer %d is at %d in %d bytes", i, b.At, j.Host)
		}
	}
	for i := range j.Calls {
		c := &j.Calls[i]
		for _, b := range append(append([]int(nil), c.In...), c.Out...) {
			if b < 0 || b >= len(j.Buffers) {
				return planError(j, "routine %d uses buffer %d of %d", i, b, len(j.Buffers))
			}
		}
		for _, b := range c.In {
			if at[b] != j.Buffers[b].N {
				return planError(j, "segments have %d elements for buffer %d, expected %d", at[b], b, j.Buffers[b].N)
			}
		}
	}
	return nil
}
