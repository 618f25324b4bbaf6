package recipe

import (
	"errors"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func mustNode(t testing.TB) func(*Expr, error) *Expr {
	return func(e *Expr, err error) *Expr {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

func TestProgramsBuildWhatTextSays(t *testing.T) {
	env, must := Builtin(), mustNode(t)
	a := must(env.Model("a", Hints{}))
	b := must(env.Model("b", Hints{}))
	m := must(env.Merge("clamp", []any{a, b, 0.5, map[string]any{"y": 2, "x": a.Path() == "a"}}, methods.KW[any]{Name: "stiffness", Value: float32(0.5)}))
	g, err := env.Graph(m)
	if err != nil {
		t.Fatal(err)
	}
	want := mustParse(t, twoModels+"dict y=2 x=true\nmerge \"clamp\" &0 &1 0.5 &2 stiffness=0.5")
	if !g.Equal(want) {
		t.Errorf("got\n%s\nwant\n%s", mustFormat(t, g), mustFormat(t, want))
	}
	if got := g.Models(); len(got) != 2 || got[1] != "b" || len(g.Methods()) != 2 {
		t.Errorf("models %v, %d methods", got, len(g.Methods()))
	}
	root, err := env.Graph([]Entry{{Key: "a", Value: methods.IntOf(1)}, {Key: "s", Value: methods.StringOf("x")}})
	if err != nil || root.Root().Kind() != LiteralNode {
		t.Errorf("a dict as a root is a literal: %v", err)
	}
}

func TestWrongArgumentsOfProgramsAreRefused(t *testing.T) {
	env, must := Builtin(), mustNode(t)
	a := must(env.Model("a", Hints{}))
	merge := func(id string, pos []any, kw ...methods.KW[any]) error {
		_, err := env.Merge(id, pos, kw...)
		return err
	}
	_, badConfig := env.Model("a", Hints{Config: "sd1"})
	_, ownConfig := env.Model("a", Hints{Config: "toy-mine"})
	_, badSpace := env.Literal(nil, Hints{Space: "x"})
	_, structural := env.Model("a", Hints{Config: "structural"})
	_, twice := env.Literal([]Entry{{Key: "k"}, {Key: "k"}}, Hints{})
	_, spaceOfValue := env.Value(methods.Null(), "x")
	_, empty := env.Convert(map[string]any{})
	_, null := env.Convert((*Expr)(nil))
	for words, err := range map[string]error{
		`unknown method "wsum"`: merge("wsum", nil),
		"b is missing":          merge("subtract", []any{a}),
		"argument 2":            merge("subtract", []any{a, struct{}{}}),
		"use a model":           merge("subtract", []any{a, "b.safetensors"}),
		"no parameter x":        merge("subtract", []any{a, a}, methods.KW[any]{Name: "x", Value: 1}),
		"unknown model config":  badConfig,
		"loaded with --config":  ownConfig,
		"unknown merge space":   badSpace,
		"made from the keys":    structural,
		"there twice":           twice,
		`merge space "x"`:       spaceOfValue,
		"no keys":               empty,
		"nil":                   null,
		"one type":              merge("subtract", []any{a, []Entry{{Key: "x", Node: a}, {Key: "y"}}}),
		"int8":                  merge("subtract", []any{a, map[string]any{"x": int8(1)}}),
	} {
		if err == nil || !strings.Contains(err.Error(), words) || tensor.ClassOf(err) != tensor.ClassRecipe {
			t.Errorf("%q: %v", words, err)
		}
	}
}

func TestNodesDoNotChangeWithWhatTheyWereMadeFrom(t *testing.T) {
	env, must := Builtin(), mustNode(t)
	entries := []Entry{{Key: "x", Value: methods.IntOf(1)}}
	lit := must(env.Literal(entries, Hints{}))
	entries[0].Key = "y"
	lit.Entries()[0].Key = "z"
	if lit.Entries()[0].Key != "x" {
		t.Error("the literal changed")
	}
	m := must(env.Merge("scale", []any{lit}))
	m.Args()[0][0] = nil
	if m.Args()[0][0] != lit {
		t.Error("the merge changed")
	}
}

// method makes a row for tests.
func method(id string, params []methods.Param, ret methods.Return) *methods.Method {
	return &methods.Method{ID: id, Doc: id, Params: params, Return: ret,
		Formula: func(c *methods.Call) (methods.T, error) { return methods.T{}, nil }}
}

func withMethods(t testing.TB, rows ...*methods.Method) Env {
	t.Helper()
	env := toyEnv(t)
	set, err := env.Methods.With(rows...)
	if err != nil {
		t.Fatal(err)
	}
	env.Methods = set
	return env
}

func TestInterfaceGetsTheImplementationThatFits(t *testing.T) {
	sym := &methods.Symbol{Name: "any"}
	face := &methods.Method{ID: "face", Doc: "x", Interface: true, Return: methods.Return{Symbol: sym},
		Params: []methods.Param{methods.Input("a", "x").Tied(sym), methods.Factor("f", 1, "x")}}
	impl := func(id string, space methods.Space) *methods.Method {
		m := method(id, []methods.Param{methods.Input("a", "x").In(space), methods.Factor("f", 1, "x")}, methods.Return{Space: space})
		m.Implements = "face"
		return m
	}
	env := withMethods(t, face, impl("on_delta", methods.Delta), impl("on_weight", methods.Weight))
	for space, want := range map[methods.Space]string{methods.Weight: "on_weight", methods.Delta: "on_delta"} {
		g, err := Parse([]byte("version 0.1.0\nmodel \"a\"\nmerge \"face\" &0"), "", env)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Solve(t.Context(), g, nil, Options{MergeSpace: space})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Nodes[len(s.Nodes)-1].Method.ID; got != want {
			t.Errorf("%s: %s", space, got)
		}
		if text := mustFormat(t, s.Graph); !strings.Contains(text, `merge "face"`) {
			t.Errorf("the interface is not in the text:\n%s", text)
		}
	}
	g, _ := Parse([]byte("version 0.1.0\nmodel \"a\"\nmerge \"face\" &0"), "", env)
	_, err := Solve(t.Context(), g, nil, Options{MergeSpace: methods.ParamSpace})
	wantError(t, err, "line 3", "face has no implementation")
}

// TestKeyMapsJoinConfigs makes w of toy-a from v and u of toy-b, or else from only.
func TestKeyMapsJoinConfigs(t *testing.T) {
	sym := &methods.Symbol{Name: "any"}
	m := method("rename", []methods.Param{methods.Input("a", "x").Tied(sym).OfConfig("toy-b")}, methods.Return{Symbol: sym, Config: "toy-a"})
	var configs []string
	m.Keys = func(out string, params []string) (methods.KeyMap, error) {
		configs = append([]string{out}, params...)
		return func(key string) (methods.Relation, bool) {
			clauses := []methods.Clause{{Inputs: [][]string{{"v", "u"}}}, {Inputs: [][]string{{"only"}}}}
			return methods.Relation{Outputs: []string{key}, Alternatives: clauses}, key == "w"
		}, nil
	}
	env := withMethods(t, m)
	toyB, err := config.New("toy-b", config.Component{Name: "c", Keys: []config.Key{{Name: "v"}, {Name: "u"}, {Name: "only"}}})
	if err == nil {
		env.Configs, err = env.Configs.With(toyB)
	}
	if err != nil {
		t.Fatal(err)
	}
	g, err := Parse([]byte("version 0.1.0\nmodel \"a\"\nmerge \"rename\" &0"), "", env)
	if err != nil {
		t.Fatal(err)
	}
	for keys, want := range map[string]bool{"v u": true, "v": false, "v only": true} {
		s, err := Solve(t.Context(), g, []Model{{"a", head(t, strings.Fields(keys)...)}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		root := len(s.Nodes) - 1
		if got := s.Exists(root, "w", nil); got != want || s.Exists(root, "v", nil) {
			t.Errorf("%q: w exists: %v", keys, got)
		}
		if allKeys(s) != "w v z" || strings.Join(configs, " ") != "toy-a toy-b" {
			t.Errorf("keys %q, configs %v", allKeys(s), configs)
		}
	}
	m.Keys = func(string, []string) (methods.KeyMap, error) { return nil, errors.New("no such map") }
	_, err = Solve(t.Context(), g, nil, Options{})
	wantError(t, err, "line 3", "rename", "no such map")
}

func TestCleanPathKeepsWhatMatters(t *testing.T) {
	for p, want := range map[string]string{"": ".", ".": ".", "a": "a", "./a": "a", "a//b/": "a/b", "/a/./b": "/a/b", "a/../b": "a/../b",
		"//host/x": "//host/x", "///x": "/x", "C:\\x": "C:\\x"} {
		if got := CleanPath(p); got != want || CleanPath(got) != want {
			t.Errorf("%q: %q, want %q", p, got, want)
		}
	}
}
