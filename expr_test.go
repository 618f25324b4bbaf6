package mecha_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// build is Build for expressions that are right.
func build(t testing.TB, e *mecha.Expr, o mecha.Options) *mecha.Recipe {
	t.Helper()
	r, err := mecha.Build(e, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// into merges in memory.
func into(t testing.TB, r *mecha.Recipe, o mecha.Options) (memory.Dict, *mecha.Report) {
	t.Helper()
	sink := memory.NewSink("out", nil)
	rep, err := mecha.MergeInto(context.Background(), r, sink, o)
	if err != nil {
		t.Fatal(err)
	}
	return sink.Dict(), rep
}

// TestOperatorsAreTheMethodsOfRecipes builds the same recipe by operators and from text.
func TestOperatorsAreTheMethodsOfRecipes(t *testing.T) {
	a, b := mecha.Model("a"), mecha.Model("b")
	d := mecha.Model("d").In("delta")
	models := "model \"a\"\nmodel \"b\"\nmodel \"d\" merge_space=\"delta\"\n"
	for name, c := range map[string]struct {
		e    *mecha.Expr
		text string
	}{
		"add":     {a.Add(d), `merge "add_difference" &0 &2 1.0`},
		"sub":     {a.Sub(b), `merge "subtract" &0 &1`},
		"scale":   {d.Scale(0.5), `merge "scale" &2 0.5`},
		"neg":     {d.Neg(), `merge "scale" &2 -1.0`},
		"or":      {a.Or(b), `merge "fallback" &0 &1`},
		"to":      {a.To("bfloat16"), `merge "cast" &0 dtype="bfloat16"`},
		"by name": {mecha.Call("weighted_sum", a, mecha.Args{"alpha": 0.25, "b": b}), `merge "weighted_sum" &0 &1 alpha=0.25`},
		"values":  {mecha.Call("weighted_sum", a, b, map[string]any{"x": 1, "y": true}), "dict x=1 y=true\nmerge \"weighted_sum\" &0 &1 &3"},
		"nodes":   {mecha.Call("fallback", map[string]any{"x": a, "y": a}, b), "dict x=&0 y=&0\nmerge \"fallback\" &3 &1"},
	} {
		want, err := mecha.ParseRecipe([]byte("version 0.1.0\n"+models+c.text), name, mecha.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := build(t, c.e, mecha.Options{}).Text()
		if wantText, _ := want.Text(); err != nil || got != wantText {
			t.Errorf("%s: got\n%s\nwant\n%s\n%v", name, got, wantText, err)
		}
	}
}

func TestBuildReportsAllThatDoesNotFit(t *testing.T) {
	a := mecha.Model("a")
	_, err := mecha.Build(mecha.Call("weighted_sum", mecha.Call("weighted_sun", a, a), mecha.Call("scale", a, mecha.Args{"alpa": 1}), a.In("nowhere")), mecha.Options{})
	if tensor.ClassOf(err) != tensor.ClassRecipe {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"weighted_sum", "alpa", "nowhere"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	for _, e := range []*mecha.Expr{nil, a.Add("b.safetensors"), a.Or([]int{1}), mecha.Call("weighted_sum", (*mecha.Expr)(nil), a)} {
		if _, err := mecha.Build(e, mecha.Options{}); tensor.ClassOf(err) != tensor.ClassRecipe {
			t.Errorf("%+v: class %v: %v", e, tensor.ClassOf(err), err)
		}
	}
}

// TestDeepExpressions builds and merges a tower in which every node is used twice, and a chain.
func TestDeepExpressions(t *testing.T) {
	o := mecha.Options{MergeSpace: "any", Sources: sources(map[string]memory.Dict{"a": {"w": vector(1, 2)}})}
	a := mecha.Model("a")
	tower := a.Sub(a)
	for range 40 {
		tower = tower.Add(tower)
	}
	chain := a
	for range 3000 {
		chain = chain.Add(a.Sub(a))
	}
	if d, _ := into(t, build(t, tower, o), o); !slices.Equal(floats(d["w"]), []float32{0, 0}) {
		t.Errorf("tower: %v", floats(d["w"]))
	}
	if d, _ := into(t, build(t, chain, o), o); !slices.Equal(floats(d["w"]), []float32{1, 2}) {
		t.Errorf("chain: %v", floats(d["w"]))
	}
}

// TestManyKeysAndModels merges many models of many keys and looks at one of each.
func TestManyKeysAndModels(t *testing.T) {
	models := map[string]memory.Dict{}
	var args []any
	for m := range 70 {
		d := memory.Dict{}
		for k := range 30 {
			d[fmt.Sprint("k", k)] = vector(float32(m), float32(k))
		}
		name := fmt.Sprint("m", m)
		models[name] = d
		args = append(args, mecha.Model(name))
	}
	o := mecha.Options{Sources: sources(models)}
	d, rep := into(t, build(t, mecha.Call("n_average", args...), o), o)
	if x := floats(d["k7"]); len(d) != 30 || x[0] < 34.49 || x[0] > 34.51 || x[1] != 7 || rep.BytesRead != 70*30*8 {
		t.Errorf("%d keys, %v, %d bytes read", len(d), x, rep.BytesRead)
	}
}
