package methods

import (
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestValuesFitTheStrictTable(t *testing.T) {
	type want map[Type]string // type of the parameter: value, or "" if it is refused
	huge := Value{Kind: BigIntValue, S: "99999999999999999999"}
	for _, c := range []struct {
		v              Value
		strict, compat want
	}{
		{FloatOf(.5), want{Tensor: "0.5", Float: "0.5", Any: "0.5"}, want{Int: "0", Bool: "false"}},
		{FloatOf(3.9), want{Tensor: "3.9", Float: "3.9", Any: "3.9"}, want{Int: "3", Bool: "true"}},
		{FloatOf(-3.9), want{Tensor: "-3.9", Float: "-3.9", Any: "-3.9"}, want{Int: "-3", Bool: "true"}},
		{FloatOf(8), want{Tensor: "8.0", Float: "8.0", Int: "8", Any: "8.0"}, want{Bool: "true"}},
		{FloatOf(1), want{Tensor: "1.0", Float: "1.0", Int: "1", Bool: "true", Any: "1.0"}, nil},
		{IntOf(0), want{Tensor: "0.0", Float: "0.0", Int: "0", Bool: "false", Any: "0"}, nil},
		{IntOf(2), want{Tensor: "2.0", Float: "2.0", Int: "2", Any: "2"}, want{Bool: "true"}},
		{BoolOf(true), want{Tensor: "1.0", Float: "1.0", Int: "1", Bool: "true", Any: "true"}, nil},
		{StringOf("1"), want{String: `"1"`, Any: `"1"`}, nil},
		{FloatOf(nan), want{Tensor: "NaN", Float: "NaN", Any: "NaN"}, nil},
		{FloatOf(inf), want{Tensor: "+Inf", Float: "+Inf", Any: "+Inf"}, nil},
		{huge, want{Any: huge.S}, nil},
		{Null(), nil, nil},
	} {
		for ty := Tensor; ty <= Any; ty++ {
			for _, compat := range []bool{false, true} {
				p := Param{Name: "p", Type: ty}
				expected := c.strict[ty]
				if x, ok := c.compat[ty]; ok && compat {
					expected = x
				}
				got, err := p.Coerce(c.v, compat)
				switch {
				case expected == "" && (tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), "parameter p")):
					t.Errorf("%v for %v (compat %v): %v, error %v", c.v, ty, compat, got, err)
				case expected != "" && (err != nil || got.String() != expected):
					t.Errorf("%v for %v (compat %v): %v, %v, want %s", c.v, ty, compat, got, err, expected)
				}
				if !compat && (p.Check(c.v) == nil) != (err == nil) {
					t.Errorf("Check and Coerce of %v for %v differ", c.v, ty)
				}
			}
		}
	}
}

func TestNullOnlyWhereItIsAllowed(t *testing.T) {
	for ty := Tensor; ty <= Any; ty++ {
		p := Param{Name: "p", Type: ty, Nullable: true}
		if v, err := p.Coerce(Null(), false); err != nil || v.Kind != NullValue {
			t.Errorf("%v: %v, %v", ty, v, err)
		}
	}
}

func TestErrorsOfValuesSayWhatToDo(t *testing.T) {
	p := Input("a", "model")
	err := p.Check(StringOf("a.safetensors"))
	for _, want := range []string{"parameter a", `"a.safetensors"`, "a tensor or a number", "use a model"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %s", err, want)
		}
	}
}
