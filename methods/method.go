package methods

import (
	"errors"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// ErrNoKey is returned by a formula whose result does not have the key of the call.
var ErrNoKey = errors.New("the result does not have this key")

// T is a lazy tensor.
type T = kernels.T

// Type is the element type of a parameter or a return.
type Type uint8

const (
	Tensor Type = iota
	Float
	Int
	Bool
	String
	Any // whatever the argument is (fallback, pick_component, ...)
)

// String returns the name of the type in documentation: "tensor", "float", ...
func (t Type) String() string {
	return [...]string{"tensor", "float", "int", "bool", "string", "any"}[t]
}

// Param is a parameter of a method.
type Param struct {
	Name string
	Doc  string // one line: meaning, unit, range
	Type Type

	// StateDict says that the method picks the keys it needs itself. For methods with
	// the default key map it makes no difference.
	StateDict bool

	// Nullable parameters accept null.
	Nullable bool

	// Variadic takes all remaining positional arguments (at least MinArgs of them);
	// parameters after it are Keyword.
	Variadic bool
	MinArgs  int

	// Keyword parameters are given by name only.
	Keyword bool

	// Default is the value of an argument that is not given; nil means the argument is
	// required. A parameter with a default is in the space param.
	Default *Value

	// Symbol, if not nil, ties the space of the argument; otherwise Spaces are admissible.
	Symbol *Symbol
	Spaces SpaceSet

	// Config, if not "", is the model config that the argument must have.
	Config string
}

// Return is what a method gives.
type Return struct {
	Type      Type
	StateDict bool
	Symbol    *Symbol // of a parameter; or
	Space     Space   // one space
	Config    string  // the model config of the result; "" is that of the arguments
}

// Value is a value known when a recipe is planned: a number, a string, a boolean or
// null.
type Value struct {
	Kind ValueKind
	F    float64 // Float
	I    int64   // Int
	S    string  // String; for BigInt its decimal digits
	B    bool    // Bool
}

// ValueKind is the kind of a Value.
type ValueKind uint8

const (
	NullValue ValueKind = iota
	BoolValue
	IntValue
	FloatValue
	StringValue
	BigIntValue // an integer outside int64: kept for text, refused when used
)

// Null, FloatOf, IntOf, BoolOf and StringOf make values.
func Null() Value             { return Value{} }
func FloatOf(x float64) Value { return Value{Kind: FloatValue, F: x} }
func IntOf(x int64) Value     { return Value{Kind: IntValue, I: x} }
func BoolOf(x bool) Value     { return Value{Kind: BoolValue, B: x} }
func StringOf(x string) Value { return Value{Kind: StringValue, S: x} }

// Relation says which input keys a group of output keys is made from. The formula is asked for
// each of them, by Call.Key, on one trace: what they share is read and computed once. Alternatives are
// tried in order; the first one all of whose inputs exist is taken.
type Relation struct {
	Outputs      []string // in order; if there are several, they are made in one job
	Alternatives []Clause
}

// Clause is one way to make the outputs. Inputs[p] are the keys asked of parameter p;
// nil means that the parameter is not asked for.
type Clause struct{ Inputs [][]string }

// KeyMap gives the relation that owns an output key; ok is false if no relation does.
// A Method whose KeyMap is nil asks the output key of every parameter.
type KeyMap func(out string) (r Relation, ok bool)

// Status says whether a row of the catalogue can be used.
type Status uint8

const (
	Available Status = iota
	Known            // named and documented, so that recipes parse; not available yet
)

// Method is a row of the catalogue.
type Method struct {
	ID     string
	Doc    string // what it does, in a paragraph; the formula in plain text
	Source string // paper, or specification, of the formula
	Family string // heading in lists: "linear", "masks", ...
	Params []Param
	Return Return
	Status Status

	// Keys makes the key map for the output config and the configs of the parameters, by
	// name of the config ("" or "structural" if it is made from the inputs). nil: identity.
	Keys func(out string, params []string) (KeyMap, error)

	// FirstAvailable says that alternatives exist: an output key is made from all
	// tensor parameters that have it, at least one. Only fallback uses it.
	FirstAvailable bool

	// Broadcast says that every output key is made from the input key "key".
	Broadcast bool

	// Interface says that the row is a signature only: a recipe that names it gets the
	// implementation whose configs and spaces fit, when the recipe is solved.
	Interface bool

	// Implements is the identifier of the interface that the row implements; "" if none.
	Implements string

	// Conversion says that the method turns state dicts of its parameter's config into the
	// config of its return, and may be put in where such a conversion is needed.
	Conversion bool

	// Control methods choose, rename or reshape; they take integer tensors as they are.
	// For all others an integer key is not arithmetic: the first operand that has the key
	// is forwarded.
	Control bool

	// AnyShape says that the tensors of a key may have different shapes, which the formula makes
	// fit, and that integers among them are numbers like others.
	AnyShape bool

	// Formula computes the result for one key. nil if Status is Known. ErrNoKey says that the
	// result does not have the key.
	Formula func(c *Call) (T, error)

	// Forward stands in for Formula where the result is one of the arguments as it is, tensor
	// or value, or a value that is known when the merge is planned.
	Forward func(c *Call) (Arg, error)

	// Check, if not nil, checks the arguments that are one value for every key, before
	// anything is planned. config is that of the result, nil where the models are not known;
	// constant gives the value of such an argument.
	Check func(config *config.Config, constant func(param string) (Value, bool)) error

	// DType gives the stored element type of the result for one key if it is not that of
	// the first tensor operand; nil otherwise.
	DType func(c *Call) (tensor.DType, error)
}

// Param returns the parameter with the given name and its index.
func (m *Method) Param(name string) (p *Param, i int, ok bool) {
	for i := range m.Params {
		if m.Params[i].Name == name {
			return &m.Params[i], i, true
		}
	}
	return nil, 0, false
}
