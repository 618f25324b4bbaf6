package plan_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// benchKeys is the number of keys of a large state dict.
const benchKeys = 100_000

// benchRecipes are the recipes whose planning is measured, over models a, b and c.
var benchRecipes = []struct{ name, text string }{
	{"lerp", `merge "weighted_sum" &0 &1 alpha=0.3`},
	{"difference", "merge \"subtract\" &1 &2\nmerge \"add_difference\" &0 &3 alpha=0.5"},
	{"slerp", `merge "slerp" &0 &1 alpha=0.3`},
}

func benchSolved(b *testing.B, text string) *recipe.Solved {
	var models []recipe.Model
	for _, name := range []string{"a", "b", "c"} {
		h := tensor.NewHeader(benchKeys)
		for i := range benchKeys {
			if err := h.Add(fmt.Sprintf("model.diffusion_model.blocks.%d.bias", i), tensor.F16, tensor.Shape{2, 8}, int64(32*i)); err != nil {
				b.Fatal(err)
			}
		}
		models = append(models, recipe.Model{Path: name, Header: h})
	}
	g, err := recipe.Parse([]byte("version 0.1.0\nmodel \"a\"\nmodel \"b\"\nmodel \"c\"\n"+text+"\n"), "bench", recipe.Builtin())
	if err != nil {
		b.Fatal(err)
	}
	s, err := recipe.Solve(context.Background(), g, models, recipe.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkPlan100000Keys measures planning, and making all jobs.
func BenchmarkPlan100000Keys(b *testing.B) {
	info := []device.Info{{Name: "cpu", Depth: 1, UnitBytes: 512 << 10, Workers: 2}}
	for _, r := range benchRecipes {
		s := benchSolved(b, r.text)
		o := plan.Options{Guard: true, MaxRAM: 1 << 30}
		var p *plan.Plan
		b.Run(r.name+"/new", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if p, err = plan.New(context.Background(), s, info, o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
		})
		b.Run(r.name+"/generate", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i := range p.Jobs {
					if _, err := p.Generate(i, nil); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
		})
	}
}
