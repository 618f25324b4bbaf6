package script

import (
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/blocks"
)

// outside is options with block weights for alpha, beside models with the keys of a config.
func outside(t *testing.T, text, rest, config string) Options {
	t.Helper()
	w, err := blocks.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Models: map[string]string{"a": "a", "b": "b"}, Blocks: map[string]blocks.Weights{"alpha": w}, Set: map[string]string{}}
	if rest != "" {
		o.Set["alpha"] = rest
	}
	if config != "" {
		o.Keys = keysOf(t, config)
	}
	return o
}

const sdxlText = `
model "a" "" "weight"
model "b" "" "weight"
dict BASE=1.0 IN00=0.5 IN01=0.5 IN02=0.5 IN03=1.0 IN04=1.0 IN05=1.0 IN06=1.0 IN07=1.0 IN08=1.0 M00=0.25 OUT00=1.0 OUT01=1.0 OUT02=1.0 OUT03=1.0 OUT04=1.0 OUT05=1.0 OUT06=1.0 OUT07=1.0 OUT08=1.0 VAE=1.0
literal &2 model_config="sdxl-supermerger_blocks"
merge "convert_sdxl_blocks_to_sgm" &3
merge "fallback" &4 1.0
`

// TestBlockWeightsFromOutsideAreALiteralOfTheModelsBlocks: in expressions and in programs, as an
// argument, and as a factor.
func TestBlockWeightsFromOutsideAreALiteralOfTheModelsBlocks(t *testing.T) {
	o := outside(t, "IN00-IN02=0.5,M00=0.25", "1", "sdxl-sgm")
	want := mecha(t, strings.ReplaceAll(sdxlText, `"" "weight"`, `null "weight"`)+`merge "weighted_sum" &0 &1 alpha=&5`)
	g, err := Expr("weighted_sum(a, b, alpha=alpha)", recipe.Builtin(), o)
	if err != nil {
		t.Fatal(err)
	}
	same(t, g, want)
	g, err = Run([]byte("def recipe(alpha=0.0):\n  return weighted_sum(a, b, alpha=alpha)"), "r.star", recipe.Builtin(), o)
	if err != nil {
		t.Fatal(err)
	}
	same(t, g, want)
	if g, err = Expr("a + alpha*(b - a)", recipe.Builtin(), o); err != nil {
		t.Fatal(err)
	}
	nodes := 0
	for _, n := range g.Nodes() {
		if n.Hints().Config == "sdxl-supermerger_blocks" && len(n.Entries()) == 21 {
			nodes++
		}
	}
	if nodes != 1 {
		t.Errorf("%d literals of block weights", nodes)
	}
}

// TestPresetsAreForTheModelThatTheyAreUsedWith converts a preset for models of both kinds, and over
// several conversions.
func TestPresetsAreForTheModelThatTheyAreUsedWith(t *testing.T) {
	for config, want := range map[string]string{
		"sd1-ldm": "sd1-supermerger_blocks", "sdxl-sgm": "sdxl-supermerger_blocks",
		"sdxl-kohya": "sdxl-supermerger_blocks", "sd1-kohya": "sd1-supermerger_blocks",
	} {
		g, err := Expr("weighted_sum(a, b, alpha=alpha)", recipe.Builtin(), outside(t, "GRAD_V", "", config))
		if err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		found := false
		for _, n := range g.Nodes() {
			found = found || n.Hints().Config == want
		}
		if !found {
			t.Errorf("%s: no literal of %s", config, want)
		}
	}
}

func TestBlockWeightsFromOutsideSayWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, rest, config, expr, want string }{
		{"IN00-IN08=1", "", "sdxl-sgm", "weighted_sum(a, b, alpha=alpha)", "there is none for BASE, M00, OUT00"},
		{"IN11=1", "0", "sdxl-sgm", "weighted_sum(a, b, alpha=alpha)", "no block IN11"},
		{"IN01=1", "0", "", "weighted_sum(a, b, alpha=alpha)", "no model config is known that has the keys"},
		{"IN01=1", "0", "flux-flux", "weighted_sum(a, b, alpha=alpha)", "flux-flux have no block weights"},
		{"IN01=1", "x", "sd1-ldm", "weighted_sum(a, b, alpha=alpha)", `expected a number`},
		{"IN01=1", "0", "sd1-ldm", "weighted_sum(a, b)", "no such parameter or free name (they stand for a free name of an expression"},
		{"IN01=1", "0", "sd1-ldm", "weighted_sum(a, b, alpha=alhpa)", "no such parameter or free name (did you mean alhpa?)"},
		{"IN01=1", "0", "sd1-ldm", "alpha", "beside no model"},
		{"IN01=1", "0", "sd1-ldm", "fallback(alpha, alpha)", "beside no model"},
	} {
		_, err := Expr(c.expr, recipe.Builtin(), outside(t, c.text, c.rest, c.config))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v, want %q", c.text, c.expr, err, c.want)
		}
	}
	_, err := Run([]byte("out = a | b"), "r.star", recipe.Builtin(), outside(t, "ALL_A", "", ""))
	if err == nil || !strings.Contains(err.Error(), "no such parameter") {
		t.Errorf("a program without parameters: %v", err)
	}
	if g, err := Expr("weighted_sum(a, b, alpha=alpha)", recipe.Builtin(), outside(t, "IN11=1", "0", "")); err != nil || len(g.Nodes()) < 5 {
		t.Errorf("IN11 is a block of SD1 only: %v", err)
	}
}
