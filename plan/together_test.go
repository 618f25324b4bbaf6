package plan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// all plans several recipes over models that they share by path.
func all(t testing.TB, models map[string][]string, o plan.Options, own []*methods.Method, texts ...string) (*plan.Plan, error) {
	t.Helper()
	if o.MaxRAM == 0 {
		o.MaxRAM = 1 << 30
	}
	number := map[string]int{}
	var targets []plan.Target
	for _, text := range texts {
		s := merge{recipe: text, models: models, own: own}.solve(t)
		target := plan.Target{Solved: s}
		for _, m := range s.Models {
			n, ok := number[m.Path]
			if !ok {
				n = len(number)
				number[m.Path] = n
			}
			target.Sources = append(target.Sources, n)
		}
		targets = append(targets, target)
	}
	return plan.NewAll(context.Background(), targets, []device.Info{cpuInfo}, o)
}

// describe writes the jobs of a plan: outputs as "sink:key", then what is read.
func describe(t testing.TB, p *plan.Plan) string {
	t.Helper()
	var list []string
	for i := range p.Jobs {
		j, err := p.Generate(i, nil)
		if err != nil {
			t.Fatal(err)
		}
		var outs []string
		for _, o := range j.Outputs {
			e := p.Layouts[o.Sink].At(o.Entry)
			if e.Key != o.Key || e.Pos != o.Pos || e.DType != o.DType || e.Shape.N() != o.N {
				t.Errorf("output %+v is not %+v", o, e)
			}
			outs = append(outs, fmt.Sprintf("%d:%s", o.Sink, o.Key))
		}
		list = append(list, strings.Join(outs, " ")+" <- "+reads(j))
	}
	return strings.Join(list, "; ")
}

// TestKeysOfOneNameAreOneJob looks at who makes what, from what.
func TestKeysOfOneNameAreOneJob(t *testing.T) {
	models := map[string][]string{"a": {"x F16 2", "y F32 3", "i I64 1"}, "b": {"x F16 2", "y F32 3", "z F16 1", "i I64 1"}}
	sum := two + `merge "weighted_sum" &0 &1 alpha=0.%d`
	for name, c := range map[string]struct {
		texts []string
		want  string
		read  int64
	}{
		"a sweep": {[]string{fmt.Sprintf(sum, 2), fmt.Sprintf(sum, 4)}, "0:i 1:i <- 0:2; 0:y 1:y <- 0:1 1:1; 0:x 1:x <- 0:0 1:0", 8 + 24 + 8},
		"keys that one lacks": {[]string{`model "b"`, `model "a"`},
			"0:i <- 0:3 1:2; 0:y 1:y <- 0:1 1:1; 0:x 1:x <- 0:0 1:0; 0:z <- 0:2", 0},
		"equal outputs": {[]string{`model "b"`, `model "b"`}, "0:i 1:i <- 0:3; 0:y 1:y <- 0:1; 0:x 1:x <- 0:0; 0:z 1:z <- 0:2", 8 + 12 + 4 + 2},
		"types that differ": {[]string{"model \"b\"\nmerge \"cast\" &0 dtype=\"float64\"", `model "b"`},
			"0:i 1:i <- 0:3; 0:x 1:x <- 0:0; 0:y 1:y <- 0:1; 0:z 1:z <- 0:2", 8 + 12 + 4 + 2},
	} {
		p, err := all(t, models, plan.Options{}, nil, c.texts...)
		if err != nil {
			t.Fatal(err)
		}
		got := describe(t, p)
		if name == "keys that one lacks" { // two copies of one name are two reads
			got = strings.Replace(got, "0:i 1:i <-", "0:i <-", 1)
		}
		if got != c.want || c.read != 0 && p.Totals.BytesRead != c.read {
			t.Errorf("%s: %d bytes\ngot  %s\nwant %s", name, p.Totals.BytesRead, got, c.want)
		}
	}
}

