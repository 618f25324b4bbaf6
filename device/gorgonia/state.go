package gorgonia

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
	gt "gorgonia.org/tensor"
)

// littleEndian says that elements in memory have the byte order of stored ones.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// State is a state dict.
type State struct {
	Tensors map[string]*gt.Dense

	// Stored is how tensors are stored, where that is not what their elements are. It may
	// be nil.
	Stored map[string]tensor.DType

	// Metadata is the text map stored beside the tensors; it may be nil.
	Metadata map[string]string
}

// NewSource returns a source of the tensors of s. Those in C order are referred to, not
// copied: they must not change while the source is used. The name is for messages.
func NewSource(name string, s State) (tensor.Source, error) {
	d := make(memory.Dict, len(s.Tensors))
	for key, t := range s.Tensors {
		m, err := FromDense(t, s.Stored[key])
		if err != nil {
			return nil, about(name, key, err)
		}
		d[key] = m
	}
	for key := range s.Stored {
		if _, ok := s.Tensors[key]; !ok {
			return nil, about(name, key, input("", "", "", errors.New("a key of Stored is not among the tensors")))
		}
	}
	return memory.NewSource(name, d, s.Metadata)
}

// Load reads a whole source, one tensor at a time. With bits, small floats are kept as
// their bits.
func Load(ctx context.Context, src tensor.Source, bits bool) (State, error) {
	h := src.Header()
	d := make(memory.Dict, h.Len())
	for i := range h.Len() {
		if ctx.Err() != nil {
			return State{}, context.Cause(ctx)
		}
		e := h.At(i)
		if !e.DType.Valid() {
			return State{}, about(src.Name(), e.Key, input("", h.DTypeName(i), "", errors.New("the element type is not known")))
		}
		if _, _, err := form(e.DType, e.Shape, bits); err != nil {
			return State{}, about(src.Name(), e.Key, err)
		}
		data := aligned(e.Size)
		if err := src.ReadAt(data, e.Pos); err != nil {
			return State{}, fmt.Errorf("%s: %w", e.Key, err)
		}
		d[e.Key] = memory.Tensor{DType: e.DType, Shape: e.Shape, Data: data}
	}
	return fromDict(src.Name(), d, h.Metadata, bits)
}

// aligned returns n bytes at an address that suits every element type.
func aligned(n int64) []byte { return raw(make([]uint64, (n+7)/8))[:n] }

// fromDict turns stored tensors into a State, without copying what needs no conversion.
func fromDict(name string, d memory.Dict, metadata map[string]string, bits bool) (State, error) {
	s := State{Tensors: make(map[string]*gt.Dense, len(d)), Stored: map[string]tensor.DType{}, Metadata: metadata}
	for key, m := range d {
		t, err := ToDense(m, bits)
		if err != nil {
			return State{}, about(name, key, err)
		}
		s.Tensors[key] = t
		if smallFloat(m.DType) {
			s.Stored[key] = m.DType
		}
	}
	return s, nil
}

// about adds file and key to an error.
func about(name, key string, err error) error {
	var e *tensor.Error
	if errors.As(err, &e) {
		e.Path, e.Key = name, key
	}
	return err
}

// Sink takes the result of a merge as a State. It is a memory.Sink until Commit.
type Sink struct {
	*memory.Sink
	bits  bool
	state State
}

var _ tensor.Sink = (*Sink)(nil)

// NewSink returns a sink. With bits, small floats are kept as their bits.
func NewSink(name string, bits bool) *Sink {
	return &Sink{Sink: memory.NewSink(name, nil), bits: bits}
}

// Begin fixes the layout. It fails with ClassInput if there is a tensor that has no Dense.
func (s *Sink) Begin(ctx context.Context, l tensor.Layout) error {
	for i := range l.Len() {
		e := l.At(i)
		if _, _, err := form(e.DType, e.Shape, s.bits); err != nil {
			return about(s.Name(), e.Key, err)
		}
	}
	return s.Sink.Begin(ctx, l)
}

// Commit completes the state.
func (s *Sink) Commit(ctx context.Context, drop []int) error {
	if err := s.Sink.Commit(ctx, drop); err != nil {
		return err
	}
	state, err := fromDict(s.Name(), s.Dict(), s.Metadata(), s.bits)
	s.state = state
	return err
}

// State returns the state dict after Commit, and one without tensors before.
func (s *Sink) State() State { return s.state }
