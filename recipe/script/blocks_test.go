package script

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
)

// keysOf says that every model has the keys of a config.
func keysOf(t *testing.T, id string) func(string) (config.Keys, error) {
	t.Helper()
	row, ok := config.Builtin().Get(id)
	if !ok || row.Make == nil {
		t.Fatalf("there is no config %s", id)
	}
	c := row.Make()
	var names keyNames
	for i := range c.Len() {
		names = append(names, c.Name(i))
	}
	return func(string) (config.Keys, error) { return names, nil }
}

// blockPrograms use block weights. Their models have the keys of config, if it is named.
var blockPrograms = []struct{ name, config, program, text string }{
	{"a dict of blocks is converted to the config of the models", "sdxl-sgm",
		"out = weighted_sum(a, b, alpha={'BASE': 0.0, 'IN00': 0.5})", `
dict BASE=0.0 IN00=0.5
merge "convert_sdxl_blocks_to_sgm" &2
merge "weighted_sum" $A $B &3`},
	{"by more than one conversion", "sdxl-kohya", "out = weighted_sum(a, b, alpha={'IN00': 0.5})", `
dict IN00=0.5
merge "convert_sdxl_blocks_to_sgm" &2
merge "convert_'sdxl-sgm'_to_'sdxl-kohya'" &3
merge "weighted_sum" $A $B &4`},
	{"the models say which family", "sd1-ldm", "out = {'IN00': 0.5, 'OUT03': 1} * (a - b)", `
merge "subtract" $A $B
dict IN00=0.5 OUT03=1
merge "convert_sd1_blocks_to_ldm" &3
merge "scale" &2 &4`},
	{"in a wrapper", "sd1-ldm", "out = add_difference(a, b, alpha={'M00': 0.5})", `
dict M00=0.5
merge "convert_sd1_blocks_to_ldm" &2
merge "add_difference" $A $B alpha=&3
merge "fallback" &4 $A`},
	{"the names of the blocks say which family", "", "out = weighted_sum(a, b, alpha={'IN11': 0.5})", `
dict IN11=0.5
merge "convert_sd1_blocks_to_ldm" &2
merge "weighted_sum" $A $B &3`},
	{"blocks() converts where it is used", "sdxl-sgm", "out = weighted_sum(a, b, alpha=blocks({'IN00': 0.5, 'VAE': 0.25}))", `
dict IN00=0.5 VAE=0.25
literal &2 model_config="sdxl-supermerger_blocks"
merge "convert_sdxl_blocks_to_sgm" &3
merge "weighted_sum" $A $B &4`},
	{"blocks() of a config, with a value for other keys", "", "out = weighted_sum(a, b, alpha=blocks({'IN00': 0.5}, 'sdxl-sgm') | 1.0)", `
dict IN00=0.5
merge "convert_sdxl_blocks_to_sgm" &2
merge "fallback" &3 1.0
merge "weighted_sum" $A $B &4`},
	{"with a value for other keys, they are a factor on either side", "", "w = blocks({'IN00': 0.5}, 'sdxl-sgm') | 1.0\nout = a + w * (a - b) + (a - b) * w", `
merge "subtract" $A $B
dict IN00=0.5
merge "convert_sdxl_blocks_to_sgm" &3
merge "fallback" &4 1.0
merge "scale" &2 &5
merge "add_difference" $A &6
merge "add_difference" &7 &6`},
	{"a value for other blocks", "sdxl-sgm", "out = weighted_sum(a, b, alpha=blocks({'IN00': 0.5}) | 1.0)", `
dict IN00=0.5
merge "fallback" &2 1.0
merge "convert_sdxl_blocks_to_sgm" &3
merge "weighted_sum" $A $B &4`},
	{"blocks() of the config of a model", "sd1-kohya", "out = weighted_sum(a, b, alpha=blocks({'IN00': 0.5}, a))", `
dict IN00=0.5
merge "convert_sd1_blocks_to_ldm" &2
merge "convert_'sd1-ldm'_to_'sd1-kohya'" &3
merge "weighted_sum" $A $B &4`},
	{"alone, they are a state dict", "", "out = blocks({'VAE': 0.5})", `
dict VAE=0.5
literal &0 model_config="sdxl-supermerger_blocks"`},
	{"names that are no blocks are keys", "sd1-ldm", "out = weighted_sum(a, b, alpha={'IN00': 0.5, 'IN12': 1})", `
dict IN00=0.5 IN12=1
merge "weighted_sum" $A $B &2`},
}

