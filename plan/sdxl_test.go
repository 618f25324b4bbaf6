package plan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// sdxl is the header of a checkpoint of SDXL, in F16.
func sdxl(t testing.TB) *tensor.Header {
	t.Helper()
	row, ok := config.Builtin().Get("sdxl-sgm")
	if !ok {
		t.Fatal("no config of SDXL")
	}
	c := row.Make()
	h, pos := tensor.NewHeader(c.Len()), int64(0)
	for i := range c.Len() {
		k := c.Key(i)
		if k.Optional {
			continue
		}
		d := k.DType
		if d.IsFloat() {
			d = tensor.F16
		}
		if err := h.Add(k.Name, d, k.Shape, pos); err != nil {
			t.Fatal(err)
		}
		pos += h.At(h.Len() - 1).Size
	}
	return h
}

// averages is a recipe of n merges over ten models, each of which uses the one before it and a
// model in turn.
func averages(n int) string {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "model \"m%d\"\n", i)
	}
	for i := range n {
		last := 9 + i
		if i == 0 {
			last = 9
		}
		fmt.Fprintf(&b, "merge \"weighted_sum\" &%d &%d alpha=0.%d\n", last, i%9, i%8+1)
	}
	return b.String()
}

// diamonds is a recipe of n merges, both arguments of which are the one before it.
func diamonds(n int) string {
	var b strings.Builder
	b.WriteString("model \"m0\"\nmodel \"m1\"\nmerge \"weighted_sum\" &0 &1 alpha=0.5\n")
	for i := range n {
		fmt.Fprintf(&b, "merge \"weighted_sum\" &%d &%d alpha=0.%d\n", 2+i, 2+i, i%8+1)
	}
	return b.String()
}

// solvedSDXL parses and solves a recipe over checkpoints of SDXL, and plans it.
func plannedSDXL(t testing.TB, text string, h *tensor.Header) *plan.Plan {
	t.Helper()
	g, err := recipe.Parse([]byte("version 0.1.0\n"+text), "sdxl", recipe.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	var models []recipe.Model
	for _, p := range g.Models() {
		models = append(models, recipe.Model{Path: p, Header: h})
	}
	s, err := recipe.Solve(context.Background(), g, models, recipe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if id := s.Config.ID(); id != "sdxl-sgm" {
		t.Fatalf("config %s", id)
	}
	p, err := plan.New(context.Background(), s, []device.Info{cpuInfo}, plan.Options{MaxRAM: 1 << 30, Guard: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestDiamondsArePlannedOnce would not end if a node were evaluated for each of its users: there
// are 2^30 ways from the root to the leaves.
func TestDiamondsArePlannedOnce(t *testing.T) {
	h := sdxl(t)
	p := plannedSDXL(t, diamonds(30), h)
	if p.Jobs != h.Len() || p.Totals.BytesRead < p.Totals.BytesWrite || p.Totals.Programs > 8 {
		t.Errorf("%d jobs of %d keys, %+v", p.Jobs, h.Len(), p.Totals)
	}
	p = plannedSDXL(t, averages(40), h) // fifty nodes
	if j := job(t, p, h.At(0).Key); p.Jobs != h.Len() || len(j.Segments[0].Reads) != 10 {
		t.Errorf("%d jobs of %d keys, %d reads", p.Jobs, h.Len(), len(j.Segments[0].Reads))
	}
}

// BenchmarkSDXL solves and plans recipes over ten checkpoints of SDXL. The promise is less than a
// second for fifty nodes, and time in proportion to the nodes.
func BenchmarkSDXL(b *testing.B) {
	h := sdxl(b)
	for _, c := range []struct{ name, text string }{
		{"20 nodes", averages(10)}, {"50 nodes", averages(40)}, {"100 nodes", averages(90)}, {"200 nodes", averages(190)},
		{"diamonds of depth 30", diamonds(30)}, {"diamonds of depth 60", diamonds(60)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plannedSDXL(b, c.text, h)
			}
		})
	}
}