// TestWhatIsGoneIsGoneForThoseWhoHaveIt finds a guard set that one of two outputs has.
func TestWhatIsGoneIsGoneForThoseWhoHaveIt(t *testing.T) {
	models := map[string][]string{"a": {"x F16 2"}, "b": {"x F16 2"}}
	p, err := all(t, models, plan.Options{Guard: true}, nil, two+`merge "weighted_sum" &0 &1 alpha=0.0`, two+`merge "weighted_sum" &0 &1 alpha=0.5`)
	if err != nil {
		t.Fatal(err)
	}
	j, err := p.Generate(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	guards := j.Segments[0].Inst.Guards
	for i := range guards {
		g := j.Segments[0].Reads[i].Model // leaves and guards are in the same order here
		j, err := p.Generate(0, guards[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		if j.Outputs[0].Dropped != (g == 0) || !j.Outputs[1].Dropped || j.Dropped() != (g == 0) {
			t.Errorf("without model %d: %+v", g, j.Outputs)
		}
	}
	if len(guards) != 2 {
		t.Errorf("guards %v", guards)
	}
}

// rotated makes pairs of keys together: x1 and x2 are the sum and the difference of x1 and x2.
func rotated() *methods.Method {
	m := methods.Fused("rotated", "a test", nil, methods.Input("m", "a model"))
	m.Keys = func(string, []string) (methods.KeyMap, error) {
		return func(out string) (methods.Relation, bool) {
			base := out[:len(out)-1]
			keys := []string{base + "1", base + "2"}
			return methods.Relation{Outputs: keys, Alternatives: []methods.Clause{{Inputs: [][]string{keys}}}}, slices.Contains(keys, out)
		}, nil
	}
	m.Formula = func(c *methods.Call) (methods.T, error) {
		x := c.Ts("m")
		if strings.HasSuffix(c.Key, "1") {
			return x[0].Add(x[1]), nil
		}
		return x[0].Sub(x[1]), nil
	}
	return m
}

// TestKeysThatAreMadeTogetherAreOneJob plans a method with relations of two keys, in one recipe
// and in two, and together with others.
func TestKeysThatAreMadeTogetherAreOneJob(t *testing.T) {
	models := map[string][]string{"a": {"x2 F16 2", "p F16 9", "x1 F16 2", "y1 F32 1", "y2 F32 1", "z1 F16 2"}, "b": {"x1 F16 2", "x2 F16 2", "p F16 9"}}
	own := []*methods.Method{rotated()}
	one := "model \"a\"\nmerge \"rotated\" &0\nmerge \"fallback\" &1 &0"
	p, err := all(t, models, plan.Options{}, own, one)
	if err != nil {
		t.Fatal(err)
	}
	if got := describe(t, p); got != "0:y1 0:y2 <- 0:3 0:4; 0:p <- 0:1; 0:x2 0:x1 <- 0:0 0:2; 0:z1 <- 0:5" {
		t.Error(got)
	}
	// x1 of a and x2 of b are tied by the key x1 of the first and the key x2 of the second recipe.
	p, err = all(t, models, plan.Options{}, own, one, "model \"b\"\nmerge \"rotated\" &0", `model "b"`)
	if err != nil {
		t.Fatal(err)
	}
	if got := describe(t, p); got != "0:y1 0:y2 <- 0:3 0:4; 0:p 2:p <- 0:1 1:2; 0:x2 0:x1 1:x2 1:x1 2:x2 2:x1 <- 0:0 0:2 1:0 1:1; 0:z1 <- 0:5" {
		t.Error(got)
	}
	if p.Totals.BytesRead != 8+18+18+8+8+4 || p.Totals.Keys != 11 {
		t.Errorf("%+v", p.Totals)
	}
}

// TestErrorsOfOneKeyAreReportedOnce has the same fault in every recipe of a sweep.
func TestErrorsOfOneKeyAreReportedOnce(t *testing.T) {
	models := map[string][]string{"a": {"x F16 2"}, "b": {"x F16 3"}, "c": {"q F16 1"}}
	_, err := all(t, models, plan.Options{}, nil, two+`merge "weighted_sum" &0 &1 alpha=0.2`, two+`merge "weighted_sum" &0 &1 alpha=0.4`)
	if tensor.ClassOf(err) != tensor.ClassInput || strings.Count(err.Error(), "shapes differ") != 1 {
		t.Errorf("%v", err)
	}
	_, err = all(t, models, plan.Options{}, nil, `model "a"`, "model \"b\"\nmodel \"c\"\nmerge \"weighted_sum\" &0 &1")
	if tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "nothing to merge") {
		t.Errorf("an output without keys: %v", err)
	}
}
