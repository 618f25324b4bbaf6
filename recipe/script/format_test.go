package script

import (
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe"
)

func TestFormatWritesAProgramForEveryText(t *testing.T) {
	for _, list := range [][]struct{ name, program, text string }{programs, conversions} {
		for _, c := range list {
			g := mecha(t, c.text)
			src, err := Format(g) // has compared the graphs
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			again, err := Run(src, "again.star", recipe.Builtin(), Options{})
			if err != nil {
				t.Errorf("%s: %v\n%s", c.name, err, src)
				continue
			}
			same(t, again, g)
		}
	}
}

func TestFormatIsWhatAPersonWouldWrite(t *testing.T) {
	g := mecha(t, `
model "x/1 and 2.safetensors" "sdxl-sgm"
model "out.safetensors" null "delta"
model "a.safetensors" null "weight"
model "y/a.safetensors" null "weight"
merge "subtract" &2 &3
merge "add_difference" &2 &4 0.5
merge "add_difference" &5 &1
dict u=1 "v w"=2.5 z=-1e999
merge "weighted_sum" &6 &0 &7
dict key=0.25
literal &9 "singleton-mecha" "param"
merge "convert_singleton" &10
merge "slerp" &8 &2 &11
merge "cast" &12 dtype="float16"
merge "fallback" &13 &2`)
	const want = `a = model("a.safetensors")
a_2 = model("y/a.safetensors")
x = a - a_2
x_2 = method("add_difference")(a, x, alpha=0.5)
out_2 = model("out.safetensors", merge_space="delta")
x_3 = x_2 + out_2
m_1_and_2 = model("x/1 and 2.safetensors", config="sdxl-sgm", merge_space=None)
x_4 = weighted_sum(x_3, m_1_and_2, alpha={"u": 1, "v w": 2.5, "z": float("-inf")})
x_5 = slerp(x_4, a, alpha=literal(0.25, merge_space="param"))
x_6 = cast(x_5, dtype="float16")
x_7 = x_6 | a
out = x_7
`
	src, err := Format(g)
	if err != nil || string(src) != want {
		t.Errorf("%v\n%s", err, src)
	}
}

func TestFormatRefusesWhatNoProgramMakes(t *testing.T) {
	long := "dict " + strings.Repeat("k", maxSource) + "=1\nliteral &0"
	if _, err := Format(mecha(t, long)); err == nil || !strings.Contains(err.Error(), "cannot be written as a program") {
		t.Errorf("%v", err)
	}
}
