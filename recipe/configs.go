package recipe

import (
	"context"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// component is a set of occurrences that have one model config.
type component struct {
	members []int
	pins    []pin // configs that were named, each once
	infer   *Expr // a node whose hint asks for a named config
	config  *config.Config
	voters  []int // members whose keys count
	made    bool  // a method gives one of its values the config, and may make any key of it
}

// pin is a config that the component must have, and where that comes from.
type pin struct {
	id   string
	user int // occurrence
	p    int // parameter; -1: a hint; -2: what the method gives
}

// solveConfigs finds the components and the config of each.
func (s *solver) solveConfigs(context.Context) error {
	if err := s.dispatch(); err != nil {
		s.stop = true
		return err
	}
	var errs errorList
	for _, c := range s.findComponents() {
		err := s.choose(c)
		if err == nil {
			err = s.checkMembers(c)
		}
		s.stop = s.stop || err != nil
		errs.add(err)
	}
	return errs.join()
}

// findComponents makes the components with what is named in them.
func (s *solver) findComponents() (list []*component) {
	parent := s.components()
	byRoot := map[int]*component{}
	s.configs = make([]*component, len(s.nodes))
	for i := range s.nodes {
		r := findRoot(parent, i)
		c := byRoot[r]
		if c == nil {
			c = &component{}
			byRoot[r] = c
			list = append(list, c)
		}
		c.members = append(c.members, i)
		s.configs[i] = c
	}
	s.pin()
	return list
}

// components joins what has one config: a merge and its arguments of parameters that name
// no config, a literal and its entries.
func (s *solver) components() []int {
	parent := make([]int, len(s.nodes))
	for i := range parent {
		parent[i] = i
	}
	join := func(a, b int) { parent[findRoot(parent, a)] = findRoot(parent, b) }
	first := map[int]int{} // by interface that maps configs: its first argument
	s.users(func(user, p, i int) {
		switch m := s.nodes[user].method; {
		case m.Params[p].Config != "":
		case !m.Interface || !s.maps(m):
			join(i, user)
		default:
			if a, ok := first[user]; ok {
				join(i, a)
			} else {
				first[user] = i
			}
		}
	})
	for i := range s.nodes {
		n := &s.nodes[i]
		if h := n.expr.hints.Config; h != "" && h != config.InferID {
			continue // its entries may have another config
		}
		for _, c := range n.entries {
			if c >= 0 {
				join(c, i)
			}
		}
	}
	return parent
}

func findRoot(parent []int, i int) int {
	for parent[i] != i {
		parent[i] = parent[parent[i]]
		i = parent[i]
	}
	return i
}

// pin adds the configs that hints, parameters and methods name.
func (s *solver) pin() {
	for i := range s.nodes {
		n := &s.nodes[i]
		switch h := n.expr.hints.Config; h {
		case "":
		case config.InferID:
			s.configs[i].infer = n.expr
		default:
			s.configs[i].add(pin{h, i, -1})
		}
		if n.method != nil && n.method.Return.Config != "" {
			s.configs[i].made = true
			s.configs[i].add(pin{n.method.Return.Config, i, -2})
		}
	}
	s.users(func(user, p, i int) {
		if id := s.nodes[user].method.Params[p].Config; id != "" {
			s.configs[i].add(pin{id, user, p})
		}
	})
}

func (c *component) add(p pin) {
	for _, q := range c.pins {
		if q.id == p.id {
			return
		}
	}
	c.pins = append(c.pins, p)
}

// choose decides the config of a component: the one that is named, else the named one that
// fits its keys best, else a structural one.
func (s *solver) choose(c *component) error {
	if len(c.pins) > 1 {
		a, b := c.pins[0], c.pins[1]
		return s.pointAt(s.nodes[b.user].expr, &tensor.Error{
			Err:  fmt.Errorf("the model configs do not agree: %s, but %s, and both must have one config", s.pinText(a), s.pinText(b)),
			Hint: s.bridge(a, b)})
	}
	s.vote(c)
	switch {
	case len(c.pins) == 1:
		return s.named(c)
	case s.vet:
		c.config = config.Structural()
		return nil
	}
	return s.detect(c)
}

// bridge says which conversion would make two configs one: of the second value to the config of the
// first, or of a value to that of a parameter.
func (s *solver) bridge(a, b pin) string {
	from, to := b.id, a.id
	if b.p >= 0 {
		from, to = to, from
	}
	for range 2 {
		if steps, ok := s.g.env.Methods.Ways(from).To(to); ok {
			return fmt.Sprintf("a conversion from %s to %s is missing: %s", from, to, names(steps))
		}
		from, to = to, from
	}
	return "no conversion leads from one to the other"
}

// named takes the one config that the component must have.
func (s *solver) named(c *component) error {
	p := c.pins[0]
	row, ok := s.g.env.Configs.Get(p.id)
	var err error
	switch {
	case !ok:
		err = fmt.Errorf("%s, which is not defined", s.pinText(p))
	case row.Make == nil:
		err = fmt.Errorf("%s: model config %s: known, not available yet", s.pinText(p), p.id)
	default:
		c.config = row.Make()
		if !s.vet {
			s.checkMixture(c)
		}
		return nil
	}
	return s.errorAt(s.nodes[p.user].expr, err)
}

func (s *solver) pinText(p pin) string {
	n := &s.nodes[p.user]
	switch p.p {
	case -1:
		return fmt.Sprintf("%s has config %s by its hint", describe(n.expr), p.id)
	case -2:
		return fmt.Sprintf("%s gives config %s", describe(n.expr), p.id)
	}
	return fmt.Sprintf("parameter %s of %s takes config %s", n.method.Params[p.p].Name, describe(n.expr), p.id)
}

// vote chooses the members whose keys count: models and literals; but beside a model or a
// named config, literals that steer methods (in the space param, or plain numbers) do not.
func (s *solver) vote(c *component) {
	pinned := len(c.pins) > 0
	for _, i := range c.members {
		pinned = pinned || s.nodes[i].expr.kind == ModelNode
	}
	for _, i := range c.members {
		if e := s.nodes[i].expr; e.kind == ModelNode || e.kind == LiteralNode && !(pinned && s.steers(i)) {
			c.voters = append(c.voters, i)
		}
	}
}

// steers reports whether a literal is a parameter rather than a state dict.
func (s *solver) steers(i int) bool {
	n := s.nodes[i].expr
	if s.spaces[i] == methods.ParamSpace {
		return true
	}
	numbers, known := s.numbers[n.digest]
	if !known {
		numbers = onlyNumbers(n)
		s.numbers[n.digest] = numbers
	}
	return numbers
}

func onlyNumbers(n *Expr) bool {
	for k := range n.entries {
		if n.entries[k].Node != nil || n.entries[k].Value.Kind == methods.StringValue {
			return false
		}
	}
	return true
}

// sources returns the keys of the members that vote: of every model once, in the order of
// the recipe, then of literals.
func (s *solver) sources(c *component) []config.Keys {
	var all []config.Keys
	for _, m := range s.voting(c) {
		all = append(all, config.Header(s.models[m].Header))
	}
	listed := map[Digest]bool{}
	for _, i := range c.voters {
		if n := s.nodes[i].expr; n.kind == LiteralNode && !listed[n.digest] {
			listed[n.digest] = true
			all = append(all, literalKeys(n))
		}
	}
	return all
}

// voting returns the models that vote, each once, in the order of the recipe.
func (s *solver) voting(c *component) []int {
	var all []int
	seen := make([]bool, len(s.models))
	for _, i := range c.voters {
		if n := s.nodes[i].expr; n.kind == ModelNode {
			if m := s.byPath[CleanPath(n.path)]; !seen[m] {
				seen[m] = true
				all = append(all, m)
			}
		}
	}
	return all
}

// keyList is the keys of a literal.
type keyList struct {
	names []string
	index map[string]int
}

func literalKeys(n *Expr) config.Keys {
	k := &keyList{index: make(map[string]int, len(n.entries))}
	for i := range n.entries {
		k.index[n.entries[i].Key] = i
		k.names = append(k.names, n.entries[i].Key)
	}
	return k
}

func (k *keyList) Len() int             { return len(k.names) }
func (k *keyList) Name(i int) string    { return k.names[i] }
func (k *keyList) Has(name string) bool { _, ok := k.index[name]; return ok }
