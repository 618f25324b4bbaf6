package safetensors

import (
	"fmt"
	"unicode/utf8"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// checkLayout checks that a layout can be written to a file, and returns the length of
// its header (N) and the size of its data.
func checkLayout(path string, h *tensor.Header) (n, size int64, err error) {
	at := int64(0)
	for i := range h.Len() {
		e := h.At(i)
		switch {
		case !e.DType.Valid():
			return 0, 0, layoutError(path, e.Key, "the element type %q cannot be written", h.DTypeName(i))
		case e.Key == metadataKey:
			return 0, 0, layoutError(path, e.Key, "the name is reserved by the format")
		case !utf8.ValidString(e.Key):
			return 0, 0, layoutError(path, e.Key, "the key is not valid UTF-8")
		case e.Pos != at:
			return 0, 0, layoutError(path, e.Key, "the layout has the tensor at %d, expected %d: tensors must touch", e.Pos, at)
		}
		at += e.Size
	}
	for k, v := range h.Metadata {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return 0, 0, layoutError(path, "", "the metadata of %q is not valid UTF-8", k)
		}
	}
	json, err := encode(h, nil, func([]byte) error { return nil })
	if err != nil {
		return 0, 0, err
	}
	if n = headerLength(json); n > maxHeaderLen {
		return 0, 0, &tensor.Error{Class: tensor.ClassFit, Path: path, Err: fmt.Errorf("the header does not fit into the format"),
			Got: fmt.Sprintf("%d bytes", n), Want: fmt.Sprintf("at most %d", maxHeaderLen)}
	}
	return n, at, nil
}

func layoutError(path, key, format string, args ...any) error {
	return &tensor.Error{Class: tensor.ClassOther, Path: path, Key: key, Err: fmt.Errorf(format, args...)}
}

// checkDrop checks that drop holds ascending indices of entries.
func checkDrop(path string, h *tensor.Header, drop []int) error {
	last := -1
	for _, i := range drop {
		if i <= last || i >= h.Len() {
			return layoutError(path, "", "dropped entries must be ascending indices below %d, found %d after %d", h.Len(), i, last)
		}
		last = i
	}
	return nil
}
