package tensor

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNearestFindsTypingMistakes(t *testing.T) {
	methods := []string{"weighted_sum", "n_average", "slerp", "add_difference", "subtract", "scale", "cast", "clamp", "stack", "n", "ord", "ties_sum", "omit_component",
		"sdxl-kohya_but_diffusers_kohya_lora"}
	for _, c := range []struct {
		name string
		want []string
	}{
		{"slerp", []string{"slerp"}},
		{"slrep", []string{"slerp"}},
		{"Slerp", []string{"slerp"}},
		{"wieghted_sum", []string{"weighted_sum"}},
		{"weightedsum", []string{"weighted_sum"}},
		{"wsum", []string{"weighted_sum"}},
		{"adddiff", []string{"add_difference"}},
		{"stac", []string{"stack"}},
		{"zz", nil},
		{"zork", nil},
		{"skale", []string{"scale"}},
		{"open", nil}, // not omit_component
		{"sdxl-foo", nil},
		{"xyzzy_plugh", nil},
		{"", nil},
	} {
		got := Nearest(c.name, methods, 1)
		if !slices.Equal(got, c.want) {
			t.Errorf("Nearest(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNearestOrdersByDistanceThenName(t *testing.T) {
	got := Nearest("abcd", []string{"abxy", "abcx", "bacd", "abcd", "abxd"}, 4)
	want := []string{"abcd", "abcx", "abxd", "bacd"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Nearest("abcd", []string{"abcd"}, 0); len(got) != 0 {
		t.Errorf("asked for none, got %q", got)
	}
}

// slowDistance is the definition of the optimal string alignment distance.
func slowDistance(a, b []rune) int {
	if len(a) == 0 || len(b) == 0 {
		return len(a) + len(b)
	}
	x, y := a[:len(a)-1], b[:len(b)-1]
	cost := 1
	if a[len(x)] == b[len(y)] {
		cost = 0
	}
	d := min(slowDistance(x, y)+cost, slowDistance(x, b)+1, slowDistance(a, y)+1)
	if len(a) > 1 && len(b) > 1 && a[len(a)-1] == b[len(b)-2] && a[len(a)-2] == b[len(b)-1] {
		d = min(d, slowDistance(a[:len(a)-2], b[:len(b)-2])+1)
	}
	return d
}

func TestDistanceEqualsItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	word := func() []rune {
		w := make([]rune, rng.IntN(6))
		for i := range w {
			w[i] = 'a' + rune(rng.IntN(3))
		}
		return w
	}
	var rows [3][]int
	for range 2000 {
		a, b, limit := word(), word(), rng.IntN(5)
		got, want := distance(a, b, limit, &rows), slowDistance(a, b)
		if got != want && !(got > limit && want > limit) {
			t.Fatalf("distance(%q, %q) = %d with limit %d, want %d", string(a), string(b), got, limit, want)
		}
	}
}
