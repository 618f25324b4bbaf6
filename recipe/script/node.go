package script

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// node is a value of a program that is a node of the recipe. It is immutable.
type node struct {
	m *machine
	e *recipe.Expr
}

var (
	_ starlark.HasBinary  = (*node)(nil)
	_ starlark.HasUnary   = (*node)(nil)
	_ starlark.HasAttrs   = (*node)(nil)
	_ starlark.Comparable = (*node)(nil)
)

// String names the node: model("a.safetensors"), or <weighted_sum>.
func (n *node) String() string {
	switch n.e.Kind() {
	case recipe.ModelNode:
		return "model(" + starlark.String(n.e.Path()).String() + ")"
	case recipe.LiteralNode:
		return "<literal>"
	}
	return "<" + n.e.Method().ID + ">"
}

// Type returns "node".
func (n *node) Type() string { return "node" }

// Freeze does nothing: nodes do not change.
func (n *node) Freeze() {}

// Truth is true.
func (n *node) Truth() starlark.Bool { return true }

// Hash agrees with equality.
func (n *node) Hash() (uint32, error) {
	d := n.e.Digest()
	return binary.LittleEndian.Uint32(d[:4]), nil
}

// CompareSameType compares identities; nodes have no order.
func (n *node) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	same := n.e.Digest() == y.(*node).e.Digest()
	switch op {
	case syntax.EQL:
		return same, nil
	case syntax.NEQ:
		return !same, nil
	}
	return false, fmt.Errorf("nodes have no order: %s", op)
}

// AttrNames lists what may stand after the dot.
func (n *node) AttrNames() []string { return []string{"to"} }

// Attr returns the method to: x.to("float16") is cast(x, dtype="float16"). As in Python, either
// argument may be left out.
func (n *node) Attr(name string) (starlark.Value, error) {
	if name != "to" {
		return nil, nil
	}
	return starlark.NewBuiltin("to", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var dtype, device starlark.Value = starlark.None, starlark.None
		if err := starlark.UnpackArgs("to", args, kwargs, "dtype?", &dtype, "device?", &device); err != nil {
			return nil, err
		}
		if text, ok := starlark.AsString(dtype); ok {
			if _, err := tensor.ParseRecipeDType(text); err != nil {
				return nil, err
			}
		}
		return n.m.merge("cast", starlark.Tuple{n}, []starlark.Tuple{{starlark.String("device"), device}, {starlark.String("dtype"), dtype}})
	}), nil
}

// operatorMethods are the methods that operators between nodes stand for.
var operatorMethods = map[syntax.Token]string{syntax.PLUS: "add_difference", syntax.MINUS: "subtract", syntax.PIPE: "fallback"}

// Binary applies an operator of which n is one side.
func (n *node) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	switch op {
	case syntax.STAR:
		return n.times(y)
	case syntax.SLASH:
		if _, number := starlark.AsFloat(y); number && side == starlark.Left {
			return nil, errors.New("a node cannot be divided; multiply it by a number such as 0.5")
		}
	}
	id, ok := operatorMethods[op]
	if !ok {
		return nil, nil // the interpreter says that there is no such operator
	}
	args := starlark.Tuple{n, y}
	if side == starlark.Right {
		args = starlark.Tuple{y, n}
	}
	return n.m.merge(id, args, nil)
}

// Unary makes -x, which is -1 * x.
func (n *node) Unary(op syntax.Token) (starlark.Value, error) {
	if op != syntax.MINUS {
		return nil, nil
	}
	return n.times(starlark.Float(-1))
}

// times scales a difference. Of two nodes, the one that is known to be a param is the factor, or
// the one that is not known to be a difference if the other is.
func (n *node) times(factor starlark.Value) (starlark.Value, error) {
	scaled := n
	if f, ok := factor.(*node); ok {
		left, right := n.m.space(n.e), n.m.space(f.e)
		if left == methods.ParamSpace && right != methods.ParamSpace || left == "" && right == methods.Delta {
			scaled, factor = f, n
		}
	}
	if n.m.space(scaled.e) == methods.Weight && !n.m.listing {
		return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("%v is a model (merge space weight), which cannot be scaled; a difference of models can", scaled),
			Hint: "a mean of models is weighted_sum(a, b, alpha=0.5), or a + 0.5 * (b - a); a LoRA is made a difference by convert(lora, a)"}
	}
	return n.m.merge("scale", starlark.Tuple{scaled, factor}, nil)
}

// merge applies a method of the catalogue.
func (m *machine) merge(id string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	pos, kw, err := m.arguments(args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	return m.made(m.here().Merge(id, pos, kw...))
}
