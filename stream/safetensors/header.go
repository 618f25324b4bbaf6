package safetensors

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// readPrefix returns the length of the header of a file of the given size, or says
// what the file is if it is not safetensors.
func readPrefix(r io.ReaderAt, path string, size int64) (int64, error) {
	head, err := readHead(r, path, size)
	if err != nil {
		return 0, err
	}
	if len(head) == 0 {
		return 0, invalid(path, "", "the file is empty")
	}
	n := uint64(maxHeaderLen + 1)
	if len(head) >= prefixLen {
		n = binary.LittleEndian.Uint64(head)
	}
	if n > maxHeaderLen || !looksLikeHeader(head) {
		if err := sniff(path, head); err != nil {
			return 0, err
		}
	}
	return int64(n), checkPrefix(path, n, size, head)
}

func checkPrefix(path string, n uint64, size int64, head []byte) error {
	switch {
	case len(head) < prefixLen:
		return lengthError(path, "the file is too short", size, prefixLen)
	case n > maxHeaderLen:
		e := invalid(path, "", "not a safetensors file, or a corrupt one: wrong header length")
		e.Got, e.Want = fmt.Sprint(n), fmt.Sprintf("at most %d", maxHeaderLen)
		return e
	case int64(n) > size-prefixLen:
		return lengthError(path, "the file ends inside its header: it is truncated or corrupt", size, prefixLen+int64(n))
	}
	return nil
}

func lengthError(path, what string, got, want int64) error {
	e := invalid(path, "", "%s", what)
	e.Got, e.Want = fmt.Sprintf("%d bytes", got), fmt.Sprintf("at least %d", want)
	return e
}

// readHead returns the first bytes of a file, for recognising it.
func readHead(r io.ReaderAt, path string, size int64) ([]byte, error) {
	head := make([]byte, min(sniffLen, size))
	if err := vfs.ReadFull(r, head, 0); err != nil {
		return nil, readError(path, err)
	}
	return head, nil
}

// bytesPerTensor is about how many bytes of a header one tensor takes (110 to 130 in
// Hugging Face checkpoints of large models).
const bytesPerTensor = 128

// loadHeader parses and validates the header of a file and adds its tensors to h, with
// base added to their positions, as long as c lets it. It returns the length of the header.
func loadHeader(ctx context.Context, r io.ReaderAt, path string, size, base int64, h *tensor.Header, c *counter) (int64, error) {
	n, err := readPrefix(r, path, size)
	if err != nil {
		return 0, err
	}
	first := h.Len()
	h.Grow(int(min(n, max(c.room, 0)) / bytesPerTensor))
	l := loader{path: path, h: h, base: base, size: size - prefixLen - n, count: c}
	meta, err := parseHeader(ctx, r, path, n, l.add, l.text)
	if err != nil {
		return 0, err
	}
	for k, v := range meta {
		if _, found := h.Metadata[k]; !found { // of shards, the first one counts
			if h.Metadata == nil {
				h.Metadata = make(map[string]string, len(meta))
			}
			h.Metadata[k] = v
		}
	}
	if c.end(h); c.over {
		return n, nil
	}
	h.SortByPos(first)
	return n, l.checkOrder(first)
}

// loader validates the tensors of one file.
type loader struct {
	path string
	h    *tensor.Header
	base int64 // position of the file's data section in that of the state dict
	size int64 // bytes in the file's data section

	count *counter

	last     string // name of the element type of the tensor before, and
	lastType tensor.DType
}

// add checks a tensor on its own and adds it to the header.
func (l *loader) add(t *rawTensor) error {
	if t.end > l.size {
		e := invalid(l.path, strings.Clone(t.key), "the tensor ends behind the end of the file, which is truncated or corrupt")
		e.Got, e.Want = fmt.Sprintf("data_offsets [%d, %d]", t.begin, t.end), fmt.Sprintf("at most %d", l.size)
		return e
	}
	if !l.count.add(l.h, t.key) {
		return nil
	}
	if t.dtype != l.last {
		l.last = strings.Clone(t.dtype)
		l.lastType, _ = tensor.ParseDType(l.last)
	}
	if !l.lastType.Valid() {
		return l.named(l.h.AddUnknown(t.key, l.last, t.shape, l.base+t.begin, t.end-t.begin))
	}
	if err := l.h.Add(t.key, l.lastType, t.shape, l.base+t.begin); err != nil {
		return l.named(err)
	}
	if e := l.h.At(l.h.Len() - 1); e.Size != t.end-t.begin {
		err := invalid(l.path, strings.Clone(t.key), "shape %v of %v takes %d bytes", e.Shape, e.DType, e.Size)
		err.Got, err.Want = fmt.Sprintf("data_offsets [%d, %d]", t.begin, t.end), fmt.Sprintf("%d bytes", e.Size)
		return err
	}
	return nil
}

// text reports whether a member of the metadata is to be kept.
func (l *loader) text(key, value []byte) bool { return l.count.addText(l.h, key, value) }

// named adds the path to an error of tensor.Header.
func (l *loader) named(err error) error {
	if e, ok := err.(*tensor.Error); ok { // made by the header just now
		e.Path = l.path
	}
	return err
}

// checkOrder checks that the tensors from index first on fill the data section.
func (l *loader) checkOrder(first int) error {
	at := int64(0)
	for i := first; i < l.h.Len(); i++ {
		e := l.h.At(i)
		if begin := e.Pos - l.base; begin != at {
			what := "there is a hole before the tensor"
			if begin < at {
				what = "the tensor overlaps the one before it"
			}
			err := invalid(l.path, e.Key, "%s", what)
			err.Got, err.Want = fmt.Sprintf("data_offsets [%d, %d]", begin, begin+e.Size), fmt.Sprintf("a start at %d", at)
			return err
		}
		at += e.Size
	}
	if at != l.size {
		err := invalid(l.path, "", "the tensors do not reach to the end of the file")
		err.Got, err.Want = fmt.Sprintf("%d bytes of data", l.size), fmt.Sprint(at)
		return err
	}
	return nil
}
