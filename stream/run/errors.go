package run

import (
	"fmt"

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
	return &tensor.Error{Key: j.Key, Err: fmt.Errorf("plan: "+format, args...)}
}

// checkJob looks at what the run loop relies on, so that a wrong plan is an error and not
// a wrong file.
func (l *loop) checkJob(j *plan.Job) error {
	if j.Sink < 0 || j.Sink >= len(l.sinks) {
		return planError(j, "sink %d of %d", j.Sink, len(l.sinks))
	}
	if j.Dropped {
		return nil
	}
	at := int64(0)
	for i := range j.Segments {
		s := &j.Segments[i]
		switch {
		case s.First != at || s.N < 0:
			return planError(j, "segment %d starts at %d, expected %d", i, s.First, at)
		case len(s.Reads) != len(s.Inst.Leaves):
			return planError(j, "segment %d has %d reads for %d leaves", i, len(s.Reads), len(s.Inst.Leaves))
		case s.Inst.Out != j.DType:
			return planError(j, "segment %d makes %v, expected %v", i, s.Inst.Out, j.DType)
		case s.First*int64(j.DType.Bits())%8 != 0:
			return planError(j, "segment %d starts within a byte", i)
		}
		at += s.N
		for k := range s.Reads {
			if m := s.Reads[k].Model; m < 0 || m >= len(l.sources) {
				return planError(j, "source %d of %d", m, len(l.sources))
			}
		}
	}
	if at != j.N {
		return planError(j, "segments have %d elements, expected %d", at, j.N)
	}
	return nil
}
