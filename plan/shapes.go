package plan

import (
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// shapeError says that the operands of a method do not fit for a key.
type shapeError struct {
	key, method string
	operands    []string // "a: [2, 3]"
}

func (s *shapeError) Error() string {
	return fmt.Sprintf("key %q: %s: shapes differ: %s", s.key, s.method, strings.Join(s.operands, ", "))
}

// ErrorClass says that an input is wrong.
func (s *shapeError) ErrorClass() tensor.Class { return tensor.ClassInput }

// shapes checks the operands of a method: models have equal shapes or are scalars; values
// that steer may also have one element per row or per column. If they do not fit and the
// policy allows it, done is true and v is the first operand.
func (e *evaluator) shapes(n int, c *methods.Call) (v value, done bool, err error) {
	var first *methods.Arg
	fits := true
	each(c, func(p *methods.Param, a *methods.Arg) {
		if s := a.T.Shape(); !isParam(p) && len(s) > 0 {
			if first == nil {
				first = a
			}
			fits = fits && s.Equal(first.T.Shape())
		}
	})
	if first == nil {
		return value{}, false, nil
	}
	each(c, func(p *methods.Param, a *methods.Arg) {
		if isParam(p) {
			_, ok := kernels.FormOf(a.T.Shape(), first.T.Shape())
			fits = fits && ok
		}
	})
	if fits {
		return value{}, false, nil
	}
	if e.o.FirstShape {
		e.note.Mismatch = true
		return value{Arg: *first, raw: true}, true, nil
	}
	se := &shapeError{key: c.Key, method: c.Method.ID}
	each(c, func(p *methods.Param, a *methods.Arg) {
		se.operands = append(se.operands, fmt.Sprintf("%s %v", p.Name, a.T.Shape()))
	})
	return value{}, false, se
}

// each calls f for every tensor argument.
func each(c *methods.Call, f func(p *methods.Param, a *methods.Arg)) {
	for p := range c.Args {
		for i := range c.Args[p] {
			if a := &c.Args[p][i]; a.T.Valid() {
				f(&c.Method.Params[p], a)
			}
		}
	}
}
