package script

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// conversions are programs that convert, and the text of the same recipe.
var conversions = []struct{ name, program, text string }{
	{"one step", `out = convert(model("a", "sdxl-kohya"), "sdxl-sgm")`, `
model "a" "sdxl-kohya" "weight"
merge "convert_'sdxl-kohya'_to_'sdxl-sgm'" &0`},
	{"two steps, the config of a node as the target", `
a = model("a", "sdxl-diffusers_unet_only")
out = convert(a, model("b", "sdxl-kohya"))`, `
model "a" "sdxl-diffusers_unet_only" "weight"
merge "convert_'sdxl-diffusers_unet_only'_to_'sdxl-sgm'" &0
merge "convert_'sdxl-sgm'_to_'sdxl-kohya'" &1`},
	{"an adapter goes through its base", `out = convert(model("l", "sdxl-kohya_kohya_lora"), "sdxl-sgm")`, `
model "l" "sdxl-kohya_kohya_lora" "weight"
merge "convert_'sdxl-kohya_kohya_lora'_to_base" &0
merge "convert_'sdxl-kohya'_to_'sdxl-sgm'" &1`},
	{"the config of a merge is that of its first argument", `
a = model("a", "sdxl-kohya")
out = convert(a + (a - a), "sdxl-sgm")`, `
model "a" "sdxl-kohya" "weight"
merge "subtract" &0 &0
merge "add_difference" &0 &1
merge "convert_'sdxl-kohya'_to_'sdxl-sgm'" &2`},
	{"nothing to do", `out = convert(model("a", "sdxl-sgm"), "sdxl-sgm")`, `model "a" "sdxl-sgm" "weight"`},
	{"one value has every config", `out = weighted_sum(model("a"), model("b"), alpha=convert(0.25, "sdxl-sgm"))`, `
model "a" null "weight"
model "b" null "weight"
merge "weighted_sum" &0 &1 0.25`},
}

func TestConvertTakesTheShortestWay(t *testing.T) {
	for _, c := range conversions {
		t.Run(c.name, func(t *testing.T) {
			g, err := Run([]byte(c.program), "r.star", recipe.Builtin(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			same(t, g, mecha(t, c.text))
		})
	}
}

func TestConvertSaysWhichWaysThereAre(t *testing.T) {
	for program, words := range map[string][]string{
		`out = convert(model("a", "sdxl-kohya"), "sd1-ldm")`: {"no conversion leads from sdxl-kohya (model(\"a\")) to sd1-ldm", "sdxl-kohya converts to", "sdxl-sgm"},
		`out = convert(model("a", "flux-flux"), "sd1-ldm")`:  {"flux-flux converts to nothing"},
		`out = convert(model("a"), "sd1-ldm")`:               {`the model config of model("a") is not known`, `config="sdxl-kohya"`},
		`out = convert(model("a"), model("b"))`:              {`the model config of model("b") is not known`},
		`out = convert(model("a"), "sd1-lmd")`:               {`unknown model config "sd1-lmd"`, "did you mean sd1-ldm"},
		`out = convert(model("a"), 1)`:                       {"found int"},
		`out = convert([1], "sd1-ldm")`:                      {"a list cannot be part of a recipe"},
	} {
		_, err := Run([]byte(program), "r.star", recipe.Builtin(), Options{})
		wantError(t, err, 1, 7, words...)
	}
	_, err := Run([]byte(`out = convert(model("a"), "sd1-ldm")`), "r.star", recipe.Builtin(),
		Options{Keys: func(string) (config.Keys, error) { return nil, tensor.Errorf(tensor.ClassInput, "no such model") }})
	wantErrorOf(t, err, tensor.ClassInput, 1, 7, "no such model")
	for key, hint := range map[string]string{"x": "say it where the value is made", "unet.conv_in.lora_A.weight": "kohya or by LyCORIS", "base_model.model.q.lora_B.weight": "this one has base_model.model.q.lora_B"} {
		_, err := Run([]byte(`out = convert(model("a"), "sd1-ldm")`), "r.star", recipe.Builtin(),
			Options{Keys: func(string) (config.Keys, error) { return keyNames{key}, nil }})
		wantErrorOf(t, err, tensor.ClassInput, 1, 7, "no model config fits the keys of model(\"a\")", hint)
	}
}

// A literal of one value has it for the keys of every config.
func TestOneValueConvertsToEveryConfig(t *testing.T) {
	for _, program := range []string{"out = convert(literal(0.5, 'singleton-mecha'), 'sdxl-sgm')", "out = convert(0.5, 'sdxl-sgm')"} {
		g, err := Run([]byte(program), "r.star", recipe.Builtin(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		same(t, g, mecha(t, "dict key=0.5\nliteral &0 \"singleton-mecha\"\nmerge \"convert_singleton\" &1"))
	}
}

// The arguments have the names that they have in the Python library.
func TestConvertTakesItsArgumentsByName(t *testing.T) {
	g, err := Run([]byte("out = convert(recipe=model('a', config='sdxl-kohya'), config='sdxl-sgm')"), "r.star", recipe.Builtin(), Options{})
	if err != nil || g.Root().Method().ID != "convert_'sdxl-kohya'_to_'sdxl-sgm'" {
		t.Errorf("%v", err)
	}
}
