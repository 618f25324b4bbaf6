package script

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

var errWork = &tensor.Error{Class: tensor.ClassRecipe, Err: errors.New("the program does too much work"),
	Hint: "its lists, strings or numbers become too large"}

// charge counts work of n units.
func (m *machine) charge(n int64) error {
	if n < 0 || n > m.work {
		m.work = 0
		return errWork
	}
	m.work -= n
	return nil
}

// chargeAll counts values that are walked through once.
func (m *machine) chargeAll(values ...starlark.Value) error {
	for _, v := range values {
		n, err := m.weigh(v)
		if err == nil {
			err = m.charge(n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unitBytes of a string cost as much as an element of a list.
const unitBytes = 16

// weigh returns what it costs to walk through a value: elements, those of elements counted as
// often as they are there, units of strings, and the square of an integer's words. It stops
// when there is more than the work that is left.
func (m *machine) weigh(v starlark.Value) (int64, error) {
	w := weigher{limit: m.work}
	w.add(v, 0)
	if w.deep {
		return 0, fmt.Errorf("lists are nested more than %d deep", maxNesting)
	}
	return w.n, nil
}

type weigher struct {
	n, limit int64
	deep     bool
}

func (w *weigher) add(v starlark.Value, depth int) {
	if w.deep = w.deep || depth > maxNesting; w.deep || w.n > w.limit {
		return
	}
	w.n++
	switch v := v.(type) {
	case starlark.String:
		w.n += int64(len(v)) / unitBytes
	case starlark.Bytes:
		w.n += int64(len(v)) / unitBytes
	case starlark.Int:
		words := int64(bits(v) / 64)
		w.n += words * words
	case *starlark.Dict:
		for _, kv := range v.Items() {
			w.add(kv[0], depth+1)
			w.add(kv[1], depth+1)
		}
	case starlark.Tuple:
		for _, x := range v {
			w.add(x, depth+1)
		}
	case *starlark.List:
		for i := 0; i < v.Len() && w.n <= w.limit; i++ {
			w.add(v.Index(i), depth+1)
		}
	case *starlark.Set:
		for x := range v.Elements() {
			w.add(x, depth+1)
		}
	case starlark.Sequence:
		w.n += int64(v.Len())
	case starlark.Iterable: // the characters of a string, which know no length
		it := v.Iterate()
		defer it.Done()
		for x := starlark.Value(nil); w.n <= w.limit && it.Next(&x); {
			w.n++
		}
	}
}

// bits returns the size of an integer.
func bits(i starlark.Int) int {
	if _, ok := i.Int64(); ok {
		return 64 - 1
	}
	return i.BigInt().BitLen()
}

// operators that guards count.
var operators = []syntax.Token{
	syntax.PLUS, syntax.MINUS, syntax.STAR, syntax.SLASH, syntax.SLASHSLASH, syntax.PERCENT, syntax.AMP, syntax.PIPE,
	syntax.CIRCUMFLEX, syntax.LTLT, syntax.GTGT, syntax.IN, syntax.NOT_IN,
	syntax.EQL, syntax.NEQ, syntax.LT, syntax.LE, syntax.GT, syntax.GE,
}

// chargeBinary counts x op y. Repetition costs the product.
func (m *machine) chargeBinary(op syntax.Token, x, y starlark.Value) error {
	wx, err := m.weigh(x)
	if err != nil {
		return err
	}
	wy, err := m.weigh(y)
	if err != nil {
		return err
	}
	if op != syntax.STAR {
		if (op == syntax.IN || op == syntax.NOT_IN) && hashed(y) {
			wy = 1
		}
		return m.charge(wx + wy)
	}
	for _, side := range []struct {
		n, v starlark.Value
		w    int64
	}{{x, y, wy}, {y, x, wx}} {
		if n, ok := side.n.(starlark.Int); ok && repeats(side.v) {
			times, ok := n.Int64()
			if !ok || times > m.work {
				times = m.work + 1
			}
			return m.charge(max(1, times) * side.w) // both are at most about the work that is left
		}
	}
	return m.charge(wx + wy)
}

// repeats reports whether v * n is n copies of v.
func repeats(v starlark.Value) bool {
	switch v.(type) {
	case starlark.String, starlark.Bytes, starlark.Tuple, *starlark.List:
		return true
	}
	return false
}

func hashed(v starlark.Value) bool {
	switch v.(type) {
	case *starlark.Dict, *starlark.Set:
		return true
	}
	return false
}

// binary computes x op y after counting it.
func (m *machine) binary(op syntax.Token, x, y starlark.Value) (starlark.Value, error) {
	if err := m.chargeBinary(op, x, y); err != nil {
		return nil, err
	}
	switch op {
	case syntax.EQL, syntax.NEQ, syntax.LT, syntax.LE, syntax.GT, syntax.GE:
		ok, err := starlark.Compare(op, x, y)
		return starlark.Bool(ok), err
	}
	v, err := starlark.Binary(op, x, y)
	if i, ok := v.(starlark.Int); err == nil && ok && bits(i) > maxBits {
		return nil, fmt.Errorf("an integer has more than %d bits", maxBits)
	}
	return v, err
}

// How the receiver of a method call is counted: methods that look at one element of it only,
// methods that may make an element of every byte, and methods whose result may be the product of
// what they are given.
var (
	oneElement = map[string]bool{"append": true, "get": true, "setdefault": true, "add": true, "to": true}
	cuts       = map[string]bool{"split": true, "rsplit": true, "splitlines": true}
	products   = map[string]bool{"replace": true, "join": true, "format": true}
)

// method returns x.name. Calls of it are counted.
func (m *machine) method(x starlark.Value, name string) (starlark.Value, error) {
	h, ok := x.(starlark.HasAttrs)
	if !ok {
		return nil, fmt.Errorf("%s has no method %s", x.Type(), name)
	}
	v, err := h.Attr(name)
	if err == nil && v == nil {
		err = &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("%s has no method %s", x.Type(), name), Hint: near(name, h.AttrNames())}
	}
	f, ok := v.(*starlark.Builtin)
	if err != nil || !ok {
		return v, err
	}
	return starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := m.chargeMethod(name, x, args, kwargs); err != nil {
			return nil, err
		}
		return f.CallInternal(t, args, kwargs)
	}), nil
}

func (m *machine) chargeMethod(name string, x starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error {
	given, err := m.weigh(args)
	for _, kv := range kwargs {
		n, e := m.weigh(kv)
		given, err = given+n, errors.Join(err, e)
	}
	if err != nil {
		return err
	}
	if oneElement[name] {
		return m.charge(given)
	}
	self, err := m.weigh(x)
	if err != nil {
		return err
	}
	if cuts[name] {
		self *= unitBytes
	}
	if products[name] {
		if given > m.work/self { // a value weighs at least 1
			return m.charge(m.work + 1)
		}
		return m.charge(self * given * unitBytes)
	}
	return m.charge(self + given)
}

func near(name string, all []string) string {
	if n := tensor.Nearest(name, all, 1); len(n) > 0 {
		return "did you mean " + n[0] + "?"
	}
	return ""
}
