package tests

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// A cast that the recipe asks for is a cast: what it loses is in the report, as it is for the
// output type.
func TestLossOfCastsInTheRecipeIsReported(t *testing.T) {
	model := memory.Dict{"w": f32s(tensor.Shape{5}, 1e6, 1, -1e6, 1e-9, 0)}
	for dtype, lossy := range map[string]int64{"float16": 3, "float8_e4m3fn": 3, "bfloat16": 0, "int8": 2, "int64": 0} {
		w := newWorld(t, map[string]memory.Dict{"a": model})
		_, rep := w.mustMerge(recipeFor("a", `merge "cast" &0 dtype="`+dtype+`"`), mecha.Options{})
		if rep.Lossy.Elements != lossy {
			t.Errorf("%s: lossy %+v, want %d elements", dtype, rep.Lossy, lossy)
		}
	}
}
