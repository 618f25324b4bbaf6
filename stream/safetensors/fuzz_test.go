package safetensors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs/errorfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// FuzzHeader checks what holds for every header that is accepted: tensors fill the data
// section, encoding/json reads the same from it, block boundaries do not matter, and
// the header that is written for it is accepted and says the same.
func FuzzHeader(f *testing.F) {
	for _, c := range wrongFiles {
		if len(c.content) > 8 {
			f.Add(c.content[8:], uint16(8))
		}
	}
	f.Add(one("a", "a"), uint16(8))
	f.Add(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, uint16(2))
	f.Add(`{"__metadata__":{"\ud83e\uddee":"\u0000"},"e":{"dtype":"X","shape":[0],"data_offsets":[0,0]}}`, uint16(0))
	f.Fuzz(func(t *testing.T, header string, size uint16) {
		content := file(header, int(size))
		h, err := open(t, content, 0)
		small, smallErr := open(t, content, 3)
		if fmt.Sprint(err) != fmt.Sprint(smallErr) {
			t.Fatalf("error %v; with other blocks %v", err, smallErr)
		}
		if err != nil {
			if tensor.ClassOf(err) != tensor.ClassInput {
				t.Fatalf("error %v of class %v", err, tensor.ClassOf(err))
			}
			return
		}
		if describe(h) != describe(small) {
			t.Fatalf("%q; with other blocks %q", describe(h), describe(small))
		}
		checkFilled(t, h, int64(size))
		checkAgainstJSON(t, h, header)
		checkRewritten(t, h)
	})
}

// open opens a file with the given content, reading at most chunk bytes at once.
func open(t *testing.T, content string, chunk int) (*tensor.Header, error) {
	fsys := vfs.NewMem()
	put(t, fsys, "/m", content)
	src, err := safetensors.Open(context.Background(), errorfs.New(fsys, errorfs.Plan{At: -1, Chunk: chunk}), "/m")
	if err != nil {
		return nil, err
	}
	return src.Header(), src.Close()
}

func checkFilled(t *testing.T, h *tensor.Header, size int64) {
	pos := int64(0)
	for i := range h.Len() {
		e := h.At(i)
		if e.Pos != pos || e.Size < 0 {
			t.Fatalf("tensor %q at %d, want %d", e.Key, e.Pos, pos)
		}
		if want, err := e.Shape.Bytes(e.DType); e.DType.Valid() && (err != nil || want != e.Size) {
			t.Fatalf("tensor %q has %d bytes, want %d", e.Key, e.Size, want)
		}
		if at, found := h.Lookup(e.Key); !found || at != i {
			t.Fatalf("tensor %q is found at %d, want %d", e.Key, at, i)
		}
		pos += e.Size
	}
	if pos != size {
		t.Fatalf("the tensors take %d bytes, want %d", pos, size)
	}
}

// checkAgainstJSON compares with encoding/json, which knows nothing of this package.
func checkAgainstJSON(t *testing.T, h *tensor.Header, header string) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(header), &all); err != nil {
		t.Fatalf("accepted, but not JSON: %v", err)
	}
	var meta map[string]string
	if m, found := all["__metadata__"]; found {
		check(t, json.Unmarshal(m, &meta))
		delete(all, "__metadata__")
	}
	if fmt.Sprint(meta) != fmt.Sprint(h.Metadata) {
		t.Fatalf("metadata %q, want %q", h.Metadata, meta)
	}
	if len(all) != h.Len() {
		t.Fatalf("%d tensors, want %d", h.Len(), len(all))
	}
	for i := range h.Len() {
		// A map, because fields of a struct would match in any case of letters.
		var fields map[string]json.RawMessage
		check(t, json.Unmarshal(all[h.At(i).Key], &fields))
		var dtype string
		var shape tensor.Shape
		var offsets []int64
		check(t, json.Unmarshal(fields["dtype"], &dtype))
		check(t, json.Unmarshal(fields["shape"], &shape))
		check(t, json.Unmarshal(fields["data_offsets"], &offsets))
		e := h.At(i)
		if dtype != h.DTypeName(i) || !shape.Equal(e.Shape) || len(offsets) != 2 || offsets[0] != e.Pos || offsets[1] != e.Pos+e.Size {
			t.Fatalf("tensor %v, want %s %v %v", e, dtype, shape, offsets)
		}
	}
}

// checkRewritten writes the header anew.
func checkRewritten(t *testing.T, h *tensor.Header) {
	fsys := vfs.NewMem()
	err := write(t.Context(), fsys, "/m", tensor.Layout{Header: h}, make([]byte, h.DataSize()), nil)
	for i := range h.Len() {
		if h.At(i).DType == tensor.InvalidDType {
			if err == nil || !strings.Contains(err.Error(), "cannot be written") {
				t.Fatalf("an unknown element type was written (%v)", err)
			}
			return
		}
	}
	check(t, err)
	again, err := open(t, get(t, fsys, "/m"), 0)
	check(t, err)
	if describe(again) != describe(h) || fmt.Sprint(again.Metadata) != fmt.Sprint(h.Metadata) && len(h.Metadata) > 0 {
		t.Fatalf("written %q, read %q", describe(h), describe(again))
	}
}
