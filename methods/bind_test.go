package methods

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func kw(s ...string) []KW[string] {
	var list []KW[string]
	for _, x := range s {
		name, value, _ := strings.Cut(x, "=")
		list = append(list, KW[string]{name, value})
	}
	return list
}

func TestBindGivesArgumentsToParameters(t *testing.T) {
	for _, c := range []struct {
		id   string
		pos  []string
		kw   []KW[string]
		want string
	}{
		{"weighted_sum", []string{"x", "y"}, nil, "[[x] [y] []]"},
		{"weighted_sum", []string{"x", "y", "w"}, nil, "[[x] [y] [w]]"},
		{"weighted_sum", []string{"x"}, kw("alpha=w", "b=y"), "[[x] [y] [w]]"},
		{"weighted_sum", nil, kw("b=y", "a=x"), "[[x] [y] []]"},
		{"n_average", []string{"x", "y", "z"}, nil, "[[x y z]]"},
		{"clamp", []string{"x", "y", "z"}, kw("stiffness=s"), "[[x] [y z] [s]]"},
		{"clamp", []string{"x", "y"}, nil, "[[x] [y] []]"},
		{"ties_sum", nil, kw("k=1"), "[[] [1] []]"},
	} {
		got, err := Bind(row(t, c.id), c.pos, c.kw)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s%v%v: %v, %v, want %s", c.id, c.pos, c.kw, got, err, c.want)
		}
	}
}

func TestBindErrors(t *testing.T) {
	only := &Method{ID: "m", Params: []Param{Input("x", ""), Option("s", FloatOf(0), "").ByName()}}
	for _, c := range []struct {
		m    *Method
		pos  int
		kw   []KW[string]
		want []BindError
		text string
	}{
		{row(t, "weighted_sum"), 1, nil, []BindError{{Kind: Missing, Param: "b", Index: -1}}, "weighted_sum: parameter b is missing"},
		{row(t, "weighted_sum"), 4, nil, []BindError{{Kind: Surplus, Index: 3, Got: 4, Want: 3}}, "weighted_sum takes at most 3 positional arguments, got 4"},
		{row(t, "weighted_sum"), 2, kw("a=1"), []BindError{{Kind: Duplicate, Param: "a", ByName: true}}, "weighted_sum: parameter a is given twice"},
		{row(t, "weighted_sum"), 2, kw("alpha=1", "alpha=2"), []BindError{{Kind: Duplicate, Param: "alpha", Index: 1, ByName: true}}, "weighted_sum: parameter alpha is given twice"},
		{row(t, "weighted_sum"), 2, kw("aplha=1"), []BindError{{Kind: Unknown, Param: "aplha", ByName: true, Near: []string{"alpha"}}}, "weighted_sum has no parameter aplha, did you mean alpha?"},
		{row(t, "weighted_sum"), 2, kw("foobar=1"), []BindError{{Kind: Unknown, Param: "foobar", ByName: true}}, "weighted_sum has no parameter foobar"},
		{row(t, "n_average"), 1, kw("models=1"), []BindError{{Kind: Positional, Param: "models", ByName: true}}, "n_average: the arguments of parameter models are given by position, not by name"},
		{row(t, "clamp"), 1, nil, []BindError{{Kind: TooFew, Param: "bounds", Index: -1, Want: 1}}, "clamp: parameter bounds takes at least 1 argument, got 0"},
		{only, 2, nil, []BindError{{Kind: ByNameOnly, Param: "s", Index: 1, Got: 2, Want: 1}}, "m takes at most 1 positional arguments, got 2: parameter s is given by name (s=...)"},
		{row(t, "weighted_sum"), 0, kw("foobar=1"), []BindError{{Kind: Unknown, Param: "foobar", ByName: true}, {Kind: Missing, Param: "a", Index: -1}, {Kind: Missing, Param: "b", Index: -1}}, "weighted_sum has no parameter foobar\nweighted_sum: parameter a is missing\nweighted_sum: parameter b is missing"},
	} {
		_, err := Bind(c.m, make([]string, c.pos), c.kw)
		if err == nil || err.Error() != c.text || tensor.ClassOf(err) != tensor.ClassRecipe {
			t.Errorf("error %q of class %v, want %q", err, tensor.ClassOf(err), c.text)
			continue
		}
		joined, _ := err.(interface{ Unwrap() []error })
		for i, e := range joined.Unwrap() {
			var got *BindError
			want := c.want[i]
			want.Method = c.m.ID
			if !errors.As(e, &got) || fmt.Sprint(*got) != fmt.Sprint(want) {
				t.Errorf("got %+v, want %+v", e, want)
			}
		}
	}
}

func TestParamNamesAreInOrder(t *testing.T) {
	if got := row(t, "weighted_sum").ParamNames(); !slices.Equal(got, []string{"a", "b", "alpha"}) {
		t.Error(got)
	}
}

func FuzzBind(f *testing.F) {
	f.Add(uint8(2), "alpha a b")
	f.Add(uint8(9), "stiffness")
	f.Fuzz(func(t *testing.T, n uint8, names string) {
		var given []KW[int]
		for i, s := range strings.Fields(names) {
			given = append(given, KW[int]{s, 1000 + i})
		}
		pos := make([]int, n)
		for i := range pos {
			pos[i] = i
		}
		for _, m := range []*Method{weightedSum(), nAverage(), clamp(), cast()} {
			bound, err := Bind(m, pos, given)
			if err != nil {
				continue
			}
			total := 0
			for i, list := range bound {
				total += len(list)
				if len(list) == 0 && m.Params[i].Default == nil && !m.Params[i].Variadic {
					t.Errorf("%s: parameter %s has no argument", m.ID, m.Params[i].Name)
				}
			}
			if total != len(pos)+len(given) {
				t.Errorf("%s: %d arguments bound, %d given", m.ID, total, len(pos)+len(given))
			}
		}
	})
}
