package safetensors_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// manyTensors are n tensors for bytesFile; names begin with the letter.
func manyTensors(letter string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s.layers.%06d.projection.weight=x", letter, i)
	}
	return list
}

// TestAHeaderIsOpenedIfItHasRoom gives a header exactly the memory that it takes, and less.
func TestAHeaderIsOpenedIfItHasRoom(t *testing.T) {
	index := strings.Builder{}
	index.WriteString(`{"weight_map":{`)
	for i, letter := range []string{"a", "b"} {
		for k, x := range manyTensors(letter, 5000) {
			if i+k > 0 {
				index.WriteString(",")
			}
			key, _, _ := strings.Cut(x, "=")
			fmt.Fprintf(&index, "%q:%q", key, letter+".safetensors")
		}
	}
	index.WriteString("}}")
	metadata := fmt.Sprintf(`{"__metadata__":{"a":%q,"b":"y"}}`, strings.Repeat("x", 1<<20))
	fsys := vfs.NewMem()
	put(t, fsys, "/file", bytesFile(manyTensors("f", 20_000)...))
	put(t, fsys, "/folder/a.safetensors", bytesFile(manyTensors("a", 5000)...))
	put(t, fsys, "/folder/b.safetensors", bytesFile(manyTensors("b", 5000)...))
	put(t, fsys, "/indexed/a.safetensors", bytesFile(manyTensors("a", 5000)...))
	put(t, fsys, "/indexed/b.safetensors", bytesFile(manyTensors("b", 5000)...))
	put(t, fsys, "/indexed/model.safetensors.index.json", index.String())
	put(t, fsys, "/metadata", file(metadata, 0))
	for _, path := range []string{"/file", "/folder", "/indexed", "/metadata"} {
		src, err := safetensors.Open(t.Context(), fsys, path)
		check(t, err)
		takes := src.Header().MemoryBytes()
		want := describe(src.Header())
		check(t, src.Close())
		src, err = safetensors.OpenWithin(t.Context(), fsys, path, takes)
		if err != nil {
			t.Errorf("%s: %d bytes for as many: %v", path, takes, err)
			continue
		}
		if got := describe(src.Header()); got != want || src.Header().MemoryBytes() > takes {
			t.Errorf("%s: another header, of %d bytes", path, src.Header().MemoryBytes())
		}
		check(t, src.Close())
		for _, room := range []int64{takes - 1, takes / 2, 1000, 0, -5} {
			_, err := safetensors.OpenWithin(t.Context(), fsys, path, room)
			var e *safetensors.RoomError
			switch {
			case !errors.As(err, &e) || tensor.ClassOf(err) != tensor.ClassFit:
				t.Errorf("%s: %d bytes for %d: %v", path, room, takes, err)
			case e.Need <= room || e.Need > takes+takes/10 || e.Need < takes-takes/10 || !strings.Contains(err.Error(), path):
				t.Errorf("%s: %d bytes for %d: %v", path, room, takes, err)
			}
		}
	}
}

// TestAHeaderWithoutRoomIsNotKept measures what a refused header of 5 MB, or its metadata, takes.
func TestAHeaderWithoutRoomIsNotKept(t *testing.T) {
	fsys := vfs.NewMem()
	put(t, fsys, "/tensors", bytesFile(manyTensors("f", 50_000)...))
	var metadata strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&metadata, `%q:"%060d",`, fmt.Sprint(i), i)
	}
	put(t, fsys, "/metadata", file(`{"__metadata__":{`+metadata.String()+`"z":""}}`, 0))
	for _, path := range []string{"/tensors", "/metadata"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := safetensors.OpenWithin(t.Context(), fsys, path, 100<<10)
		runtime.ReadMemStats(&after)
		if tensor.ClassOf(err) != tensor.ClassFit {
			t.Fatal(err)
		}
		// Allocated, not kept: the bound holds for what the collector has not seen as well.
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d bytes were allocated", path, n)
		}
	}
}