func TestBlockWeightsAreConvertedToTheKeysOfTheModels(t *testing.T) {
	for _, c := range blockPrograms {
		t.Run(c.name, func(t *testing.T) {
			var o Options
			if c.config != "" {
				o.Keys = keysOf(t, c.config)
			}
			g, err := Run([]byte("a, b = model('a.safetensors'), model('b.safetensors')\n"+c.program), "r.star", recipe.Builtin(), o)
			if err != nil {
				t.Fatal(err)
			}
			same(t, g, mecha(t, c.text))
		})
	}
}

func TestWrongBlockWeightsAreRefused(t *testing.T) {
	for _, c := range []struct {
		config, program string
		words           []string
	}{
		{"", "out = weighted_sum(a, b, alpha={'IN00': 0.5})", []string{"these may be weights of", "blocks({...}, \"sdxl-sgm\")"}},
		{"flux-flux", "out = weighted_sum(a, b, alpha={'IN00': 0.5})", []string{"no conversion leads from", "flux-flux"}},
		{"", "out = blocks({'IN12': 0.5})", []string{`"IN12"`, "no such block", "IN00 to IN11"}},
		{"", "out = blocks({'IN11': 0.5, 'VAE': 1})", []string{"no model has all of these blocks"}},
		{"", "out = blocks({})", []string{"there is no block"}},
		{"", "out = blocks({'VAE': 1}, 'sd1-ldm')", []string{`"VAE"`, "models of sd1-ldm have no such block", "OUT10, OUT11"}},
		{"", "out = blocks({'IN11': 1}, 'sdxl-sgm')", []string{`"IN11"`, "models of sdxl-sgm have no such block", "IN07, IN08, M00", "did you mean"}},
		{"sdxl-sgm", "out = weighted_sum(a, b, alpha={'IN00': 0.5, 'OUT11': 1})", []string{`"OUT11"`, "models of sdxl-sgm have no such block"}},
		{"", "out = blocks(1)", []string{"want dict"}},
		{"", "out = blocks('GRAD_V')", []string{"got string, want dict", "--blocks NAME=WEIGHTS"}},
		{"", "out = blocks(config='sdxl-sgm')", []string{"missing argument for weights"}},
	} {
		var o Options
		if c.config != "" {
			o.Keys = keysOf(t, c.config)
		}
		_, err := Run([]byte("a, b = model('a'), model('b')\n"+c.program), "r.star", recipe.Builtin(), o)
		wantError(t, err, 2, 7, c.words...)
	}
}

// A recipe that is converted to a node of unknown architecture has no target.
func TestConvertLooksAtTheKeysOfModels(t *testing.T) {
	g, err := Run([]byte("out = convert(model('a.safetensors'), 'sdxl-sgm')"), "r.star", recipe.Builtin(), Options{Keys: keysOf(t, "sdxl-kohya")})
	if err != nil {
		t.Fatal(err)
	}
	same(t, g, mecha(t, `merge "convert_'sdxl-kohya'_to_'sdxl-sgm'" $A`))
	strange := func(string) (config.Keys, error) { return keyNames{"a", "b"}, nil }
	_, err = Run([]byte("out = convert(model('a', 'sd1-ldm'), model('b'))"), "r.star", recipe.Builtin(), Options{Keys: strange})
	wantError(t, err, 1, 7, `the model config of model("b") is not known`)
}
