package tests

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Sizes of the restart tests: a tensor is ten times as large as the memory that a merge may
// use, so that it is written long before its last tile is read.
const (
	restartRAM   = 3 << 20
	restartElems = 10 * restartRAM / 2 // of float16
	restartTile  = 4099                // numbers repeat after this many, a prime
)

// half rounds to float16, to nearest, ties to even, by the definition of the format: it
// scales so that one unit in the last place is 1.
func half(x float32) uint16 {
	sign, v := uint16(0), float64(x)
	if math.Signbit(v) {
		sign, v = 0x8000, -v
	}
	_, exp := math.Frexp(v) // v in [2^(exp-1), 2^exp)
	ulp := max(exp-11, -24)
	n := math.RoundToEven(math.Ldexp(v, -ulp))
	if n == 2048 {
		n, ulp = 1024, ulp+1
	}
	if n < 1024 {
		return sign | uint16(n)
	}
	return sign | uint16(ulp+25)<<10 | (uint16(n) - 1024)
}

// tiled makes a tensor of restartElems elements from a pattern.
func tiled(d tensor.DType, pattern []byte) memory.Tensor {
	size := restartElems * int(d.Size())
	return memory.Tensor{DType: d, Shape: tensor.Shape{restartElems}, Data: bytes.Repeat(pattern, size/len(pattern)+1)[:size]}
}

// restartModels are three models: a and b in float16, and a fallback in float32, of which big
// is the large tensor. The last element of big in a, and in c if both is set, is NaN if
// spoiled is set.
func restartModels(spoiled, both bool) map[string]memory.Dict {
	models := map[string]memory.Dict{}
	for i, name := range []string{"a", "b", "c"} {
		d := tensor.F16
		if name == "c" {
			d = tensor.F32
		}
		big := tiled(d, weights(uint64(i), d, restartTile).Data)
		switch {
		case spoiled && name == "a":
			binary.LittleEndian.PutUint16(big.Data[len(big.Data)-2:], 0x7e00)
		case both && name == "c":
			binary.LittleEndian.PutUint32(big.Data[len(big.Data)-4:], 0x7fc00000)
		}
		models[name] = memory.Dict{
			"big": big, "after": weights(uint64(10+i), d, 71, 13), "zzz": weights(uint64(20+i), d, 1000), "ids": i64s(1, 2, 3),
		}
	}
	return models
}

// restarts are the recipes: an elementwise one and one that reads everything twice.
var restarts = []struct{ name, instruction string }{
	{"elementwise", `merge "weighted_sum" &0 &1 alpha=0.3`},
	{"slerp", `merge "slerp" &0 &1 alpha=0.3`},
}

// TestHalfIsFloat16 checks the test's own rounding with values of the standard.
func TestHalfIsFloat16(t *testing.T) {
	for x, want := range map[float32]uint16{1: 0x3c00, -2: 0xc000, 65504: 0x7bff, 0x1p-24: 1, 0x1p-25: 0, 0x1.8p-24: 2, 0x1p-14: 0x0400,
		0x1.ff8p-15: 0x03ff, 0x1.ffep-15: 0x0400, 0x1.002p0: 0x3c00, 0x1.006p0: 0x3c02, 0x1.ffep0: 0x4000, 0: 0} {
		if got := half(x); got != want {
			t.Errorf("half(%v) is %#x, want %#x", x, got, want)
		}
	}
}

// A NaN in the last tile, found when nearly everything is written: the key is made again from
// the fallback, converted from its own element type.
func TestNaNInTheLastTileStartsTheKeyAgain(t *testing.T) {
	models := restartModels(true, false)
	w := newWorld(t, models)
	want := make([]byte, 2*restartElems)
	for i := range want[:2*restartTile] {
		if i%2 == 0 {
			x := math.Float32frombits(binary.LittleEndian.Uint32(models["c"]["big"].Data[2*i:]))
			binary.LittleEndian.PutUint16(want[i:], half(x))
		}
	}
	copy(want, bytes.Repeat(want[:2*restartTile], restartElems/restartTile+1))
	clean := newWorld(t, restartModels(false, false))
	for _, c := range restarts {
		t.Run(c.name, func(t *testing.T) {
			text := recipeFor("abc", c.instruction, `merge "fallback" &3 &2`)
			got, rep := w.mustMerge(text, mecha.Options{MaxRAM: restartRAM})
			if !bytes.Equal(got["big"].Data, want) || got["big"].DType != tensor.F16 {
				t.Errorf("big is not the fallback in float16")
			}
			others(t, clean, text, got)
			if rep.Keys.FellBack != 1 || rep.Keys.Omitted != 0 || rep.OmittedInputs.Count != 1 || !slices.Equal(rep.OmittedInputs.Names, []string{"/in/a: big"}) {
				t.Errorf("keys %+v, omitted %+v", rep.Keys, rep.OmittedInputs)
			}
			if rep.PeakRAM > restartRAM || rep.Units < 100 {
				t.Errorf("%d bytes leased, %d units", rep.PeakRAM, rep.Units)
			}
		})
	}
}

