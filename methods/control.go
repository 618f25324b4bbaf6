package methods

import (
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// control returns the methods that choose, convert or rename, without arithmetic.
func control() []*Method {
	return []*Method{
		fallback(), cast(), omitNonFinite(), stack(), component("pick_component", "that belong", true), component("omit_component", "that do not belong", false),
		describe("get_dtype", "element type", dtypeOfA), describe("get_device", "device", func(*Call) string { return "cpu" }), convertSingleton(),
	}
}

// fallback is the only method that needs just one of its inputs. Arguments that are values
// (strings, numbers) are chosen in the same way by the planner, without the formula.
func fallback() *Method {
	same := sameSpace()
	return &Method{
		ID: "fallback", Family: "control",
		Doc: "a, where a has the key, else the default. A key is missing also if it was left out because of non-finite elements. " +
			"The | of recipes is this method.",
		Source: reference,
		Params: []Param{
			Input("a", "first choice").OfType(Any).OrNull().Tied(same).Lazy(),
			Input("default", "second choice").OfType(Any).OrNull().Tied(same).Lazy(),
		},
		Return:         Return{Type: Any, Symbol: same},
		FirstAvailable: true,
		Control:        true,
		Formula: func(c *Call) (T, error) {
			if c.Has("a") {
				return c.T("a"), nil
			}
			return c.T("default"), nil
		},
	}
}

// cast is one rounding, even if the compute type is narrower than the element type: lowering
// converts a stored tensor at once.
func cast() *Method {
	same := sameSpace()
	return &Method{
		ID: "cast", Family: "control",
		Doc: "Rounds a to an element type (to nearest, ties to even; to integers toward zero, saturating) and stores it so. " +
			"The device is accepted and has no effect: where a merge computes is an option of the run.",
		Source: reference,
		Params: []Param{
			Input("a", "model").Tied(same),
			Option("device", Null(), "ignored").OfType(String).OrNull(),
			Option("dtype", Null(), "name of an element type, such as float16; null keeps it").OfType(String).OrNull(),
		},
		Return:  Return{Symbol: same},
		Control: true,
		Check: func(_ *config.Config, constant func(string) (Value, bool)) error {
			name, ok := constant("dtype")
			if !ok || name.Kind != StringValue {
				return nil
			}
			_, err := parseDType(name.S)
			return err
		},
		Formula: func(c *Call) (T, error) {
			d, err := castTo(c)
			if err != nil || d == tensor.InvalidDType {
				return c.T("a"), err
			}
			return c.T("a").Round(d), nil
		},
		DType: func(c *Call) (tensor.DType, error) {
			d, err := castTo(c)
			if d == tensor.InvalidDType {
				d = c.DTypeOf("a")
			}
			return d, err
		},
	}
}

// castTo is the element type that a cast names; InvalidDType if it names none.
func castTo(c *Call) (tensor.DType, error) {
	if c.IsNull("dtype") {
		return tensor.InvalidDType, nil
	}
	d, err := parseDType(c.Str("dtype"))
	if err != nil {
		return d, c.Errorf("%w", err)
	}
	return d, nil
}

func parseDType(name string) (tensor.DType, error) {
	d, err := tensor.ParseRecipeDType(name)
	if err != nil {
		return d, fmt.Errorf("parameter dtype: %w", err)
	}
	return d, nil
}

// omitNonFinite guards its argument; the planner does without the key if the guard is set.
func omitNonFinite() *Method {
	same := sameSpace()
	return &Method{
		ID: "omit_non_finite", Family: "control",
		Doc:     "a, without the keys whose tensors have an element that is NaN or infinite. A fallback then takes its second choice.",
		Source:  reference,
		Params:  []Param{Input("a", "model").Tied(same)},
		Return:  Return{Symbol: same},
		Control: true,
		Formula: func(c *Call) (T, error) { return c.T("a").Guard(c.Guard), nil },
	}
}

// stack is the only method whose result has another shape than its operands.
func stack() *Method {
	same := sameSpace()
	return &Method{
		ID: "stack", Family: "control",
		Doc:     "Joins n tensors of equal shape along a new first axis of length n.",
		Source:  reference,
		Params:  []Param{Input("values", "tensors of equal shape, at least one").Tied(same).Many(1)},
		Return:  Return{Symbol: same},
		Control: true,
		Formula: func(c *Call) (T, error) {
			values := c.Ts("values")
			for i, v := range values[1:] {
				if first := values[0].Shape(); !v.Shape().Equal(first) {
					return T{}, c.Errorf("value %d has shape %v, the first one %v", i+2, v.Shape(), first)
				}
			}
			return c.Trace.Stack(values...), stackable(c)
		},
	}
}

// stackable checks that the element types are equal, or all floating-point: those become
// the type of the first.
func stackable(c *Call) error {
	args := c.args("values")
	for i := range args {
		d, first := args[i].DType, args[0].DType
		float := func(d tensor.DType) bool { return d == tensor.InvalidDType || d.IsFloat() }
		if d != first && !(float(d) && float(first)) {
			return c.Errorf("value %d is %v, the first one %v", i+1, d, first)
		}
	}
	return nil
}

// component makes a row that chooses keys by the component of the model they belong to. Keys
// that the model config does not know belong to none.
func component(id, which string, belongs bool) *Method {
	same := sameSpace()
	return &Method{
		ID: id, Family: "control",
		Doc:    "The keys of a " + which + " to a component of its model config, such as the text encoder or the VAE.",
		Source: reference,
		Params: []Param{
			Input("a", "model").OfType(Any).Tied(same).Lazy(),
			Input("component", "name of a component of the model config of a").OfType(String).In(ParamSpace),
		},
		Return:  Return{Type: Any, Symbol: same},
		Control: true,
		Check: func(c *config.Config, constant func(string) (Value, bool)) error {
			name, ok := constant("component")
			if !ok || c == nil {
				return nil
			}
			return checkComponent(c, name.S)
		},
		Forward: func(c *Call) (Arg, error) {
			name := c.Str("component")
			if err := checkComponent(c.Config, name); err != nil {
				return Arg{}, err
			}
			if found, ok := c.Config.Component(c.Key); (ok && found == name) != belongs {
				return Arg{}, ErrNoKey
			}
			return *c.arg("a"), nil
		},
	}
}

// checkComponent checks that a config has a component.
func checkComponent(c *config.Config, name string) error {
	var names []string
	for _, part := range c.Components() {
		if part.Name == name {
			return nil
		}
		names = append(names, part.Name)
	}
	if len(names) == 0 {
		return &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("parameter component: %q, but the model config of a is not known, so that it has no components", name),
			Hint: "a model whose config is known has them; one can be named as a hint of the model"}
	}
	return &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("parameter component: model config %s has no component %q", c.ID(), name),
		Want: strings.Join(names, ", ")}
}

