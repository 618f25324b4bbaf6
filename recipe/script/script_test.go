package script

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// mecha reads a recipe in text. $A to $D are models that are weights; their lines, of those that
// are named, come first.
func mecha(t testing.TB, lines string) *recipe.Graph {
	t.Helper()
	text := "version 0.1.0\n"
	n := 0
	for _, name := range []string{"A", "B", "C", "D"} {
		if strings.Contains(lines, "$"+name) {
			text += fmt.Sprintf("model \"%s.safetensors\" null \"weight\"\n", strings.ToLower(name))
			lines = strings.ReplaceAll(lines, "$"+name, fmt.Sprintf("&%d", n))
			n++
		}
	}
	g, err := recipe.Parse([]byte(text+strings.TrimSpace(lines)), "want.mecha", recipe.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func format(t testing.TB, g *recipe.Graph) string {
	t.Helper()
	text, err := recipe.Format(g)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// same checks that a graph is the wanted one.
func same(t testing.TB, got, want *recipe.Graph) {
	t.Helper()
	if got.Root().Digest() != want.Root().Digest() {
		t.Errorf("got\n%s\nwant\n%s", format(t, got), format(t, want))
	}
}

// abcd defines four models.
const abcd = `a, b, c, d = [model(x + ".safetensors") for x in "abcd".elems()]` + "\n"

// programs are pairs of a program, in which a to d are models, and the text of the same recipe.
var programs = []struct{ name, program, text string }{
	{"a method by position and name", "out = weighted_sum(a, b, alpha=0.3)", `merge "weighted_sum" $A $B alpha=0.3`},
	{"operators", "out = a + (b - c) * 0.5 | d", `
merge "subtract" $B $C
merge "scale" &4 0.5
merge "add_difference" $A &5
merge "fallback" &6 $D`},
	{"a number before a difference", "out = 0.5 * (a - b)", "merge \"subtract\" $A $B\nmerge \"scale\" &2 0.5"},
	{"minus a difference", "out = -(a - b)", "merge \"subtract\" $A $B\nmerge \"scale\" &2 -1.0"},
	{"a factor for each key", `out = {"x": 0.5, "y": 1} * (a - b)`, "merge \"subtract\" $A $B\ndict x=0.5 y=1\nmerge \"scale\" &2 &3"},
	{"a mask is the factor on either side", `m = literal({"x": 0.5}, merge_space="param")
out = m * (a - b) + ((a - b) * m)`, `merge "subtract" $A $B
dict x=0.5
literal &3 null "param"
merge "scale" &2 &4
merge "add_difference" &5 &5`},
	{"to", `out = a.to("float16")`, `merge "cast" $A dtype="float16"`},
	{"to a type for each key", `out = a.to({"x": "float16", "y": "bfloat16"})`, "dict x=\"float16\" y=\"bfloat16\"\nmerge \"cast\" $A dtype=&1"},
	{"to a device", `out = a.to(device="cpu")`, `merge "cast" $A device="cpu"`},
	{"variadic from a list", "out = n_average(*[a, b, c])", `merge "n_average" $A $B $C`},
	{"names after a list, as in Python", "out = clamp(a, *[b, c], stiffness=0.5, **{})", `merge "clamp" $A $B $C stiffness=0.5`},
	{"names before and after a list", "out = ties_sum(k=0.2, *[a - b, a - c], vote_sgn=True)", `merge "subtract" $A $B
merge "subtract" $A $C
merge "ties_sum" &3 &4 k=0.2 vote_sgn=true`},
	{"keyword-only after variadic", "out = clamp(a, b, c, stiffness=0.5)", `merge "clamp" $A $B $C stiffness=0.5`},
	{"a method that a wrapper hides", `out = method("add_difference")(a, b - c, 0.25)`, "merge \"subtract\" $B $C\nmerge \"add_difference\" $A &3 0.25"},
	{"a loop", `
out = a
for i, m in enumerate([b, c]):
    out = weighted_sum(out, m, alpha=1 / (i + 2))
`, "merge \"weighted_sum\" $A $B 0.5\nmerge \"weighted_sum\" &3 $C 0.3333333333333333"},
	{"a function with a default", `
def mix(x, y, t=0.25):
    return weighted_sum(x, y, alpha=t)
out = mix(mix(a, b), c, t=0.75)
`, "merge \"weighted_sum\" $A $B 0.25\nmerge \"weighted_sum\" &3 $C 0.75"},
	{"a dict made by a program", `
alpha = {"layer.%d" % i: i / 4 for i in range(3)}
alpha["rest"] = 1.0
out = weighted_sum(a, b, alpha=alpha)
`, "dict layer.0=0.0 layer.1=0.25 layer.2=0.5 rest=1.0\nmerge \"weighted_sum\" $A $B &2"},
	{"a choice", "out = n_average(a if len([a, b]) == 2 and a != b and not a == b else b)", `merge "n_average" $A`},
	{"null and booleans", "out = ties_sum(a - b, a - c, k=0.2, vote_sgn=True)", `merge "subtract" $A $B
merge "subtract" $A $C
merge "ties_sum" &3 &4 k=0.2 vote_sgn=true`},
	{"a literal of nodes", `out = literal({"x": a, "y": 2})`, "dict x=$A y=2\nliteral &1"},
	{"a dict as the result", `out = {"x": 1, "s": "text"}`, `dict x=1 s="text"`},
	{"one value in a space", `out = weighted_sum(a, b, alpha=literal(0.5, merge_space="param"))`, `dict key=0.5
literal &2 "singleton-mecha" "param"
merge "convert_singleton" &3
merge "weighted_sum" $A $B &4`},

	{"add_difference of three", "out = add_difference(a, b, c, alpha=0.5)", `merge "subtract" $B $C
merge "add_difference" $A &3 alpha=0.5
merge "fallback" &4 $A`},
	{"add_difference of two", "out = add_difference(a, b - c)", `merge "subtract" $B $C
merge "add_difference" $A &3 1.0
merge "fallback" &4 $A`},
	{"add_difference, clamped", "out = add_difference(a, b, c, alpha=0.5, clamp_to_ab=True)", `merge "subtract" $B $C
merge "add_difference" $A &3 alpha=0.5
merge "clamp" &4 $A $B
merge "fallback" &5 $A`},
	{"add_perpendicular", "out = add_perpendicular(a, b, c, alpha=0.5)", `merge "subtract" $A $C
merge "subtract" $B $C
merge "perpendicular_component" &3 &4
merge "add_difference" $A &5 0.5`},
	{"add_difference_ties subtracts models only", "out = add_difference_ties(a, b, c - d, k=0.2)", `merge "subtract" $B $A
merge "subtract" $C $D
merge "ties_sum" &4 &5 k=0.2
merge "add_difference" $A &6 1.0
merge "fallback" &7 $A`},
	{"a merge of models is a model (SM-45)", "out = add_difference_ties(a, weighted_sum(b, c))", `merge "weighted_sum" $B $C 0.5
merge "subtract" &3 $A
merge "ties_sum" &4 k=1.0
merge "add_difference" $A &5 1.0
merge "fallback" &6 $A`},
	{"add_difference_ties_extended", "out = add_difference_ties_extended(a, b, apply_median=True)", `merge "subtract" $B $A
merge "ties_sum_extended" &2 k=0.2 apply_median=true
merge "add_difference" $A &3 1.0
merge "fallback" &4 $A`},
	{"add_ties_with_dare", "out = add_ties_with_dare(a, b, seed=7)", `merge "subtract" $B $A
merge "ties_sum_with_dropout" &2 probability=0.9 k=1.0 seed=7
merge "add_difference" $A &3 1.0`},
	{"n_model_stock", "out = n_model_stock(a, b, c)", `merge "subtract" $B $A
merge "subtract" $C $A
merge "model_stock" &3 &4
merge "add_difference" $A &5 1.0`},
	{"copy_region", "out = copy_region(a, b, offset=0.25)", `merge "tensor_sum" $A $B width=1.0 offset=0.25`},
	{"tensor_sum of three", "out = tensor_sum(a, b, c, width=0.5, top_k=True)", `merge "subtract" $A $C
merge "subtract" $B $C
merge "top_k_tensor_sum" &3 &4 width=0.5 offset=0.0
merge "add_difference" $C &5 1.0`},
	{"rotate", "out = rotate(a, b, c, alpha=0.5)", `merge "subtract" $A $C
merge "subtract" $B $C
merge "rotate" &3 &4 alignment=1.0 alpha=0.5
merge "add_difference" $C &5 1.0`},
	{"dropout", "out = dropout(a, b, c, seed=3)", `merge "subtract" $B $A
merge "subtract" $C $A
merge "dropout" &3 &4 probability=0.9 seed=3
merge "add_difference" $A &5 0.5`},
}

func TestProgramsMakeTheGraphOfTheirText(t *testing.T) {
	for _, c := range programs {
		t.Run(c.name, func(t *testing.T) {
			g, err := Run([]byte(abcd+c.program), "r.star", recipe.Builtin(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			same(t, g, mecha(t, c.text))
		})
	}
}

func TestExpressionsMakeTheGraphOfTheirText(t *testing.T) {
	models := map[string]string{"a": "a.safetensors", "b": "b.safetensors", "c": "c.safetensors"}
	want := mecha(t, `
merge "subtract" $B $C
merge "scale" &3 0.5
merge "add_difference" $A &4
merge "fallback" &5 $A`)
	for _, expr := range []string{"a + 0.5*(b - c) | a", "(a +\n 0.5*(b - c)) | a", "fallback(method('add_difference')(a, scale(b - c, 0.5)), default=a)"} {
		g, err := Expr(expr, recipe.Builtin(), Options{Models: models})
		if err != nil {
			t.Fatal(err)
		}
		same(t, g, want)
	}
}

func TestHintsOfModelsAreThoseOfText(t *testing.T) {
	for program, text := range map[string]string{
		`out = model("x")`:                                         `model "x" null "weight"`,
		`out = model("x", merge_space=None)`:                       `model "x"`,
		`out = model("x", "singleton-mecha", merge_space="delta")`: `model "x" "singleton-mecha" "delta"`,
		`out = literal({"key": 1}, config="singleton-mecha")`:      "dict key=1\nliteral &0 \"singleton-mecha\"",
		`out = literal(1, "singleton-mecha")`:                      "dict key=1\nliteral &0 \"singleton-mecha\"",
	} {
		g, err := Run([]byte(program), "", recipe.Builtin(), Options{})
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		same(t, g, mecha(t, text))
	}
}

func TestParametersAreSetByTheTypesOfTheirDefaults(t *testing.T) {
	const program = abcd + `
def recipe(alpha=0.5, n=1, swap=False, dtype="float32"):
    x, y = (b, a) if swap else (a, b)
    for i in range(n):
        x = weighted_sum(x, y, alpha=alpha)
    return x.to(dtype)
`
	g, err := Run([]byte(program), "r.star", recipe.Builtin(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, g, mecha(t, "merge \"weighted_sum\" $A $B 0.5\nmerge \"cast\" &2 dtype=\"float32\""))
	set := map[string]string{"alpha": "1", "n": "2", "swap": "true", "dtype": "bfloat16"}
	if g, err = Run([]byte(program), "r.star", recipe.Builtin(), Options{Set: set}); err != nil {
		t.Fatal(err)
	}
	same(t, g, mecha(t, "merge \"weighted_sum\" $B $A 1.0\nmerge \"weighted_sum\" &2 $A 1.0\nmerge \"cast\" &3 dtype=\"bfloat16\""))

	params, err := Params([]byte(program), "r.star", recipe.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range params {
		got = append(got, p.Name+"="+p.Default.String()+" "+p.Type())
	}
	if want := `alpha=0.5 a number, n=1 an integer, swap=false true or false, dtype="float32" a string`; strings.Join(got, ", ") != want {
		t.Errorf("parameters %q", got)
	}
	const outside = "d = a - b\ndef recipe(alpha=0.5):\n    return c + alpha * d\n"
	if params, err = Params([]byte(outside), "", recipe.Builtin()); err != nil || len(params) != 1 {
		t.Errorf("with models from outside: %v, %v", params, err)
	}
	if none, err := Params([]byte("out = 1"), "", recipe.Builtin()); err != nil || none != nil {
		t.Errorf("%v, %v", none, err)
	}
}

func TestModelsMayBeNamedFromOutside(t *testing.T) {
	g, err := Run([]byte("out = weighted_sum(x, y)"), "r.star", recipe.Builtin(), Options{Models: map[string]string{"x": "a.safetensors", "y": "b.safetensors"}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, g, mecha(t, `merge "weighted_sum" $A $B 0.5`))
}

// A graph from a program keeps lines: what is found by Solve is found there.
func TestSolveNamesTheLineOfTheProgram(t *testing.T) {
	g, err := Run([]byte("a = model('a')\nb = model('b')\n\nout = a + b\n"), "r.star", recipe.Builtin(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = recipe.Solve(t.Context(), g, nil, recipe.Options{})
	if err == nil || !strings.Contains(err.Error(), "r.star:4") || !strings.Contains(err.Error(), "line 2") || tensor.ClassOf(err) != tensor.ClassRecipe {
		t.Errorf("error %v", err)
	}
}

// wantError checks the position of the first error, and that its text has the words and a caret.
func wantError(t *testing.T, err error, line, column int, words ...string) {
	t.Helper()
	wantErrorOf(t, err, tensor.ClassRecipe, line, column, words...)
}

// wantErrorOf is wantError for an error that is not the recipe's.
func wantErrorOf(t *testing.T, err error, class tensor.Class, line, column int, words ...string) {
	t.Helper()
	var e *recipe.ParseError
	if !errors.As(err, &e) {
		t.Fatalf("error %T %v", err, err)
	}
	if e.Line != line || e.Column != column || tensor.ClassOf(err) != class {
		t.Errorf("at %d:%d of class %v, want %d:%d of class %v: %v", e.Line, e.Column, tensor.ClassOf(err), line, column, class, err)
	}
	for _, w := range append(words, "^") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in:\n%v", w, err)
		}
	}
}
