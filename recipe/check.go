package recipe

import (
	"context"
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// checkArguments checks that the values that reach parameters have their types, and chooses
// implementations of interfaces.
func (s *solver) checkArguments(context.Context) error {
	c := &valueChecker{solver: s, seen: map[checked]bool{}}
	s.users(func(user, p, i int) {
		if param := &s.nodes[user].method.Params[p]; param.Type != methods.Any {
			c.check(user, param, i)
		}
	})
	c.check(noUser, &methods.Param{Type: methods.Tensor}, len(s.nodes)-1)
	for i := range s.nodes {
		if m := s.nodes[i].method; m != nil && m.Interface && !s.wrong {
			c.errs.add(s.implement(i))
		}
	}
	for i := range s.nodes {
		if m := s.nodes[i].method; m != nil && m.Check != nil {
			known := s.configs[i].config
			if s.vet && known.Structural() { // no model was opened that would tell
				known = nil
			}
			if err := m.Check(known, s.constants(i)); err != nil {
				c.errs.add(s.errorAt(s.nodes[i].expr, fmt.Errorf("%s: %w", m.ID, err)))
			}
		}
	}
	return c.errs.join()
}

// constants gives the arguments of a merge that are one value for every key, and of the type
// of their parameter: others are errors already.
func (s *solver) constants(i int) func(param string) (methods.Value, bool) {
	n := &s.nodes[i]
	return func(param string) (methods.Value, bool) {
		row, p, ok := n.method.Param(param)
		if !ok || len(n.args[p]) != 1 {
			return methods.Value{}, false
		}
		v, ok := s.nodes[n.args[p][0]].expr.constant()
		if !ok {
			return v, false
		}
		v, err := row.Coerce(v, s.o.Compat)
		return v, err == nil
	}
}

// valueChecker follows arguments to the values that they choose from.
type valueChecker struct {
	*solver
	seen map[checked]bool
	errs errorList
}

// checked is a node and a type that it was checked against.
type checked struct {
	node     Digest
	t        methods.Type
	nullable bool
}

// noUser stands for what uses the root of a recipe: its output, which takes tensors.
const noUser = -1

// check checks occurrence i against a parameter of user. It does not recurse: recipes may
// be deep.
func (c *valueChecker) check(user int, param *methods.Param, i int) {
	for stack := []int{i}; len(stack) > 0; {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if k := (checked{c.nodes[i].expr.digest, param.Type, param.Nullable}); c.seen[k] {
			continue
		} else {
			c.seen[k] = true
		}
		n := &c.nodes[i]
		switch n.expr.kind {
		case ModelNode:
			if param.Type != methods.Tensor {
				c.fail(user, "", &tensor.Error{Err: fmt.Errorf("parameter %s: a tensor cannot be used here", param.Name),
					Got: describe(n.expr), Want: fmt.Sprintf("a %v that the recipe says", param.Type)})
			}
		case LiteralNode:
			stack = append(stack, c.literal(user, param, n)...)
		case MergeNode:
			stack = append(stack, c.merge(user, param, n)...)
		}
	}
}

// literal checks the values of a literal and returns the nodes in it.
func (c *valueChecker) literal(user int, param *methods.Param, n *occurrence) (more []int) {
	for k := range n.expr.entries {
		x := &n.expr.entries[k]
		if x.Node != nil {
			more = append(more, n.entries[k])
			continue
		}
		if _, err := param.Coerce(x.Value, c.o.Compat); err != nil {
			key := x.Key
			if len(n.expr.entries) == 1 {
				key = ""
			}
			c.fail(user, key, err)
		}
	}
	return more
}

// merge checks what a merge gives. One that gives what it is given is looked through.
func (c *valueChecker) merge(user int, param *methods.Param, n *occurrence) (more []int) {
	switch t := n.method.Return.Type; {
	case t == methods.Any:
		for p, args := range n.args {
			if n.method.Params[p].Type == methods.Any {
				more = append(more, args...)
			}
		}
	case (t == methods.String) != (param.Type == methods.String):
		c.fail(user, "", &tensor.Error{Err: fmt.Errorf("parameter %s", param.Name),
			Got: fmt.Sprintf("%s, which gives a %v", describe(n.expr), t), Want: fmt.Sprintf("a %v", param.Type)})
	}
	return more
}

func (c *valueChecker) fail(user int, key string, err error) {
	if user == noUser {
		e := &tensor.Error{Key: key, Err: errors.New("the result is not a tensor")}
		var why *tensor.Error
		if errors.As(err, &why) {
			e.Got, e.Want, e.Hint = why.Got, why.Want, why.Hint
		}
		c.errs.add(c.pointAt(c.g.Root(), e))
		return
	}
	e := c.nodes[user].expr
	c.errs.add(c.pointAt(e, &tensor.Error{Key: key, Err: fmt.Errorf("%s: %w", e.method.ID, err)}))
}
