package kernels

import (
	"fmt"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// product emits a step that computes a product into a temporary, before all Programs of the body,
// and the load of that.
func (e *emit) product(n *node) (Val, error) {
	if !n.shape.Equal(e.domain) {
		return 0, fmt.Errorf("kernels: a product of shape %v cannot be spread over %v", n.shape, e.domain)
	}
	x, err := e.factor(n.a, Rows)
	if err != nil {
		return 0, err
	}
	y, err := e.factor(n.b, All)
	if err != nil {
		return 0, err
	}
	temp := len(e.body.Temps)
	e.body.Temps = append(e.body.Temps, tensor.F32)
	e.body.Steps = append(e.body.Steps, Step{Product: &ProductStep{X: x, Y: y, Temp: temp}})
	return e.operand(operandRef{leaf: -1, temp: temp}), nil
}

// factor is a leaf, maybe guarded, as a factor of a product.
func (e *emit) factor(id int32, form Form) (FactorUse, error) {
	leaf := e.b.leafIdx[e.b.number(e.b.t.leafBelow(id))]
	f := FactorUse{Own: int(e.b.o.shape[e.b.number(id)]), Guard: -1}
	use := LeafUse{Leaf: leaf, Form: form}
	if form == Rows {
		use.Own = f.Own
	}
	for _, have := range e.body.Leaves {
		if have.Leaf == leaf && have != use { // a unit has one range of each leaf
			return f, fmt.Errorf("kernels: a tensor is a factor of a product and used in another form as well")
		}
	}
	f.Use = e.leafUse(use)
	g := slices.Index(e.b.o.guards, id)
	if g >= 0 && e.b.low.Leaves[leaf].IsFloat() && !e.marked[g] && !e.b.checked[g] {
		f.Guard = g
		e.marked[g] = true
	}
	return f, nil
}
