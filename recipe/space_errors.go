package recipe

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// maxTies is how many steps between two demands a message lists.
const maxTies = 8

// disagree is the error about demands that no space meets: which two they are, where each
// comes from, and what ties them together.
func (x *spaceSolver) disagree(c *spaceClass, d demand) error {
	other := c.demands[len(c.demands)-1]
	for _, e := range c.demands {
		if e.mask&d.mask == 0 {
			other = e
			break
		}
	}
	at := d
	if d.why == whyRoot || other.why == whyParam && d.why != whyParam {
		at = other
	}
	lines := []string{"the merge spaces do not agree: " + x.reason(other) + ", but " + x.reason(d)}
	path := x.path(other.v, d.v)
	for i, t := range path {
		if i == maxTies && len(path) > maxTies+1 {
			lines = append(lines, fmt.Sprintf("and %d more steps", len(path)-i))
			break
		}
		lines = append(lines, x.tieText(t))
	}
	return x.pointAt(x.nodes[at.user].expr, &tensor.Error{Err: errors.New(strings.Join(lines, "; ")), Hint: x.advice(other, d)})
}

// reason says what a demand wants and where it comes from.
func (x *spaceSolver) reason(d demand) string {
	spaces, user := x.names(d.mask), &x.nodes[d.user]
	switch d.why {
	case whyHint:
		return fmt.Sprintf("%s is %s by its hint", describe(user.expr), spaces)
	case whyParam:
		return fmt.Sprintf("parameter %s of %s takes %s", user.method.Params[d.p].Name, describe(user.expr), spaces)
	case whyReturn:
		return fmt.Sprintf("%s gives %s", describe(user.expr), spaces)
	case whySymbol:
		return fmt.Sprintf("%s works on %s", describe(user.expr), spaces)
	}
	return fmt.Sprintf("the result of the recipe must be %s", spaces)
}

// tieText says why two variables are one space.
func (x *spaceSolver) tieText(t tie) string {
	if t.user < 0 {
		return fmt.Sprintf("%s has one space for all its entries", describe(x.nodes[t.p].expr))
	}
	user := &x.nodes[t.user]
	if t.p < 0 {
		return fmt.Sprintf("the result of %s has the space of its arguments", describe(user.expr))
	}
	return fmt.Sprintf("%s is %s of %s", describe(x.nodes[t.a].expr), user.method.Params[t.p].Name, describe(user.expr))
}

// path returns the ties between two variables of a class: a shortest way, by breadth-first
// search. It is only walked when there is an error to explain.
func (x *spaceSolver) path(from, to int) []tie {
	near := map[int][]int{}
	for i, t := range x.ties {
		near[t.a] = append(near[t.a], i)
		near[t.b] = append(near[t.b], i)
	}
	came := map[int]int{from: -1} // tie by which a variable was reached
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		v := queue[0]
		if v == to {
			break
		}
		for _, i := range near[v] {
			w := x.ties[i].a + x.ties[i].b - v
			if _, seen := came[w]; !seen {
				came[w] = i
				queue = append(queue, w)
			}
		}
	}
	var path []tie
	for v := to; v != from; {
		i, ok := came[v]
		if !ok {
			return nil
		}
		path = append(path, x.ties[i])
		v = x.ties[i].a + x.ties[i].b - v
	}
	slices.Reverse(path)
	return path
}

// advice says what would fix a disagreement.
func (x *spaceSolver) advice(a, b demand) string {
	weight, delta := x.mask(methods.Weight), x.mask(methods.Delta)
	pair := func(p, q uint64) bool { return a.mask == p && b.mask == q || a.mask == q && b.mask == p }
	hint := x.otherHint(a, b) + x.otherHint(b, a)
	switch {
	case b.why == whyRoot && pair(weight, delta):
		return "ask for the merge space " + x.names(a.mask) + ", or add the difference to a model with add_difference" + hint
	case b.why == whyRoot:
		return "ask for the merge space " + x.names(a.mask) + hint
	case pair(weight, delta):
		return "subtract makes a difference of two models, a conversion one of a LoRA; add_difference makes a model of a model and a difference" + hint
	}
	return strings.TrimPrefix(hint, ", or ")
}

// otherHint says which hint would meet a demand that a hint is against.
func (x *spaceSolver) otherHint(hint, d demand) string {
	switch {
	case hint.why != whyHint:
		return ""
	case bits.OnesCount64(d.mask) == 1:
		return fmt.Sprintf(", or say merge_space=%q of %s", x.names(d.mask), describe(x.nodes[hint.user].expr))
	}
	return ", or change the hint of " + describe(x.nodes[hint.user].expr)
}
