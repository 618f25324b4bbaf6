package safetensors_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// manyKeys returns a header of n tiny tensors with names as long as those of large
// models; 100,000 of them take about 11 MB.
func manyKeys(n int) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"model.layers.%d.block_sparse_moe.experts.%d.w%d.weight.%d":{"dtype":"F16","shape":[%d,1],"data_offsets":[%d,%d]}`,
			i/1000, i/10%100, i%10, i, 1+i%2, i/2*6+i%2*2, i/2*6+i%2*2+2+i%2*2)
	}
	b.WriteByte('}')
	return b.String()
}

func writeManyKeys(t testing.TB, n int) (path, header string) {
	t.Helper()
	header = manyKeys(n)
	path = filepath.Join(t.TempDir(), "m.safetensors")
	check(t, os.WriteFile(path, []byte(file(header, n/2*6)), 0o666))
	return path, header
}

// keysInTests keeps tests fast; what they assert is per key.
const keysInTests = 30_000

func TestALargeHeaderTakesLittleMemory(t *testing.T) {
	path, header := writeManyKeys(t, keysInTests)
	src, allocated := opened(t, path)
	defer src.Close()
	held := src.Header().MemoryBytes()
	t.Logf("header of %d bytes: %d bytes allocated, %d held", len(header), allocated, held)
	// Held per key: 32 bytes, up to 11 of the hash table, and the key (58). What is
	// allocated and not held is garbage that counts until it is collected.
	if held > 115*keysInTests || allocated > 135*keysInTests || held > allocated {
		t.Errorf("%d bytes allocated, %d held", allocated, held)
	}
}

// opened opens a file and returns how many bytes were allocated for that.
func opened(t *testing.T, path string) (*safetensors.Source, int64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	src, err := safetensors.Open(t.Context(), vfs.OS{}, path)
	check(t, err)
	runtime.ReadMemStats(&after)
	return src, int64(after.TotalAlloc - before.TotalAlloc)
}

// The JSON of this header takes about 3 MB, which are never held.
func TestWritingALargeHeaderTakesLittleMemory(t *testing.T) {
	h := tensor.NewHeader(keysInTests)
	for i := range int64(keysInTests) {
		check(t, h.Add(fmt.Sprintf("model.layers.%d.block_sparse_moe.experts.weight", i), tensor.U8, tensor.Shape{1}, i))
	}
	s := safetensors.Create(vfs.OS{}, filepath.Join(t.TempDir(), "m"), safetensors.Options{})
	data := make([]byte, keysInTests)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	check(t, s.Begin(t.Context(), tensor.Layout{Header: h}))
	check(t, s.WriteAt(data, 0))
	check(t, s.Commit(t.Context(), []int{keysInTests / 2}))
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 {
		t.Errorf("%d bytes allocated", allocated)
	}
}

func BenchmarkOpen100000Keys(b *testing.B) {
	path, header := writeManyKeys(b, 100_000)
	b.SetBytes(int64(len(header)))
	b.ReportAllocs()
	for b.Loop() {
		src, err := safetensors.Open(b.Context(), vfs.OS{}, path)
		check(b, err)
		check(b, src.Close())
	}
}

// BenchmarkEncodingJSON100000Keys is what BenchmarkOpen100000Keys is compared with: the
// same header into a map of structs, without any validation.
func BenchmarkEncodingJSON100000Keys(b *testing.B) {
	path, header := writeManyKeys(b, 100_000)
	b.SetBytes(int64(len(header)))
	b.ReportAllocs()
	for b.Loop() {
		content, err := os.ReadFile(path)
		check(b, err)
		var m map[string]struct {
			DType   string   `json:"dtype"`
			Shape   []int64  `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}
		check(b, json.Unmarshal(content[8:8+len(header)], &m))
	}
}

func BenchmarkWrite100000Keys(b *testing.B) {
	path, header := writeManyKeys(b, 100_000)
	src, err := safetensors.Open(b.Context(), vfs.OS{}, path)
	check(b, err)
	data := make([]byte, src.Header().DataSize())
	b.SetBytes(int64(len(header)))
	b.ReportAllocs()
	for b.Loop() {
		s := safetensors.Create(vfs.NewMem(), "/m", safetensors.Options{})
		check(b, s.Begin(b.Context(), tensor.Layout{Header: src.Header()}))
		check(b, s.WriteAt(data, 0))
		check(b, s.Commit(b.Context(), nil))
	}
}
