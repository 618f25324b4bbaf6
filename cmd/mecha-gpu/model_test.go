package main

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// testTensor is a tensor of a model that a test writes.
type testTensor struct {
	DType   string  `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets [2]int  `json:"data_offsets"`

	bytes []byte
}

// f32 is a tensor of float32 numbers.
func f32(shape []int64, x ...float32) *testTensor {
	t := &testTensor{DType: "F32", Shape: shape}
	for _, v := range x {
		t.bytes = binary.LittleEndian.AppendUint32(t.bytes, math.Float32bits(v))
	}
	return t
}

// i64 is a tensor of integers.
func i64(x ...int64) *testTensor {
	t := &testTensor{DType: "I64", Shape: []int64{int64(len(x))}}
	for _, v := range x {
		t.bytes = binary.LittleEndian.AppendUint64(t.bytes, uint64(v))
	}
	return t
}

// vec is a vector of float32 numbers.
func vec(x ...float32) *testTensor { return f32([]int64{int64(len(x))}, x...) }

// model is a state dict that a test writes.
type model map[string]*testTensor

// encode returns the model as a safetensors file.
func (m model) encode(t testing.TB) []byte {
	t.Helper()
	var data []byte
	header := map[string]any{"__metadata__": map[string]string{"format": "pt", "made_by": "a test"}}
	for key, x := range m {
		x.Offsets = [2]int{len(data), len(data) + len(x.bytes)}
		data = append(data, x.bytes...)
		header[key] = x
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return append(append(out, text...), data...)
}

// folder makes a temporary folder with the given files.
func folder(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readModel parses a safetensors file without the code under test.
func readModel(t testing.TB, path string) (m map[string]*testTensor, metadata map[string]string) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(file)
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	m = map[string]*testTensor{}
	for key, raw := range header {
		if key == "__metadata__" {
			err = json.Unmarshal(raw, &metadata)
		} else {
			x := &testTensor{}
			err = json.Unmarshal(raw, x)
			x.bytes = file[8+n:][x.Offsets[0]:x.Offsets[1]]
			m[key] = x
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return m, metadata
}

// names lists the files in a folder.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
