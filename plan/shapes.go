package plan

import (
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// shapes checks the operands of the call: models have equal shapes or are scalars; values
// that steer may also have one element per row or per column. first is the number of the
// argument whose shape the result has.
func (e *evaluator) shapes() (first int, fits bool) {
	first = -1
	var shape tensor.Shape
	fits = true
	e.each(func(i int, p *methods.Param, a *methods.Arg) {
		if isParam(p) {
			return
		}
		switch s := a.T.Shape(); {
		case first < 0 || len(shape) == 0:
			if first < 0 || len(s) > 0 {
				first, shape = i, s
			}
		case len(s) > 0:
			fits = fits && s.Equal(shape)
		}
	})
	if first < 0 {
		return first, true
	}
	e.each(func(_ int, p *methods.Param, a *methods.Arg) {
		if isParam(p) {
			_, ok := kernels.FormOf(a.T.Shape(), shape)
			fits = fits && ok
		}
	})
	return first, fits
}

// shapeError says that the operands of the call do not fit, naming all of them with the
// files that they are stored in.
func (e *evaluator) shapeError(n int, ins []input) error {
	var operands []string
	e.each(func(i int, p *methods.Param, a *methods.Arg) {
		s := fmt.Sprintf("%s %v", p.Name, a.T.Shape())
		if from := ins[i].v.from; from > 0 {
			s += fmt.Sprintf(" of %s", e.s.Models[from-1].Path)
		}
		operands = append(operands, s)
	})
	return &tensor.Error{Class: tensor.ClassInput, Path: e.place(n), Key: e.call.Key,
		Err: fmt.Errorf("%s: shapes differ: %s", e.call.Method.ID, strings.Join(operands, ", ")), Hint: "--on-shape-mismatch first takes the first one"}
}
