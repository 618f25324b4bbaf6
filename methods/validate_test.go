package methods

import (
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestRowsThatAreNotWellFormedAreRefused(t *testing.T) {
	// p replaces the parameters after the first one, to which the result is tied.
	p := func(params ...Param) func(*Method) {
		return func(m *Method) { m.Params = append(m.Params[:1], params...) }
	}
	x := Input("y", "")
	other := &Symbol{Name: "other"}
	for _, c := range []struct {
		want   string
		change func(*Method)
	}{
		{"identifier", func(m *Method) { m.ID = "" }},
		{"identifier", func(m *Method) { m.ID = "a\"b" }},
		{"no formula", func(m *Method) { m.Formula = nil }},
		{"not available", func(m *Method) { m.Status = Known }},
		{"not a name", p(Input("a b", ""))},
		{"not a name", p(Input("1a", ""))},
		{"reserved", p(Input("key", ""))},
		{"reserved", p(Input("output_reused", ""))},
		{"reserved", p(Input("params", ""))},
		{"twice", p(x, x)},
		{"unknown type", p(x.OfType(9))},
		{"structural", p(x.OfConfig("structural"))},
		{"structural", func(m *Method) { m.Return.Config = "structural" }},
		{"both a symbol", func(m *Method) { m.Params[0].Spaces = In(Weight) }},
		{"param only", p(Factor("f", 1, "").In(Weight))},
		{"param only", p(Factor("f", 1, "").In(Weight, ParamSpace))},
		{"param only", p(Factor("f", 1, "").Tied(other))},
		{"expected true or false", p(Option("o", FloatOf(.5), "").OfType(Bool))},
		{"no default but follows", p(Factor("f", 1, ""), x)},
		{"has to be keyword-only", p(x.Many(0), Factor("f", 1, ""))},
		{"has to be keyword-only", p(Factor("f", 1, "").ByName(), Factor("g", 1, ""))},
		{"variadic parameter has no default", p(Factor("f", 1, "").Many(0))},
		{"MinArgs", func(m *Method) { m.Params[0].MinArgs = 1 }},
		{"symbol \"other\"", func(m *Method) { m.Return.Symbol = other }},
		{"either in one space", func(m *Method) { m.Return = Return{} }},
		{"either in one space", func(m *Method) { m.Return.Space = Weight }},
		{"unknown type of result", func(m *Method) { m.Return.Type = 9 }},
		{"no key map joins", func(m *Method) { m.Params[0].Config = "a-b"; m.Return.Config = "c-d" }},
		{"state dict needs a key map", func(m *Method) { m.Return.StateDict = true }},
		{"one input, of a named config", func(m *Method) { m.Conversion = true }},
		{"more than one of", func(m *Method) { m.Broadcast, m.FirstAvailable = true, true }},
		{"interface has no formula", func(m *Method) { m.Interface = true }},
		{"interface has no key map", func(m *Method) { m.Interface, m.Formula, m.Broadcast = true, nil, true }},
		{"does not implement another", func(m *Method) { m.Interface, m.Formula, m.Implements = true, nil, "i" }},
		{"no keyword-only", func(m *Method) {
			m.Interface, m.Formula = true, nil
			m.Params = append(m.Params, Factor("f", 1, "").ByName())
		}},
		{"which is not an interface", func(m *Method) { m.Implements = "weighted_sum" }},
		{"which is not an interface", func(m *Method) { m.Implements = "nothing" }},
		{"has 1 parameters", func(m *Method) { m.Implements = "rebasin" }},
		{"name x, expected model", func(m *Method) { m.Implements = "exchange_ema" }},
	} {
		m := Fused("m", "", func(x ...T) T { return x[0] }, Input("x", ""))
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		c.change(m)
		before := Builtin()
		after, err := before.With(m)
		if err == nil || !strings.Contains(err.Error(), c.want) || tensor.ClassOf(err) != tensor.ClassRecipe {
			t.Errorf("error %v, want one about %q", err, c.want)
		}
		if len(after.IDs()) != len(before.IDs()) {
			t.Errorf("%s: the row was added", c.want)
		}
	}
}

func TestImplementationsHaveTheSignatureOfTheirInterface(t *testing.T) {
	face := func(params ...Param) *Method {
		return &Method{ID: "face", Interface: true, Params: params, Return: Return{Space: Weight}}
	}
	impl := func(params ...Param) *Method {
		return &Method{ID: "impl", Implements: "face", Params: params, Return: Return{Space: Weight},
			Formula: func(c *Call) (T, error) { return T{}, nil }}
	}
	x := Input("x", "")
	for _, c := range []struct {
		face, impl Param
		want       string
	}{
		{x, x, ""},
		{x, x.OfConfig("sdxl-sgm"), ""},
		{Factor("x", 1, ""), Factor("x", 1, "").Required(), ""},
		{x, x.OfType(Int), "type"},
		{x, x.Many(0), "same way"},
		{x.In(ParamSpace), Factor("x", 1, ""), "adds a default"},
		{x.In(Weight), x.In(Delta), "space"},
		{x.OfConfig("a-b"), x.OfConfig("c-d"), "config"},
	} {
		_, err := NewSet(face(c.face), impl(c.impl))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestIdentifiersAreUniqueInASet(t *testing.T) {
	set := Builtin()
	if _, err := set.With(scale()); err == nil || !strings.Contains(err.Error(), "defined already") {
		t.Errorf("error %v", err)
	}
	more, err := set.With(Fused("mine", "", func(x ...T) T { return x[0] }, Input("a", "")))
	if err != nil {
		t.Fatal(err)
	}
	if _, leaked := set.Get("mine"); leaked {
		t.Error("With changed the set")
	}
	if _, ok := more.Get("mine"); !ok || len(more.All()) != len(set.All())+1 {
		t.Error("With added nothing")
	}
}

func TestUnknownMethodsAreNamedNearby(t *testing.T) {
	for name, want := range map[string]string{"wsum": "weighted_sum", "slrep": "slerp", "tiesum": "ties_sum"} {
		if got := Builtin().Nearest(name); len(got) == 0 || got[0] != want {
			t.Errorf("nearest to %s: %v", name, got)
		}
	}
}
