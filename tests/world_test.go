package tests

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// check ends the test if err is not nil.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// f32s makes a float32 tensor.
func f32s(shape tensor.Shape, x ...float32) memory.Tensor { return floats(tensor.F32, shape, x...) }

// floats makes a tensor of any floating-point type.
func floats(d tensor.DType, shape tensor.Shape, x ...float32) memory.Tensor {
	b := make([]byte, int64(len(x))*d.Size())
	kernels.Narrow(b, x, d)
	return memory.Tensor{DType: d, Shape: shape, Data: b}
}

// i64s makes a vector of integers.
func i64s(x ...int64) memory.Tensor {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return memory.Tensor{DType: tensor.I64, Shape: tensor.Shape{int64(len(x))}, Data: b}
}

// weights makes a tensor of numbers that look like weights: normal, deviation 0.02.
func weights(seed uint64, d tensor.DType, shape ...int64) memory.Tensor {
	r := rand.New(rand.NewPCG(seed, uint64(d)))
	x := make([]float32, tensor.Shape(shape).N())
	for i := range x {
		x[i] = float32(r.NormFloat64() * 0.02)
	}
	return floats(d, shape, x...)
}

// encode writes a state dict as a safetensors file, without the code under test: JSON by
// encoding/json, tensors in the order of their keys.
func encode(t testing.TB, d memory.Dict, metadata map[string]string) []byte {
	t.Helper()
	header := map[string]any{}
	if metadata != nil {
		header["__metadata__"] = metadata
	}
	var data []byte
	for _, key := range slices.Sorted(maps.Keys(d)) {
		x := d[key]
		header[key] = map[string]any{"dtype": x.DType.String(), "shape": append([]int64{}, x.Shape...), "data_offsets": []int{len(data), len(data) + len(x.Data)}}
		data = append(data, x.Data...)
	}
	text, err := json.Marshal(header)
	check(t, err)
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text, data)
}

// decode reads a safetensors file without the code under test. It fails unless the tensors
// cover the data without hole and overlap.
func decode(file []byte) (memory.Dict, map[string]string, error) {
	if len(file) < 8 {
		return nil, nil, errors.New("no header")
	}
	n := binary.LittleEndian.Uint64(file)
	if n%8 != 0 || n > uint64(len(file)-8) {
		return nil, nil, fmt.Errorf("header of %d bytes", n)
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+n], &header); err != nil {
		return nil, nil, err
	}
	data := file[8+n:]
	d, metadata := memory.Dict{}, map[string]string(nil)
	var spans [][2]int
	for key, raw := range header {
		if key == "__metadata__" {
			if err := json.Unmarshal(raw, &metadata); err != nil {
				return nil, nil, err
			}
			continue
		}
		var e struct {
			DType   string  `json:"dtype"`
			Shape   []int64 `json:"shape"`
			Offsets [2]int  `json:"data_offsets"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, nil, err
		}
		dt, ok := tensor.ParseDType(e.DType)
		size, sizeErr := tensor.Shape(e.Shape).Bytes(dt)
		if o := e.Offsets; !ok || sizeErr != nil || o[0] < 0 || o[1] > len(data) || int64(o[1]-o[0]) != size {
			return nil, nil, fmt.Errorf("key %q: %s %v at %v", key, e.DType, e.Shape, o)
		}
		spans = append(spans, e.Offsets)
		d[key] = memory.Tensor{DType: dt, Shape: e.Shape, Data: data[e.Offsets[0]:e.Offsets[1]]}
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return (a[0]-b[0])*2 + min(max(a[1]-b[1], -1), 1) })
	at := 0
	for _, s := range spans {
		if s[0] != at {
			return nil, nil, fmt.Errorf("hole or overlap at %d", at)
		}
		at = s[1]
	}
	if at != len(data) {
		return nil, nil, fmt.Errorf("%d bytes of data, %d used", len(data), at)
	}
	return d, metadata, nil
}

// world is a file system in memory with models in /in and room for an output in /out.
type world struct {
	*vfs.Mem
	t testing.TB
}

// newWorld makes a world with the models, by file name.
func newWorld(t testing.TB, models map[string]memory.Dict) world {
	t.Helper()
	w := world{vfs.NewMem(), t}
	check(t, w.MkdirAll("/in", 0o777))
	check(t, w.MkdirAll("/out", 0o777))
	for _, name := range slices.Sorted(maps.Keys(models)) {
		w.put("/in/"+name, encode(t, models[name], map[string]string{"format": "pt"}))
	}
	w.settle()
	return w
}

// put writes a durable file.
func (w world) put(p string, content []byte) {
	w.t.Helper()
	f, err := w.Create(p, 0o666)
	check(w.t, err)
	check(w.t, vfs.WriteFull(f, content, 0))
	check(w.t, f.Sync())
	check(w.t, f.Close())
}

// settle makes all names durable.
func (w world) settle() {
	w.t.Helper()
	for _, dir := range []string{"/in", "/out", "/"} {
		check(w.t, w.SyncDir(dir))
	}
}

// get reads a file; nil if there is none.
func (w world) get(p string) []byte {
	w.t.Helper()
	f, err := w.Open(p)
	if err != nil {
		return nil
	}
	info, err := f.Stat()
	check(w.t, err)
	b := make([]byte, info.Size)
	check(w.t, vfs.ReadFull(f, b, 0))
	check(w.t, f.Close())
	return b
}

// files lists all files in a folder.
func (w world) files(dir string) []string {
	w.t.Helper()
	names, err := w.List(dir)
	check(w.t, err)
	for i := range names {
		names[i] = path.Join(dir, names[i])
	}
	return names
}

// merge runs a recipe on fsys, in which the models are in /in.
func merge(fsys vfs.FS, text, out string, o mecha.Options) (*mecha.Report, error) {
	o = onSuiteDevice(o)
	o.FS = fsys
	o.ModelDirs = append(o.ModelDirs, "/in")
	r, err := mecha.ParseRecipe([]byte(text), "test.mecha", o)
	if err != nil {
		return nil, err
	}
	return mecha.Merge(context.Background(), r, out, o)
}

// mustMerge runs a recipe and returns what it wrote.
func (w world) mustMerge(text string, o mecha.Options) (memory.Dict, *mecha.Report) {
	w.t.Helper()
	rep, err := merge(w.Mem, text, "/out/m", o)
	check(w.t, err)
	d, _, err := decode(w.get("/out/m"))
	check(w.t, err)
	return d, rep
}

// recipeFor is a recipe over models by file name, then instructions.
func recipeFor(models string, instructions ...string) string {
	var b bytes.Buffer
	b.WriteString("version 0.1.0\n")
	for _, m := range models {
		fmt.Fprintf(&b, "model \"%c\"\n", m)
	}
	for _, i := range instructions {
		b.WriteString(i + "\n")
	}
	return b.String()
}

// only restricts a merge to a tier of the CPU.
func only(tier string) []device.Opener { return []device.Opener{cpu.Opener(tier)} }

// tiers lists the tiers that this machine has, the best one first.
func tiers() []string {
	if d, err := cpu.Open(cpu.Options{SIMD: cpu.AVX2}); err != nil || d.Close() != nil {
		return []string{cpu.Portable}
	}
	return []string{cpu.AVX2, cpu.Portable}
}

// sum is a short form of the SHA-256 of b.
func sum(b []byte) string {
	h := sha256.Sum256(b)
	return fmt.Sprintf("%x", h[:8])
}
