package methods

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// KW is an argument given by name.
type KW[A any] struct {
	Name  string
	Value A
}

// BindError is an argument that does not fit a method. Its position lets a reader of text
// point at the argument.
type BindError struct {
	Kind   BindKind
	Method string
	Param  string   // parameter, or the name that is none
	Index  int      // of the argument among the positional or the keyword ones; -1 if missing
	ByName bool     // Index counts keyword arguments
	Got    int      // positional arguments given (Surplus, TooFew)
	Want   int      // positional arguments taken (Surplus), arguments needed (TooFew)
	Near   []string // Unknown: parameters that may have been meant
}

// BindKind says why an argument does not fit.
type BindKind uint8

const (
	Missing    BindKind = iota // a required parameter without an argument
	TooFew                     // a variadic parameter with too few
	Duplicate                  // a parameter with two arguments
	Surplus                    // more positional arguments than parameters
	ByNameOnly                 // a surplus argument that may have been meant for a keyword-only parameter
	Unknown                    // a name that no parameter has
	Positional                 // a variadic parameter by name
)

// ErrorClass returns ClassRecipe.
func (e *BindError) ErrorClass() tensor.Class { return tensor.ClassRecipe }

// Error says what is wrong, naming method and parameter.
func (e *BindError) Error() string {
	switch e.Kind {
	case Missing:
		return fmt.Sprintf("%s: parameter %s is missing", e.Method, e.Param)
	case TooFew:
		return fmt.Sprintf("%s: parameter %s takes at least %s, got %d", e.Method, e.Param, tensor.Count(e.Want, "argument"), e.Got)
	case Duplicate:
		return fmt.Sprintf("%s: parameter %s is given twice", e.Method, e.Param)
	case Surplus:
		return fmt.Sprintf("%s takes at most %d positional arguments, got %d", e.Method, e.Want, e.Got)
	case ByNameOnly:
		return fmt.Sprintf("%s takes at most %d positional arguments, got %d: parameter %s is given by name (%s=...)", e.Method, e.Want, e.Got, e.Param, e.Param)
	case Positional:
		return fmt.Sprintf("%s: the arguments of parameter %s are given by position, not by name", e.Method, e.Param)
	}
	s := fmt.Sprintf("%s has no parameter %s", e.Method, e.Param)
	if len(e.Near) > 0 {
		s += ", did you mean " + strings.Join(e.Near, " or ") + "?"
	}
	return s
}

// Bind gives each argument to a parameter of m. The result has one list for each
// parameter: nil if no argument was given and the parameter has a default (which the
// caller puts in), one argument, or any number for a variadic parameter. The error joins a
// BindError for each argument that does not fit and each that is missing.
func Bind[A any](m *Method, pos []A, kw []KW[A]) ([][]A, error) {
	bound := make([][]A, len(m.Params))
	errs := bindPositional(m, pos, bound)
	for i, k := range kw {
		e := &BindError{Method: m.ID, Param: k.Name, Index: i, ByName: true}
		p, n, ok := m.Param(k.Name)
		switch {
		case !ok:
			e.Kind, e.Near = Unknown, tensor.Nearest(k.Name, m.ParamNames(), 1)
		case p.Variadic:
			e.Kind = Positional
		case bound[n] != nil:
			e.Kind = Duplicate
		default:
			bound[n] = []A{k.Value}
			continue
		}
		errs = append(errs, e)
	}
	for i := range m.Params {
		p := &m.Params[i]
		switch {
		case p.Variadic && len(bound[i]) < p.MinArgs:
			errs = append(errs, &BindError{Kind: TooFew, Method: m.ID, Param: p.Name, Index: -1, Got: len(bound[i]), Want: p.MinArgs})
		case !p.Variadic && bound[i] == nil && p.Default == nil:
			errs = append(errs, &BindError{Kind: Missing, Method: m.ID, Param: p.Name, Index: -1})
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return bound, nil
}

// bindPositional gives the positional arguments to parameters in order.
func bindPositional[A any](m *Method, pos []A, bound [][]A) (errs []error) {
	takes := 0
	for i := range m.Params {
		p := &m.Params[i]
		switch {
		case p.Variadic:
			bound[i] = pos[min(takes, len(pos)):]
			return nil
		case p.Keyword:
			if takes < len(pos) {
				return []error{&BindError{Kind: ByNameOnly, Method: m.ID, Param: p.Name, Index: takes, Got: len(pos), Want: takes}}
			}
			return nil
		case takes < len(pos):
			bound[i] = pos[takes : takes+1 : takes+1]
		}
		takes++
	}
	if len(pos) > takes {
		return []error{&BindError{Kind: Surplus, Method: m.ID, Index: takes, Got: len(pos), Want: takes}}
	}
	return nil
}

// ParamNames lists the names of the parameters in order.
func (m *Method) ParamNames() []string {
	names := make([]string, len(m.Params))
	for i := range m.Params {
		names[i] = m.Params[i].Name
	}
	return names
}
