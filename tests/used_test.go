package tests

import (
	"math"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// TestModelThatStepsInIsUsed merges with a fallback that is needed for one key only because an
// input holds a NaN: the report must not say that nothing of the fallback is read.
func TestModelThatStepsInIsUsed(t *testing.T) {
	nan := float32(math.NaN())
	s := tensor.Shape{2}
	w := newWorld(t, map[string]memory.Dict{
		"a": {"x": f32s(s, 1, nan), "y": f32s(s, 1, 2)},
		"b": {"x": f32s(s, 3, 4), "y": f32s(s, 3, 4)},
		"c": {"x": f32s(s, 5, 6), "y": f32s(s, 5, 6)},
	})
	_, r := w.mustMerge(recipeFor("abc", `merge "weighted_sum" &0 &1 alpha=0.5`, `merge "fallback" &3 &2`), mecha.Options{})
	for i, want := range []int{2, 2, 1} {
		if r.Models[i].Used != want {
			t.Errorf("%s: %d keys used, not %d", r.Models[i].Path, r.Models[i].Used, want)
		}
	}
	for _, warning := range r.Warnings {
		if strings.Contains(warning, "is read") {
			t.Errorf("warning %q", warning)
		}
	}
}
