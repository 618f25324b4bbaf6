package safetensors_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// describe lists key, element type, shape, position and size of every entry.
func describe(h *tensor.Header) string {
	var b strings.Builder
	for i := range h.Len() {
		e := h.At(i)
		fmt.Fprintf(&b, "%s %s %v %d %d;", e.Key, h.DTypeName(i), e.Shape, e.Pos, e.Size)
	}
	return b.String()
}

// small is a model of three tensors with 2, 3 and 1 bytes.
func small(t testing.TB) (tensor.Layout, []byte) {
	t.Helper()
	l := layout(t, []item{{"a", tensor.U8, tensor.Shape{2}}, {"b", tensor.U8, tensor.Shape{3}}, {"c", tensor.U8, tensor.Shape{}}}, nil)
	return l, []byte("aabbbc")
}

// get returns the content of a file.
func get(t testing.TB, fsys vfs.FS, path string) string {
	t.Helper()
	f, err := fsys.Open(path)
	check(t, err)
	defer f.Close()
	info, err := f.Stat()
	check(t, err)
	p := make([]byte, info.Size)
	check(t, vfs.ReadFull(f, p, 0))
	return string(p)
}

// names lists a folder.
func names(t testing.TB, fsys vfs.FS, dir string) string {
	t.Helper()
	all, err := fsys.List(dir)
	check(t, err)
	return strings.Join(all, " ")
}
