package methods

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Check reports whether a value can be the argument of the parameter:
//
//	null     only where the parameter is nullable
//	tensor   a number or a boolean (0 or 1)
//	float    a number or a boolean
//	int      an integral number or a boolean
//	bool     a boolean, or 0 or 1
//	string   a string
//	any      anything
//
// Text is never read as a number, and integers outside 64 bits are refused.
func (p *Param) Check(v Value) error {
	_, err := p.Coerce(v, false)
	return err
}

// Coerce is Check that returns the value as the parameter's type: 8.0 becomes 8 for an
// int. With compat, numbers for an int or a bool are truncated toward zero, as the
// reference does (3.9 is rank 3, 0.7 is false, 2 is true).
func (p *Param) Coerce(v Value, compat bool) (Value, error) {
	if v.Kind == NullValue {
		if p.Nullable {
			return v, nil
		}
		return v, p.wrong(v)
	}
	if compat && v.Kind == FloatValue && (p.Type == Int || p.Type == Bool) {
		if t := math.Trunc(v.F); t >= -1<<63 && t < 1<<63 {
			v = IntOf(int64(t))
		}
	}
	ok := false
	switch p.Type {
	case Any:
		ok = true
	case String:
		ok = v.Kind == StringValue
	case Tensor, Float:
		var x float64
		if x, ok = v.Number(); ok && v.Kind != FloatValue {
			v = FloatOf(x)
		}
	case Int:
		var i int64
		if i, ok = v.Integer(); ok {
			v = IntOf(i)
		}
	case Bool:
		var b bool
		if b, ok = v.Boolean(); !ok && compat && v.Kind == IntValue {
			b, ok = v.I != 0, true
		}
		if ok {
			v = BoolOf(b)
		}
	}
	if !ok {
		return v, p.wrong(v)
	}
	return v, nil
}

// wants says in words what the types of parameters take.
var wants = [...]string{
	Tensor: "a tensor or a number",
	Float:  "a number",
	Int:    "an integer",
	Bool:   "true or false",
	String: "a string",
	Any:    "a value",
}

func (p *Param) wrong(v Value) error {
	e := &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("parameter %s", p.Name), Want: wants[p.Type], Got: short(v.String())}
	if v.Kind == StringValue && p.Type == Tensor {
		e.Hint = "a string is not a file: use a model"
	}
	if v.Kind == BigIntValue {
		e.Hint = "integers have at most 64 bits"
	}
	return e
}

// short returns the beginning of a long text: a recipe may hold a number of a million digits.
func short(s string) string {
	const most = 80 // about a line
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// String returns the value as messages and documentation show it: null, true, 3, 0.5,
// "text". (Recipes have their own writer.)
func (v Value) String() string {
	switch v.Kind {
	case BoolValue:
		return strconv.FormatBool(v.B)
	case IntValue:
		return strconv.FormatInt(v.I, 10)
	case FloatValue:
		s := strconv.FormatFloat(v.F, 'g', -1, 64)
		if float64(int64(v.F)) == v.F && math.Abs(v.F) < 1e6 {
			s += ".0"
		}
		return s
	case StringValue:
		return strconv.Quote(v.S)
	case BigIntValue:
		return v.S
	}
	return "null"
}
