package mecha_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestSweepsAreListsAndExactRanges(t *testing.T) {
	for text, want := range map[string]string{
		"alpha=0.1,0.2":       "0.1 0.2",
		"alpha=0.1:0.5:0.1":   "0.1 0.2 0.3 0.4 0.5",
		"alpha=0:1:0.25":      "0.00 0.25 0.50 0.75 1.00",
		"alpha=1:0:-0.5":      "1.0 0.5 0.0",
		"alpha=0:1:0.4,7":     "0.0 0.4 0.8 7",
		"k=3:3:1":             "3",
		"mode=sum,a=b,x:y":    "sum a=b x:y",
		"alpha=1e-3,2.5e-1":   "1e-3 2.5e-1",
		"alpha=0.95:1.05:.05": "0.95 1.00 1.05",
		"alpha=0:1:5e-1":      "0.0 0.5 1.0",
		"alpha=1E2:2e2:50":    "100 150 200",
		"at=10:20:x,1:2":      "10:20:x 1:2",
	} {
		s, err := mecha.ParseSweep(text)
		if got := strings.Join(s.Values, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for text, words := range map[string]string{
		"alpha": "expected NAME=", "=1": "expected NAME=", "alpha=": "empty", "alpha=1,,2": "empty", "alpha=1,1": "twice",
		"alpha=0:1:-0.1": "does not reach", "alpha=0:1:0": "does not reach", "alpha=0:1:0.00001": "more than 10000 values: 100001", "a=1:1:0": "its step is 0",
		"a=1:0:0.1": "leads away", "a=0:1:1e-9": "more than 10000 values: 1000000001", "a=0:1e99:1e-99": "more than 10000", "a=0:1:nan": "nan is not a finite",
		"a=-inf:1:1": "-inf is not", "a=0:1e999:1": "1e999 is not", "a=0:1:1e-99999999": "is not a finite", "a=0:0x1p3:1": "0x1p3 is not a finite decimal",
	} {
		if _, err := mecha.ParseSweep(text); tensor.ClassOf(err) != tensor.ClassUsage || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestGridsHaveEveryCombinationOnce(t *testing.T) {
	grid, err := mecha.Grid([]mecha.Sweep{{"a", []string{"1", "2"}}, {"b", []string{"x", "y", "z"}}})
	if got := fmt.Sprint(grid); err != nil || got != "[map[a:1 b:x] map[a:1 b:y] map[a:1 b:z] map[a:2 b:x] map[a:2 b:y] map[a:2 b:z]]" {
		t.Errorf("%s, %v", got, err)
	}
	if grid, err := mecha.Grid(nil); err != nil || len(grid) != 1 || len(grid[0]) != 0 {
		t.Errorf("no sweeps: %v, %v", grid, err)
	}
	many := mecha.Sweep{Name: "a", Values: make([]string, 200)}
	if _, err := mecha.Grid([]mecha.Sweep{many, {"b", many.Values}}); tensor.ClassOf(err) != tensor.ClassUsage {
		t.Errorf("40,000 files: %v", err)
	}
	if _, err := mecha.Grid([]mecha.Sweep{{"a", []string{"1"}}, {"a", []string{"2"}}}); tensor.ClassOf(err) != tensor.ClassUsage {
		t.Errorf("one name twice: %v", err)
	}
}

func TestPathsAreFilledWithValues(t *testing.T) {
	values := map[string]string{"alpha": "0.1", "k": "a/b", "up": ".."}
	for pattern, want := range map[string]string{"o-{alpha}.st": "o-0.1.st", "{alpha}{alpha}": "0.10.1", "d/x}": "d/x}", "plain": "plain"} {
		if got, err := mecha.FillPath(pattern, values); err != nil || got != want {
			t.Errorf("%s: %s, %v", pattern, got, err)
		}
	}
	for _, pattern := range []string{"o-{beta}", "o-{", "{alpha", "{k}", "{up}/x", "{}"} {
		if got, err := mecha.FillPath(pattern, values); tensor.ClassOf(err) != tensor.ClassUsage {
			t.Errorf("%s: %s, %v", pattern, got, err)
		}
	}
}

// TestExpressionsHaveNamesOfValues sets free names of an expression.
func TestExpressionsHaveNamesOfValues(t *testing.T) {
	s := mecha.ScriptOptions{Models: map[string]string{"a": "a", "b": "b"}, Set: map[string]string{"alpha": "0.25", "d": "float16"}}
	r, err := mecha.ParseExprWith(ctx, "weighted_sum(a, b, alpha=alpha).to(d)", s, mecha.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := mecha.ParseExpr(ctx, `weighted_sum(a, b, alpha=0.25).to("float16")`, s.Models, mecha.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := r.Text()
	if text, _ := want.Text(); got != text {
		t.Errorf("%s\nwant\n%s", got, text)
	}
	for name, words := range map[string]string{"alhpa": "did you mean alpha?", "a": "no free name a", "weighted_sum": "no free name weighted_sum", "to": "no free name to"} {
		s.Set = map[string]string{name: "1", "d": "x"}
		_, err := mecha.ParseExprWith(ctx, "weighted_sum(a, b, alpha=alpha).to(d)", s, mecha.Options{})
		if tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A sweep makes a grid of values, and a name for the file of each.
func ExampleGrid() {
	alphas, err := mecha.ParseSweep("alpha=0.25:0.75:0.25")
	if err != nil {
		fmt.Println(err)
		return
	}
	grid, err := mecha.Grid([]mecha.Sweep{alphas})
	if err != nil {
		fmt.Println(err)
		return
	}
	var paths []string
	for _, values := range grid {
		path, err := mecha.FillPath("mix-{alpha}.safetensors", values)
		if err != nil {
			fmt.Println(err)
			return
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	fmt.Println(strings.Join(paths, "\n"))
	// Output:
	// mix-0.25.safetensors
	// mix-0.50.safetensors
	// mix-0.75.safetensors
}
