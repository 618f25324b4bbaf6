package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// setting is what must not change a byte of the output.
type setting struct {
	threads   int
	unitBytes int64
	maxRAM    int64
	tier      string
}

// oddUnit is a unit size that no row, block or vector divides.
const oddUnit = 100003

// settings lists what the bytes are compared over: every combination on the best tier that
// the machine has, and a few on the portable one, which is thirty times slower. The first one
// is what the others are compared with. Under the race detector there are corners only.
func settings() (all []setting) {
	threads, units, budgets := []int{1, 2, 5}, []int64{512 << 10, 64 << 10, oddUnit}, []int64{256 << 20, 64 << 20, 16 << 20}
	if raceEnabled {
		threads, units, budgets = []int{1, 5}, []int64{512 << 10, oddUnit}, []int64{16 << 20}
	}
	for _, n := range threads {
		for _, u := range units {
			for _, b := range budgets {
				all = append(all, setting{n, u, b, tiers()[0]})
			}
		}
	}
	if len(tiers()) > 1 {
		all = append(all, setting{1, 512 << 10, 256 << 20, cpu.Portable}, setting{2, 64 << 10, 64 << 20, cpu.Portable}, setting{5, oddUnit, 16 << 20, cpu.Portable})
	}
	return all
}

// bytesModel is a model with shapes that fit nothing: odd rows, a prime length, tensors
// longer and shorter than a unit, a scalar, an empty one, integers.
func bytesModel(seed uint64, d tensor.DType) memory.Dict {
	rows, cols := int64(607), int64(1499)
	if raceEnabled {
		rows = 101
	}
	return memory.Dict{
		"big":    weights(seed, d, rows, cols),
		"long":   weights(seed+100, d, 131101),
		"block":  weights(seed+200, d, 65536),
		"cube":   weights(seed+300, d, 7, 11, 13),
		"one":    weights(seed+400, d, 1),
		"scalar": weights(seed+500, d),
		"empty":  {DType: d, Shape: tensor.Shape{0, 3}},
		"ids":    i64s(3, 1<<62, -5),
	}
}

// mask is a number for every row of "big", and one for everything else.
func mask(model memory.Dict) memory.Dict {
	d := memory.Dict{}
	for key, x := range model {
		d[key] = f32s(nil, 0.25)
		if key == "big" {
			d[key] = weights(7, tensor.F32, x.Shape[0], 1)
		}
	}
	return d
}

// A merge gives the same file for every number of threads, unit size, memory limit and
// instruction set.
func TestSameBytesWhateverTheSettings(t *testing.T) {
	letters := "abcdefghij"
	types := map[string]func(i int) tensor.DType{
		"f16":   func(int) tensor.DType { return tensor.F16 },
		"bf16":  func(int) tensor.DType { return tensor.BF16 },
		"f32":   func(int) tensor.DType { return tensor.F32 },
		"mixed": func(i int) tensor.DType { return [...]tensor.DType{tensor.BF16, tensor.F32, tensor.F16}[i%3] },
	}
	worlds := map[string]world{}
	for name, d := range types {
		models := map[string]memory.Dict{}
		for i, l := range letters {
			models[string(l)] = bytesModel(uint64(i), d(i))
		}
		models["k"] = mask(models["a"])
		worlds[name] = newWorld(t, models)
	}
	for _, c := range []struct{ name, types, models, instructions string }{
		{"weighted_sum", "f16", "ab", `merge "weighted_sum" &0 &1 alpha=0.3`},
		{"weighted_sum", "bf16", "ab", `merge "weighted_sum" &0 &1 alpha=0.3`},
		{"weighted_sum", "f32", "ab", `merge "weighted_sum" &0 &1 alpha=0.3`},
		{"weighted_sum", "mixed", "ab", `merge "weighted_sum" &0 &1 alpha=0.3`},
		{"weighted_sum with a mask", "f16", "abk", `merge "weighted_sum" &0 &1 alpha=&2`},
		{"add_difference of subtract", "f16", "abc", "merge \"subtract\" &1 &2\nmerge \"add_difference\" &0 &3 alpha=0.5"},
		{"n_average", "bf16", letters, `merge "n_average" &0 &1 &2 &3 &4 &5 &6 &7 &8 &9`},
		{"train_difference_mask", "mixed", "abc", `merge "train_difference_mask" &0 &1 &2 alpha=0.8`},
		{"add_opposite_mask", "f16", "abc", `merge "add_opposite_mask" &0 &1 &2 alpha=0.8`},
		{"add_strict_opposite_mask", "f32", "abc", `merge "add_strict_opposite_mask" &0 &1 &2 alpha=0.8`},
		{"geometric_sum", "f16", "ab", `merge "geometric_sum" &0 &1 alpha=0.4`},
		{"multiply_quotient", "mixed", "abc", `merge "multiply_quotient" &0 &1 &2 alpha=0.7`},
		{"clamp", "f32", "abc", `merge "clamp" &0 &1 &2 stiffness=0.4`},
		{"slerp", "f16", "ab", `merge "slerp" &0 &1 alpha=0.3`},
		{"slerp", "mixed", "ab", `merge "slerp" &0 &1 alpha=0.3`},
		{"slerp with a mask", "bf16", "abk", `merge "slerp" &0 &1 alpha=&2`},
		{"perpendicular_component", "f16", "ab", `merge "perpendicular_component" &0 &1`},
		{"sums of sums", "f32", "abc", "merge \"slerp\" &0 &1 alpha=0.3\nmerge \"perpendicular_component\" &3 &2\nmerge \"slerp\" &4 &0 alpha=0.6"},
		{"cast", "f32", "a", `merge "cast" &0 dtype="bfloat16"`},
	} {
		t.Run(c.name+" "+c.types, func(t *testing.T) {
			sameBytes(t, worlds[c.types], recipeFor(c.models, c.instructions))
		})
	}
}

// sameBytes merges with all settings and compares the files.
func sameBytes(t *testing.T, w world, text string) {
	want := ""
	units := map[string]map[int64]bool{} // numbers of units, by all that is not the unit size
	heavy := strings.Contains(text, "geometric_sum") || strings.Contains(text, "multiply_quotient")
	for i, s := range settings() {
		if heavy && s.tier != settings()[0].tier && s.threads < 5 {
			continue // two seconds each
		}
		out := fmt.Sprintf("/out/%d", i)
		rep, err := merge(w.Mem, text, out, mecha.Options{MergeSpace: "any", Threads: s.threads, UnitBytes: s.unitBytes, MaxRAM: s.maxRAM,
			Devices: only(s.tier)})
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		if rep.PeakRAM > s.maxRAM || rep.Workers > s.threads {
			t.Errorf("%+v: %d bytes leased, %d workers", s, rep.PeakRAM, rep.Workers)
		}
		got := sum(w.get(out))
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%+v: bytes %s, with other settings %s", s, got, want)
		}
		check(t, w.Remove(out))
		if s.tier != settings()[0].tier {
			continue
		}
		rest := fmt.Sprintf("%d threads, %d bytes", s.threads, s.maxRAM)
		if units[rest] == nil {
			units[rest] = map[int64]bool{}
		}
		units[rest][rep.Units] = true
	}
	for rest, counts := range units {
		if len(counts) < 2 {
			t.Errorf("%s: all unit sizes gave %v units", rest, counts)
		}
	}
}