// describe makes a row that gives a property of a tensor as a string. Its argument may be in
// any space, unlike in the reference, where it has to be in param (SM-38).
func describe(id, what string, of func(c *Call) string) *Method {
	return &Method{
		ID: id, Family: "control",
		Doc:     "Name of the " + what + " of each tensor of a.",
		Source:  reference,
		Params:  []Param{Input("a", "model")},
		Return:  Return{Type: String, Space: ParamSpace},
		Control: true,
		Forward: func(c *Call) (Arg, error) { return Arg{Present: true, Value: StringOf(of(c))}, nil },
	}
}

// dtypeOfA names the stored element type; that of a number is the type that is computed in.
func dtypeOfA(c *Call) string {
	if d := c.DTypeOf("a"); d.Valid() {
		return d.RecipeName()
	}
	return c.Trace.Compute().DType().RecipeName()
}

// convertSingleton takes the config of its consumer, since its result names none.
func convertSingleton() *Method {
	same := sameSpace()
	return &Method{
		ID: "convert_singleton", Family: "control",
		Doc:        "One value for every key: a number, a string or a tensor in a recipe is a state dict with the one key \"key\", converted by this method.",
		Source:     reference,
		Params:     []Param{Input("singleton", "state dict with the one key \"key\"").OfType(Any).OrNull().Tied(same).Lazy().OfConfig("singleton-mecha")},
		Return:     Return{Type: Any, Symbol: same},
		Conversion: true,
		Broadcast:  true,
		Control:    true,
		Formula:    func(c *Call) (T, error) { return c.T("singleton"), nil },
	}
}
