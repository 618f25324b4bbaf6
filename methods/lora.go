package methods

import (
	"fmt"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// A target of an adapter is a product of small matrices, of which nothing is ever stored: each
// element of the difference is a sum over the rank, of a number of its row times a number of its
// column.

// maxProducts bounds the products that an element is the sum of, and with them the memory for the
// expression: a LoRA of the full rank of the largest matrices in use, or factors of a convolution of
// rank 128.
const maxProducts = 1 << 14

// factors are the tensors of a target, by suffix.
type factors struct {
	c    *Call
	form config.AdapterForm
	dims tensor.Shape // of the target in the base config
}

// expandAdapter makes the difference for one key of the base config.
func expandAdapter(c *Call) (T, error) {
	forms := config.AdapterForms()
	key, _, ok := c.Config.Find(c.Key)
	if !ok || c.Clause >= len(forms) {
		return T{}, ErrNoKey
	}
	f := &factors{c: c, form: forms[c.Clause], dims: key.Shape}
	for i, suffix := range f.form.Suffixes {
		if d := c.Args[0][i].DType; suffix != config.Alpha && d.Valid() && !d.IsFloat() {
			return T{}, f.wrong(fmt.Sprintf("%s of %v", suffix, d), "floating-point factors")
		}
	}
	delta, err := f.product()
	if err != nil {
		return T{}, err
	}
	if shape := withAxes(delta.Shape(), len(key.Shape)); shape != nil {
		return delta.Reshape(shape), nil
	}
	return T{}, f.wrong(fmt.Sprintf("a difference of shape %v", delta.Shape()), fmt.Sprintf("%d axes", len(key.Shape)))
}

func (f *factors) product() (T, error) {
	switch {
	case f.form.Lokr:
		return f.lokr()
	case f.form.Tucker:
		return f.tucker()
	}
	return f.lora()
}

// get returns the tensor with a suffix, which the form has.
func (f *factors) get(suffix string) T {
	i := slices.Index(f.form.Suffixes, suffix)
	return f.c.tensor(&f.c.Args[0][i])
}

// lora is scale * up down: up has shape [rows, rank] and down [rank, columns...], where ones may
// follow.
func (f *factors) lora() (T, error) {
	up, down := f.get(config.LoraUp), f.get(config.LoraDown)
	u, d := up.Shape(), down.Shape()
	if len(u) < 2 || len(d) < 2 || u[1] != d[0] || u.N() != u[0]*u[1] {
		return T{}, f.wrong(fmt.Sprintf("up %v, down %v", u, d), "[rows, rank] and [rank, columns]")
	}
	shape, err := f.shape(d[0], u[0], d[1:])
	if err != nil {
		return T{}, err
	}
	left, right := up.Reshape(tensor.Shape{u[0], u[1]}), down.Reshape(tensor.Shape{d[0], d[1:].N()})
	return f.scaled(left.MatMul(right, shape), d[0])
}

// shape is that of the difference: the target's, if it has as many rows and elements. products is
// of how many products an element is the sum.
func (f *factors) shape(products, rows int64, rest tensor.Shape) (tensor.Shape, error) {
	s := append(tensor.Shape{rows}, rest...)
	n, err := s.Numel()
	switch {
	case err != nil:
		return nil, f.wrong(fmt.Sprintf("%d rows of shape %v", rows, rest), "fewer elements")
	case products > maxProducts:
		return nil, f.wrong(fmt.Sprintf("sums of %d products", products), fmt.Sprintf("at most %d", maxProducts))
	case len(f.dims) > 1 && f.dims[0] == rows && f.dims.N() == n:
		return f.dims, nil
	}
	return s, nil
}

// scaled is a difference times alpha / rank. An alpha that is not finite is none: its key is
// config.Key.Finite.
func (f *factors) scaled(sum T, rank int64) (T, error) {
	switch {
	case !sum.Valid():
		return T{}, f.wrong("a rank of 0", "at least 1")
	case !f.form.Alpha || rank == 0:
		return sum, nil
	}
	alpha := f.get(config.Alpha)
	if alpha.Shape().N() != 1 {
		return T{}, f.wrong(fmt.Sprintf("alpha %v", alpha.Shape()), "one number")
	}
	alpha = alpha.Reshape(tensor.Shape{})
	return sum.Mul(alpha.Div(alpha.Num(float64(rank)))), nil
}

// withAxes returns a shape with n axes: ones are added at its end, or taken from it; nil if that
// is not possible.
func withAxes(s tensor.Shape, n int) tensor.Shape {
	s = slices.Clone(s)
	for len(s) < n {
		s = append(s, 1)
	}
	for len(s) > n {
		if s[len(s)-1] != 1 {
			return nil
		}
		s = s[:len(s)-1]
	}
	return s
}

// wrong is the error for factors that do not fit.
func (f *factors) wrong(got, want string) error {
	return &tensor.Error{Class: tensor.ClassInput, Key: f.c.Key, Err: fmt.Errorf("%s: the factors do not fit each other", f.c.Method.ID), Got: got, Want: want}
}

// adapterKeys is the key map of an adapter config: for each target the forms of its factors, the
// first of which is taken that is complete.
func adapterKeys(a config.Adapters) KeyMap {
	targets := map[string]config.Target{}
	for _, t := range a.Targets() {
		targets[t.Base.Name] = t
	}
	forms := config.AdapterForms()
	return func(out string) (Relation, bool) {
		t, ok := targets[out]
		if !ok {
			return Relation{}, false
		}
		r := Relation{Outputs: []string{out}, Alternatives: make([]Clause, len(forms))}
		for i, f := range forms {
			r.Alternatives[i] = Clause{Inputs: [][]string{t.Keys(f.Suffixes...)}}
		}
		return r, true
	}
}
