package methods

// A row's parameters are made from three constructors and refined by the methods below
// them, each of which returns a changed copy:
//
//	Input("a", "model at alpha = 0").Tied(same).Lazy()
//	Factor("alpha", 0.5, "weight of b")
//	Option("stiffness", FloatOf(0), "0 to 1").ByName()

// Input is a required tensor parameter. Unless Tied or In say otherwise, it takes any
// merge space; in a method made by Fused or Plain it is tied to the other inputs and to
// the result.
func Input(name, doc string) Param { return Param{Name: name, Doc: doc, Type: Tensor} }

// Factor is a tensor parameter in the space param with a default: a number, a number
// for each key, or a mask that broadcasts against the models.
func Factor(name string, def float64, doc string) Param {
	v := FloatOf(def)
	return Param{Name: name, Doc: doc, Type: Tensor, Default: &v, Spaces: In(ParamSpace)}
}

// Option is a value parameter in the space param: a number, a boolean or a string that is
// known when a recipe is planned. Its type is that of the default.
func Option(name string, def Value, doc string) Param {
	return Param{Name: name, Doc: doc, Type: typeOf(def), Default: &def, Spaces: In(ParamSpace)}
}

// typeOf returns the type of parameter that a value is a default of.
func typeOf(v Value) Type {
	switch v.Kind {
	case BoolValue:
		return Bool
	case IntValue, BigIntValue:
		return Int
	case FloatValue:
		return Float
	case StringValue:
		return String
	}
	return Any
}

// Tied ties the space of the argument to a symbol.
func (p Param) Tied(s *Symbol) Param { p.Symbol, p.Spaces = s, SpaceSet{}; return p }

// In admits the given spaces only.
func (p Param) In(spaces ...Space) Param { p.Symbol, p.Spaces = nil, In(spaces...); return p }

// Lazy lets the method pick the keys that it needs itself (a state dict parameter).
func (p Param) Lazy() Param { p.StateDict = true; return p }

// Many takes all remaining positional arguments, at least n of them.
func (p Param) Many(n int) Param { p.Variadic, p.MinArgs = true, n; return p }

// ByName makes the parameter keyword-only.
func (p Param) ByName() Param { p.Keyword = true; return p }

// OfType sets the element type.
func (p Param) OfType(t Type) Param { p.Type = t; return p }

// OrNull accepts null.
func (p Param) OrNull() Param { p.Nullable = true; return p }

// OfConfig demands a model config of the argument.
func (p Param) OfConfig(id string) Param { p.Config = id; return p }

// Required takes the default away; the space stays.
func (p Param) Required() Param { p.Default = nil; return p }

// byName makes all parameters keyword-only, for the options after a variadic one.
func byName(ps ...Param) []Param {
	for i := range ps {
		ps[i] = ps[i].ByName()
	}
	return ps
}
