package recipe

import (
	"context"
	"fmt"
	"math/bits"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// spaceSolver finds the merge space of every occurrence. Its variables are the
// occurrences, and one more for every symbol of every merge. Ties join variables to one
// class; demands say which spaces are admissible. Both are kept with their reason.
type spaceSolver struct {
	*solver
	all     []methods.Space // known spaces in order of preference, then others
	parent  []int
	ties    []tie
	demands []demand
}

// tie says that two variables are one space, because of parameter p of a merge, or because
// of its result (p < 0), or because b is an entry of literal a (user < 0).
type tie struct {
	a, b    int
	user, p int
}

// demand says that a variable is in one of a set of spaces.
type demand struct {
	v    int
	mask uint64
	why  why
	user int // occurrence whose text has the reason
	p    int // parameter, for whyParam
}

// why is the kind of reason of a demand.
type why uint8

const (
	whyHint   why = iota // a hint of the recipe
	whyParam             // a parameter takes it
	whyReturn            // a method gives it
	whySymbol            // a symbol admits it
	whyRoot              // the result must have it
)

func (s *solver) solveSpaces(context.Context) error {
	x := &spaceSolver{solver: s, all: s.g.env.Spaces.All(), parent: make([]int, len(s.nodes))}
	for i := range x.parent {
		x.parent[i] = i
	}
	for i := range s.nodes {
		x.collect(i)
	}
	if err := x.demandRoot(); err != nil {
		s.stop = true
		return err
	}
	if len(x.all) > 64 {
		s.stop = true
		return tensor.Errorf(tensor.ClassRecipe, "%d merge spaces are used, at most 64 are supported", len(x.all))
	}
	for _, t := range x.ties {
		x.parent[x.find(t.a)] = x.find(t.b)
	}
	return x.decide()
}

func (x *spaceSolver) find(v int) int {
	for x.parent[v] != v {
		x.parent[v] = x.parent[x.parent[v]]
		v = x.parent[v]
	}
	return v
}

// collect adds ties and demands of an occurrence.
func (x *spaceSolver) collect(i int) {
	n := &x.nodes[i]
	if n.expr.hints.Space != "" {
		x.demand(demand{v: i, mask: x.mask(n.expr.hints.Space), why: whyHint, user: i})
	}
	for _, c := range n.entries {
		if c >= 0 && n.expr.hints.Space == "" {
			x.ties = append(x.ties, tie{i, c, -1, i})
		}
	}
	if n.method == nil {
		return
	}
	symbols := map[*methods.Symbol]int{}
	for p, args := range n.args {
		param := &n.method.Params[p]
		for _, a := range args {
			if param.Symbol != nil {
				x.ties = append(x.ties, tie{a, x.symbol(symbols, param.Symbol, i), i, p})
			} else if !param.Spaces.Any() {
				x.demand(demand{v: a, mask: x.mask(param.Spaces.List(x.g.env.Spaces)...), why: whyParam, user: i, p: p})
			}
		}
	}
	if r := &n.method.Return; r.Symbol != nil {
		x.ties = append(x.ties, tie{i, x.symbol(symbols, r.Symbol, i), i, -1})
	} else {
		x.demand(demand{v: i, mask: x.mask(r.Space), why: whyReturn, user: i})
	}
}

// symbol returns the variable of a symbol of merge i.
func (x *spaceSolver) symbol(symbols map[*methods.Symbol]int, s *methods.Symbol, i int) int {
	v, ok := symbols[s]
	if !ok {
		v = len(x.parent)
		x.parent = append(x.parent, v)
		symbols[s] = v
		if !s.Set.Any() {
			x.demand(demand{v: v, mask: x.mask(s.Set.List(x.g.env.Spaces)...), why: whySymbol, user: i})
		}
	}
	return v
}

func (x *spaceSolver) demand(d demand) { x.demands = append(x.demands, d) }

// mask is the set of the given spaces, as bits by their order of preference.
func (x *spaceSolver) mask(spaces ...methods.Space) uint64 {
	var m uint64
	for _, s := range spaces {
		i := 0
		for i < len(x.all) && x.all[i] != s {
			i++
		}
		if i == len(x.all) {
			x.all = append(x.all, s)
		}
		m |= 1 << i
	}
	return m
}

// demandRoot adds what the caller wants of the result.
func (x *spaceSolver) demandRoot() error {
	space := x.o.MergeSpace
	switch {
	case space == AnySpace:
		return nil
	case space == "":
		space = methods.Weight
	case !x.g.env.Spaces.Has(space):
		return unknown("merge space", string(space), append(x.g.env.spaceNames(), string(AnySpace)))
	}
	root := len(x.nodes) - 1
	x.demand(demand{v: root, mask: x.mask(space), why: whyRoot, user: root})
	return nil
}

// spaceClass is what is known about the variables that are one space.
type spaceClass struct {
	mask     uint64
	demands  []demand // those that made mask smaller
	conflict bool
}

// decide intersects the demands of every class and chooses.
func (x *spaceSolver) decide() error {
	classes := map[int]*spaceClass{}
	class := func(v int) *spaceClass {
		c := classes[x.find(v)]
		if c == nil {
			c = &spaceClass{mask: 1<<len(x.all) - 1}
			classes[x.find(v)] = c
		}
		return c
	}
	var errs errorList
	for _, d := range x.demands {
		c := class(d.v)
		if c.conflict || c.mask&^d.mask == 0 {
			continue
		}
		if c.mask&d.mask == 0 {
			c.conflict = true
			if !errs.full() {
				errs.add(x.disagree(c, d))
			}
			continue
		}
		c.mask &= d.mask
		c.demands = append(c.demands, d)
	}
	x.inherit(class)
	x.spaces = make([]methods.Space, len(x.nodes))
	for i := range x.nodes {
		c := class(i)
		if bits.OnesCount64(c.mask) > 1 && !c.conflict && x.o.MergeSpace != AnySpace {
			c.conflict = true
			errs.add(x.ambiguous(i, c))
		}
		x.spaces[i] = x.all[bits.TrailingZeros64(c.mask)]
	}
	return errs.join()
}

// inherit gives entries of a literal with a hint the space of that hint, where nothing else
// says what they are. It is no demand: a hint may also say that a weight is taken for a delta.
func (x *spaceSolver) inherit(class func(v int) *spaceClass) {
	for i := range x.nodes {
		h := x.nodes[i].expr.hints.Space
		if h == "" {
			continue
		}
		for _, e := range x.nodes[i].entries {
			if e < 0 {
				continue
			}
			if c := class(e); bits.OnesCount64(c.mask) > 1 && c.mask&x.mask(h) != 0 {
				c.mask &= x.mask(h)
			}
		}
	}
}

// names lists the spaces of a mask: weight or delta.
func (x *spaceSolver) names(mask uint64) string {
	var names []string
	for i, s := range x.all {
		if mask>>i&1 == 1 {
			names = append(names, string(s))
		}
	}
	return strings.Join(names, " or ")
}

// ambiguous is the error about a class with more than one possible space; i is the first
// occurrence in it.
func (x *spaceSolver) ambiguous(i int, c *spaceClass) error {
	n := x.nodes[i].expr
	err := &tensor.Error{
		Err: fmt.Errorf("the merge space of %s is not clear: it could be %s", describe(n), x.names(c.mask))}
	if n.kind == MergeNode {
		err.Hint = "give a hint such as merge_space=\"weight\" to the models or literals below it, or ask for the space any"
	} else {
		err.Hint = "say which with a hint such as merge_space=\"weight\", or ask for the space any"
	}
	return x.pointAt(n, err)
}
