package recipe

import (
	"strings"
	"testing"
)

func TestPathsAreReplacedEverywhereAndNothingElse(t *testing.T) {
	const text = `version 0.1.0
model "x/a" model_config=null merge_space="weight"
model "b" model_config="sdxl-sgm" merge_space=null
merge "weighted_sum" &0 &1 &0
dict u=&2 v=1
literal &3 model_config=null merge_space="weight"
merge "fallback" &4 &0`
	g, err := Parse([]byte(text), "r.mecha", Builtin())
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	moved := g.WithPaths(func(path string) string { calls++; return "/m/" + path })
	got, err := Format(moved)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Format(g)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != strings.NewReplacer(`model "`, `model "/m/`).Replace(string(want)) || calls != 2 || moved.Equal(g) || moved.Name() != "r.mecha" {
		t.Errorf("%d calls\n%s", calls, got)
	}
	if back := moved.WithPaths(func(path string) string { return strings.TrimPrefix(path, "/m/") }); !back.Equal(g) {
		t.Error("the way back leads elsewhere")
	}
	// Two models that become one are one.
	if one := g.WithPaths(func(string) string { return "x/a" }); one.Len() != g.Len() || len(one.Models()) != 1 {
		t.Errorf("%v", one.Models())
	}
}
