package recipe

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkSolveOf100000Keys solves a merge of three models with 100,000 keys each.
func BenchmarkSolveOf100000Keys(b *testing.B) {
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf("model.layers.%d.self_attn.q_proj.weight", i)
	}
	g := mustParse(b, "model \"a\"\nmodel \"b\"\nmodel \"c\"\nmerge \"n_average\" &0 &1 &2")
	models := []Model{{"a", head(b, names...)}, {"b", head(b, names...)}, {"c", head(b, names...)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Solve(context.Background(), g, models, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// chain is a recipe of n merges, each of which uses the one before it.
func chain(n int) string {
	var b strings.Builder
	b.WriteString("model \"a\"\nmerge \"weighted_sum\" &0 &0")
	for i := range n {
		fmt.Fprintf(&b, "\nmerge \"weighted_sum\" &%d &%d 0.%d", i+1, i+1, i+1)
	}
	return b.String()
}

func BenchmarkChainOf50000Merges(b *testing.B) {
	text := "version 0.1.0\n" + chain(50_000)
	for b.Loop() {
		g, err := Parse([]byte(text), "", Builtin())
		if err != nil {
			b.Fatal(err)
		}
		s, err := Solve(context.Background(), g, nil, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Format(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDictUsedOften solves a recipe that uses a dict of 10,000 entries 2,000 times.
func BenchmarkDictUsedOften(b *testing.B) {
	var t strings.Builder
	t.WriteString("version 0.1.0\nmodel \"a\"\ndict")
	for i := range 10_000 {
		fmt.Fprintf(&t, " k%d=0.5", i)
	}
	t.WriteString("\nmerge \"n_average\" &0" + strings.Repeat(" &1", 2000))
	for b.Loop() {
		g, err := Parse([]byte(t.String()), "", Builtin())
		if err != nil {
			b.Fatal(err)
		}
		s, err := Solve(context.Background(), g, []Model{{"a", head(b, "k1")}}, Options{})
		if err != nil || len(s.Nodes) != 3 {
			b.Fatal(err)
		}
	}
}
