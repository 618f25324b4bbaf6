package memory

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/stream/internal/extent"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Sink takes a state dict into memory: one allocation, in which the tensors lie at
// their positions. Commit fails if a byte of a tensor was neither written nor handed
// out by View.
type Sink struct {
	name string
	buf  []byte

	mu      sync.RWMutex // held for reading during a WriteAt
	state   sinkState
	header  *tensor.Header
	data    []byte
	written extent.Set
	dict    Dict
}

type sinkState uint8

const (
	sinkNew sinkState = iota
	sinkOpen
	sinkReady // dict is what Commit will show
	sinkCommitted
	sinkAborted
)

var _ tensor.Sink = (*Sink)(nil)

// NewSink returns a sink. If buf has room for the data (its capacity counts), they are
// put there; otherwise Begin allocates memory for them.
func NewSink(name string, buf []byte) *Sink { return &Sink{name: name, buf: buf} }

// Name returns the name that the sink was made with.
func (s *Sink) Name() string { return s.name }

// Begin fixes the layout and takes the memory. Tensors may not overlap.
func (s *Sink) Begin(ctx context.Context, l tensor.Layout) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != sinkNew {
		return s.misused("Begin")
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	at := int64(0)
	for i := range l.Len() {
		e := l.At(i)
		if e.Pos < at {
			return s.errorf(e.Key, "the layout has the tensor at %d, before the end of the one before it (%d)", e.Pos, at)
		}
		at = e.Pos + e.Size
	}
	if s.data = s.buf; int64(cap(s.buf)) < at {
		s.data = make([]byte, at)
	}
	s.data = s.data[:at]
	s.header, s.state = l.Header, sinkOpen
	return nil
}

func (s *Sink) errorf(key, format string, args ...any) error {
	return &tensor.Error{Class: tensor.ClassOther, Path: s.name, Key: key, Err: fmt.Errorf(format, args...)}
}

func (s *Sink) misused(call string) error {
	return s.errorf("", "%s is out of order: want Begin, then WriteAt, then Commit or Abort once", call)
}

// WriteAt copies p to pos.
func (s *Sink) WriteAt(p []byte, pos int64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state != sinkOpen {
		return s.misused("WriteAt")
	}
	size := int64(len(s.data))
	if pos < 0 || pos > size || int64(len(p)) > size-pos {
		return outside(s.name, "write", int64(len(p)), pos, size)
	}
	copy(s.data[pos:], p)
	s.written.Add(pos, pos+int64(len(p)))
	return nil
}

// View returns the memory at [pos, pos+n), which counts as written: whoever asks for
// it fills it.
func (s *Sink) View(pos, n int64) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	size := int64(len(s.data))
	if s.state != sinkOpen || pos < 0 || n <= 0 || pos > size || n > size-pos {
		return nil
	}
	s.written.Add(pos, pos+n)
	return s.data[pos : pos+n : pos+n]
}

// Prepare finds the tensors that are not dropped.
func (s *Sink) Prepare(ctx context.Context, drop []int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != sinkOpen {
		return s.misused("Prepare")
	}
	return s.prepare(ctx, drop)
}

func (s *Sink) prepare(ctx context.Context, drop []int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	gaps := s.written.Gaps(int64(len(s.data)))
	d := make(Dict, s.header.Len())
	for i := range s.header.Len() {
		if len(drop) > 0 && drop[0] == i {
			drop = drop[1:]
			continue
		}
		e := s.header.At(i)
		end := e.Pos + e.Size
		for len(gaps) > 0 && gaps[0].End <= e.Pos {
			gaps = gaps[1:]
		}
		if e.Size > 0 && len(gaps) > 0 && gaps[0].Start < end {
			return s.errorf(e.Key, "the bytes from %d to %d of the data were never written", max(gaps[0].Start, e.Pos), min(gaps[0].End, end))
		}
		d[e.Key] = Tensor{DType: e.DType, Shape: slices.Clone(e.Shape), Data: s.data[e.Pos:end:end]}
	}
	if len(drop) > 0 {
		return s.errorf("", "dropped entries must be ascending indices below %d, found %v", s.header.Len(), drop)
	}
	s.dict, s.state = d, sinkReady
	return nil
}

// Commit makes the tensors that are not dropped available from Dict.
func (s *Sink) Commit(ctx context.Context, drop []int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case sinkOpen:
		if err := s.prepare(ctx, drop); err != nil {
			return err
		}
	case sinkReady:
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	default:
		return s.misused("Commit")
	}
	s.state = sinkCommitted
	return nil
}

// Abort forgets everything. It does nothing after a successful Commit.
func (s *Sink) Abort() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != sinkCommitted {
		s.state, s.data, s.header, s.dict = sinkAborted, nil, nil, nil
	}
	return nil
}

// Dict returns the tensors after Commit, and nil before. They share one allocation.
func (s *Sink) Dict() Dict {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state != sinkCommitted {
		return nil
	}
	return s.dict
}

// Metadata returns the metadata of the layout after Commit.
func (s *Sink) Metadata() map[string]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state != sinkCommitted {
		return nil
	}
	return s.header.Metadata
}
