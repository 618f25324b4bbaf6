package script

import (
	"errors"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// FuzzRun checks that any program is refused with a position, or gives a graph whose text reads
// back as the same graph.
func FuzzRun(f *testing.F) {
	for _, c := range programs {
		f.Add(abcd + c.program)
	}
	for _, c := range append(conversions, struct{ name, program, text string }{program: "out = blocks({'IN00': 0.5, 'VAE': 1}, 'sdxl-sgm') | 1"}) {
		f.Add(c.program)
	}
	f.Add("\rA") // a line end of its own
	f.Add("def recipe(alpha=0.5):\n    return {'x': alpha}\n")
	f.Add(repeat("64", "s = 'x'", "s = s.replace('x', s)"))
	env := recipe.Builtin()
	env.Limits = recipe.Limits{Instructions: 1000, Entries: 100_000}
	f.Fuzz(func(t *testing.T, src string) {
		g, err := Run([]byte(src), "f", env, Options{})
		if err != nil {
			checkPosition(t, err, src)
			return
		}
		text, err := recipe.Format(g)
		if err != nil {
			return // a string that text cannot hold
		}
		again, err := recipe.Parse(text, "f", recipe.Builtin())
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		same(t, again, g)
		if src, err := Format(g); err == nil && len(src) == 0 {
			t.Fatal("an empty program") // Format compares the graphs itself
		}
		_, _ = recipe.Solve(t.Context(), g, nil, recipe.Options{MergeSpace: recipe.AnySpace}) // must not panic
	})
}

// FuzzExpr is FuzzRun for expressions.
func FuzzExpr(f *testing.F) {
	f.Add("a + 0.5*(b - c) | a")
	f.Add("n_average(*[a for i in range(3)])")
	f.Add("weighted_sum(a, b, alpha=blocks({'IN00': 0.5, 'OUT11': 1}))")
	models := map[string]string{"a": "a", "b": "b", "c": "c"}
	env := recipe.Builtin()
	env.Limits = recipe.Limits{Instructions: 1000, Entries: 100_000}
	f.Fuzz(func(t *testing.T, src string) {
		if _, err := Expr(src, env, Options{Models: models}); err != nil {
			checkPosition(t, err, src)
		}
	})
}

func checkPosition(t *testing.T, err error, src string) {
	t.Helper()
	var e *recipe.ParseError
	if !errors.As(err, &e) || tensor.ClassOf(err) != tensor.ClassRecipe {
		t.Fatalf("error %T %v", err, err)
	}
	if lines := strings.Count(lineEnds.Replace(src), "\n") + 1; e.Line < 1 || e.Line > lines || e.Column < 1 {
		t.Fatalf("position %d:%d in %d lines", e.Line, e.Column, lines)
	}
}