// others compares all keys but big with those of a merge where nothing is NaN.
func others(t *testing.T, clean world, text string, got memory.Dict) {
	t.Helper()
	want, rep := clean.mustMerge(text, mecha.Options{MaxRAM: restartRAM})
	if rep.OmittedInputs.Count != 0 || rep.Keys.FellBack != 0 {
		t.Errorf("clean models: %+v", rep)
	}
	for key, x := range want {
		if y := got[key]; key != "big" && (!bytes.Equal(x.Data, y.Data) || x.DType != y.DType || !x.Shape.Equal(y.Shape)) {
			t.Errorf("key %s differs", key)
		}
	}
}

// Without a fallback, or if that has a NaN in its last tile as well, the key is dropped and
// the file closed up.
func TestKeyThatCannotBeMadeIsDropped(t *testing.T) {
	clean := newWorld(t, restartModels(false, false))
	for _, both := range []bool{false, true} {
		w := newWorld(t, restartModels(true, both))
		for _, c := range restarts {
			t.Run(fmt.Sprintf("%s %v", c.name, both), func(t *testing.T) {
				text, omitted := recipeFor("ab", c.instruction), 1
				if both {
					text, omitted = recipeFor("abc", c.instruction, `merge "fallback" &3 &2`), 2
				}
				got, rep := w.mustMerge(text, mecha.Options{MaxRAM: restartRAM})
				if _, ok := got["big"]; ok || len(got) != 3 {
					t.Errorf("%d keys", len(got))
				}
				if size := len(w.get("/out/m")); size > 100_000 {
					t.Errorf("%d bytes are left", size)
				}
				others(t, clean, text, got)
				if !slices.Equal(rep.Dropped.Names, []string{"big"}) || rep.Dropped.Count != 1 || rep.Keys.Omitted != 1 || rep.Keys.Written != 3 {
					t.Errorf("dropped %+v, keys %+v", rep.Dropped, rep.Keys)
				}
				if rep.OmittedInputs.Count != omitted {
					t.Errorf("omitted %+v", rep.OmittedInputs)
				}
			})
		}
	}
}

// Kept, a NaN stays where it is and is counted.
func TestNaNThatIsKeptIsCounted(t *testing.T) {
	w, clean := newWorld(t, restartModels(true, false)), newWorld(t, restartModels(false, false))
	text := recipeFor("ab", restarts[0].instruction)
	got, rep := w.mustMerge(text, mecha.Options{MaxRAM: restartRAM, NonFinite: mecha.KeepNonFinite})
	want, _ := clean.mustMerge(text, mecha.Options{MaxRAM: restartRAM})
	x, y := got["big"].Data, want["big"].Data
	last := len(x) - 2
	if !bytes.Equal(x[:last], y[:last]) || binary.LittleEndian.Uint16(x[last:])&0x7fff != 0x7e00 {
		t.Errorf("more than the last element is not a number, or that is one: %x", x[last:])
	}
	if n := rep.NonFinite; n.Keys != 1 || n.Elements != 1 || n.First[0] != (mecha.KeyCount{Key: "big", Elements: 1}) {
		t.Errorf("non-finite %+v", n)
	}
	if rep.OmittedInputs.Count != 0 || rep.Dropped.Count != 0 {
		t.Errorf("omitted %+v, dropped %+v", rep.OmittedInputs, rep.Dropped)
	}
}

// Refused, a NaN ends the merge, and nothing is written.
func TestNaNThatIsRefusedIsAnError(t *testing.T) {
	w := newWorld(t, restartModels(true, false))
	for _, c := range restarts {
		rep, err := merge(w.Mem, recipeFor("abc", c.instruction, `merge "fallback" &3 &2`), "/out/m", mecha.Options{MaxRAM: restartRAM, NonFinite: mecha.RefuseNonFinite})
		if rep != nil || tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "/in/a") || !strings.Contains(err.Error(), `"big"`) {
			t.Errorf("%s: report %v, error %v of class %v", c.name, rep, err, tensor.ClassOf(err))
		}
		if files := w.files("/out"); len(files) != 0 {
			t.Errorf("%s: left %v", c.name, files)
		}
	}
}

// A computed tensor that is not finite is omitted by omit_non_finite, also if non-finite
// inputs are kept otherwise.
func TestComputedTensorThatIsNotFiniteIsOmitted(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{
		"a": {"w": f32s(tensor.Shape{3}, 1, 3e38, 2), "v": f32s(tensor.Shape{1}, 1)},
		"b": {"w": f32s(tensor.Shape{3}, 1, 3e38, 2), "v": f32s(tensor.Shape{1}, 2)},
		"c": {"w": f32s(tensor.Shape{3}, 7, 8, 9), "v": f32s(tensor.Shape{1}, 3)},
	})
	text := recipeFor("abc", `merge "add_difference" &0 &1 alpha=1.0`, `merge "omit_non_finite" &3`, `merge "fallback" &4 &2`)
	for _, policy := range []mecha.NonFinite{mecha.OmitNonFinite, mecha.KeepNonFinite} {
		got, rep := w.mustMerge(text, mecha.Options{NonFinite: policy})
		if !bytes.Equal(got["w"].Data, f32s(nil, 7, 8, 9).Data) || !bytes.Equal(got["v"].Data, f32s(nil, 3).Data) {
			t.Errorf("%v: w is %x, v is %x", policy, got["w"].Data, got["v"].Data)
		}
		if rep.Keys.FellBack != 1 || rep.OmittedInputs.Count != 1 {
			t.Errorf("%v: keys %+v, omitted %+v", policy, rep.Keys, rep.OmittedInputs)
		}
	}
}
