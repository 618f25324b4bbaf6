// Package memory keeps state dicts in memory behind the interfaces of package tensor,
// so that a merge can read from and write to the variables of a Go program.
//
// Glossary:
//
//   - [Dict]: a state dict as a Go map.
//   - [Source] and [Sink]: a Dict to read from, and one to be filled.
//   - view: bytes of a tensor that are read or written in place, without copying.
//
// Example: hand a tensor to a merge, and take the result.
//
//	src, err := memory.NewSource("a", memory.Dict{"w": {DType: tensor.U8, Shape: tensor.Shape{2}, Data: []byte{1, 2}}}, nil)
//	dst := memory.NewSink("out", nil)
//	// merge
//	w := dst.Dict()["w"]
//
// The package does not convert elements: data are the bytes of a file, little-endian,
// in C order.
package memory

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Tensor is a tensor in memory.
type Tensor struct {
	DType tensor.DType
	Shape tensor.Shape
	Data  []byte // Shape.Bytes(DType) bytes, little-endian, C order
}

// Dict is a state dict: tensors by key.
type Dict map[string]Tensor

// Source reads from a Dict. Its tensors lie at positions in the order of files
// (tensor.FileOrder), though their bytes stay where they are.
type Source struct {
	name   string
	header *tensor.Header
	data   [][]byte // by index of the entry
}

var _ tensor.Source = (*Source)(nil)

// NewSource returns a source of the tensors of d, whose bytes it refers to: they must
// not change while it is used. It fails with ClassInput if a tensor has not as many
// bytes as its shape and element type say. Metadata may be nil.
func NewSource(name string, d Dict, metadata map[string]string) (*Source, error) {
	s := &Source{name: name, header: tensor.NewHeader(len(d))}
	s.header.Metadata = maps.Clone(metadata)
	pos := int64(0)
	for _, e := range sorted(d) {
		t := d[e.Key]
		if err := s.header.Add(e.Key, t.DType, t.Shape, pos); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		size := s.header.At(s.header.Len() - 1).Size
		if int64(len(t.Data)) != size {
			return nil, &tensor.Error{Class: tensor.ClassInput, Path: name, Key: e.Key,
				Err: fmt.Errorf("wrong amount of data for shape %v of %v", t.Shape, t.DType),
				Got: fmt.Sprintf("%d bytes", len(t.Data)), Want: fmt.Sprint(size)}
		}
		s.data = append(s.data, t.Data)
		pos += size
	}
	return s, nil
}

// sorted returns the keys and element types of d in the order of files.
func sorted(d Dict) []tensor.Entry {
	entries := make([]tensor.Entry, 0, len(d))
	for k, t := range d {
		if !t.DType.Valid() {
			t.DType = tensor.InvalidDType // refused by the header, with the key
		}
		entries = append(entries, tensor.Entry{Key: k, DType: t.DType})
	}
	slices.SortFunc(entries, tensor.FileOrder)
	return entries
}

// Name returns the name that the source was made with.
func (s *Source) Name() string { return s.name }

// Header returns the table of contents.
func (s *Source) Header() *tensor.Header { return s.header }

// entryAt returns the index of the last entry that starts at or before pos.
func (s *Source) entryAt(pos int64) int {
	return sort.Search(s.header.Len(), func(i int) bool { return s.header.At(i).Pos > pos }) - 1
}

// ReadAt copies the bytes at pos into dst.
func (s *Source) ReadAt(dst []byte, pos int64) error {
	if pos < 0 || pos+int64(len(dst)) > s.header.DataSize() {
		return outside(s.name, "read", int64(len(dst)), pos, s.header.DataSize())
	}
	for i := s.entryAt(pos); len(dst) > 0; i++ {
		n := copy(dst, s.data[i][pos-s.header.At(i).Pos:])
		dst, pos = dst[n:], pos+int64(n)
	}
	return nil
}

func outside(name, what string, n, pos, size int64) error {
	return tensor.Errorf(tensor.ClassOther, "%s: %s of %d bytes at %d leaves the %d bytes of data", name, what, n, pos, size)
}

// View returns the bytes at [pos, pos+n), if they are inside one tensor.
func (s *Source) View(pos, n int64) []byte {
	if pos < 0 || n <= 0 || s.header.Len() == 0 {
		return nil
	}
	i := s.entryAt(pos)
	at := pos - s.header.At(i).Pos
	if size := int64(len(s.data[i])); at > size || n > size-at {
		return nil
	}
	return s.data[i][at : at+n : at+n]
}

// Unchanged returns nil: whoever holds the tensors knows.
func (s *Source) Unchanged() error { return nil }

// Close does nothing.
func (s *Source) Close() error { return nil }
