package methods

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Arg is an argument of a Call: a tensor, or a value, or absent.
type Arg struct {
	Present bool
	T       T            // the tensor; not Valid if the argument is a Value
	DType   tensor.DType // stored element type of a tensor; InvalidDType for a number
	Value   Value
}

// Call is one application of a method for one output key. Its accessors take the names
// of parameters; asking for a name that the method does not have is a fault of the
// formula and panics.
type Call struct {
	Method *Method
	Key    string
	Trace  *kernels.Trace

	// Config and Space are those of the result.
	Config *config.Config
	Space  Space

	// Clause is the alternative of the key map that the arguments are for.
	Clause int

	// Args holds the arguments of each parameter: one, or any number of a variadic one.
	Args [][]Arg

	// Compat asks for the reference's behaviour where the two differ (the items marked K
	// in the specification).
	Compat bool

	// Guard is the number that a formula gives to T.Guard if it leaves out keys. The planner
	// chooses it.
	Guard int
}

func (c *Call) args(name string) []Arg {
	_, i, ok := c.Method.Param(name)
	if !ok {
		panic("methods: a formula asks for a parameter that its method does not have")
	}
	return c.Args[i]
}

func (c *Call) arg(name string) *Arg {
	a := c.args(name)
	if len(a) != 1 {
		return &Arg{}
	}
	return &a[0]
}

// Has reports whether the argument is there; it may be missing if the key map allows it.
func (c *Call) Has(name string) bool { return c.arg(name).Present }

// T returns a tensor argument; a number becomes a constant. Compat: it is rounded to
// float32 first, also in a float64 merge (SM-39).
func (c *Call) T(name string) T { return c.tensor(c.arg(name)) }

// Ts returns the arguments of a variadic tensor parameter.
func (c *Call) Ts(name string) []T {
	args := c.args(name)
	ts := make([]T, len(args))
	for i := range args {
		ts[i] = c.tensor(&args[i])
	}
	return ts
}

func (c *Call) tensor(a *Arg) T {
	if a.T.Valid() {
		return a.T
	}
	x, _ := a.Value.Number()
	if c.Compat {
		x = float64(float32(x))
	}
	return c.Trace.Const(x)
}

// DTypeOf returns the stored element type of a tensor argument, and InvalidDType for a
// number.
func (c *Call) DTypeOf(name string) tensor.DType { return c.arg(name).DType }

// IsNull reports whether the argument is null.
func (c *Call) IsNull(name string) bool {
	a := c.arg(name)
	return !a.T.Valid() && a.Value.Kind == NullValue
}

// Float, Int, Bool and Str return value arguments; the planner has checked their types.
func (c *Call) Float(name string) float64 { x, _ := c.arg(name).Value.Number(); return x }
func (c *Call) Int(name string) int64     { x, _ := c.arg(name).Value.Integer(); return x }
func (c *Call) Bool(name string) bool     { x, _ := c.arg(name).Value.Boolean(); return x }
func (c *Call) Str(name string) string    { return c.arg(name).Value.S }

// Errorf makes an error about the call: a wrong parameter.
func (c *Call) Errorf(format string, args ...any) error {
	return &tensor.Error{Class: tensor.ClassRecipe, Key: c.Key, Err: fmt.Errorf("%s: "+format, append([]any{c.Method.ID}, args...)...)}
}

// Number returns a number or a boolean (0 or 1) as float64.
func (v Value) Number() (float64, bool) {
	switch v.Kind {
	case FloatValue:
		return v.F, true
	case IntValue:
		return float64(v.I), true
	case BoolValue:
		if v.B {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// Integer returns an integral number.
func (v Value) Integer() (int64, bool) {
	switch v.Kind {
	case IntValue:
		return v.I, true
	case FloatValue:
		i := int64(v.F)
		return i, v.F >= -1<<63 && v.F < 1<<63 && float64(i) == v.F
	case BoolValue:
		if v.B {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// Boolean returns a boolean, or 0 or 1.
func (v Value) Boolean() (b, ok bool) {
	if v.Kind == BoolValue {
		return v.B, true
	}
	i, ok := v.Integer()
	return i == 1, ok && (i == 0 || i == 1)
}
