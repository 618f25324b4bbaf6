package safetensors_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// item is one tensor of a test model.
type item struct {
	key   string
	dtype tensor.DType
	shape tensor.Shape
}

// layout places items in the order of files.
func layout(t testing.TB, items []item, metadata map[string]string) tensor.Layout {
	t.Helper()
	entries := make([]tensor.Entry, len(items))
	for i, it := range items {
		entries[i] = tensor.Entry{Key: it.key, DType: it.dtype, Shape: it.shape}
	}
	slices.SortFunc(entries, tensor.FileOrder)
	h := tensor.NewHeader(len(items))
	h.Metadata = metadata
	pos := int64(0)
	for _, e := range entries {
		check(t, h.Add(e.Key, e.DType, e.Shape, pos))
		pos += h.At(h.Len() - 1).Size
	}
	return tensor.Layout{Header: h}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// content returns size bytes that depend on seed.
func content(seed uint64, size int64) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// write writes a model whose data section is data.
func write(ctx context.Context, fsys vfs.FS, path string, l tensor.Layout, data []byte, drop []int) error {
	return writeTo(ctx, safetensors.Create(fsys, path, safetensors.Options{}), l, data, drop)
}

// writeTo does the same with a sink that is new.
func writeTo(ctx context.Context, s *safetensors.Sink, l tensor.Layout, data []byte, drop []int) error {
	if err := s.Begin(ctx, l); err != nil {
		return err
	}
	for at := 0; at < len(data); at += 100 {
		if err := s.WriteAt(data[at:min(at+100, len(data))], int64(at)); err != nil {
			return fmt.Errorf("%w (abort: %v)", err, s.Abort())
		}
	}
	if err := s.Commit(ctx, drop); err != nil {
		return fmt.Errorf("%w (abort: %v)", err, s.Abort())
	}
	return s.Abort()
}

// everyDType has tensors of all element types, empty ones, a scalar, and awkward names.
func everyDType() []item {
	items := []item{
		{"scalar", tensor.F32, tensor.Shape{}},
		{"empty", tensor.F16, tensor.Shape{3, 0, 2}},
		{"", tensor.U8, tensor.Shape{1}},
		{"quote\" back\\slash", tensor.U8, tensor.Shape{2}},
		{"line\nbreak\ttab\x01", tensor.U8, tensor.Shape{2}},
		{"größe/模型/🧮", tensor.I16, tensor.Shape{2}},
	}
	for _, d := range tensor.DTypes() {
		items = append(items, item{"t." + d.String(), d, tensor.Shape{2, 4}})
	}
	return items
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	ctx := context.Background()
	fsys := vfs.NewMem()
	meta := map[string]string{"format": "pt", "ключ": "a\"b\\c\n\u2028🧮", "": ""}
	l := layout(t, everyDType(), meta)
	data := content(1, l.DataSize())
	check(t, write(ctx, fsys, "/m.safetensors", l, data, nil))

	src, err := safetensors.Open(ctx, fsys, "/m.safetensors")
	check(t, err)
	defer src.Close()
	h := src.Header()
	if h.Len() != l.Len() {
		t.Fatalf("%d tensors, want %d", h.Len(), l.Len())
	}
	for i := range h.Len() {
		got, want := h.At(i), l.At(i)
		if got.Key != want.Key || got.DType != want.DType || !got.Shape.Equal(want.Shape) || got.Pos != want.Pos || got.Size != want.Size {
			t.Errorf("tensor %d is %v, want %v", i, got, want)
		}
		if size := max(1, got.DType.Size()); got.Pos%size != 0 {
			t.Errorf("%q lies at %d, which is not aligned to %d", got.Key, got.Pos, size)
		}
	}
	if fmt.Sprint(h.Metadata) != fmt.Sprint(meta) {
		t.Errorf("metadata %q, want %q", h.Metadata, meta)
	}
	got := make([]byte, len(data))
	check(t, src.ReadAt(got, 0))
	if !bytes.Equal(got, data) {
		t.Error("the data differ")
	}
}
