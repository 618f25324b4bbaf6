package recipe

import (
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// identity tells solved nodes apart: occurrences that came out the same are one node again.
type identity struct {
	digest Digest
	config *config.Config
}

// leaf is all that the solved form of a node without nodes below it depends on.
type leaf struct {
	digest Digest
	space  methods.Space
	config string
}

// result makes the solved recipe from the solved occurrences.
func (s *solver) result() (*Solved, error) {
	out := &Solved{Models: s.models, Warnings: append(s.g.Warnings(), s.warnings...), Mixture: s.mixture}
	exprs := make([]*Expr, len(s.nodes))
	leaves := map[leaf]*Expr{}
	at := make([]int, len(s.nodes)) // node of an occurrence
	seen := map[identity]int{}
	for i := range s.nodes {
		c := s.configs[i].config
		l := leaf{s.nodes[i].expr.digest, s.spaces[i], c.ID()}
		if exprs[i] = leaves[l]; exprs[i] == nil {
			exprs[i] = s.rebuild(i, exprs)
		}
		if exprs[i].kind == ModelNode || s.nodes[i].entries == nil && exprs[i].kind == LiteralNode {
			leaves[l] = exprs[i]
		}
		id := identity{exprs[i].digest, c}
		n, known := seen[id]
		if !known {
			n = len(out.Nodes)
			seen[id] = n
			node, err := s.node(i, at)
			if err != nil {
				return nil, err
			}
			out.Nodes = append(out.Nodes, node)
		}
		at[i] = n
	}
	root := len(s.nodes) - 1
	out.Graph = s.g.env.graph(exprs[root], s.g.name)
	out.Space = s.spaces[root]
	out.Config = s.configs[root].config
	out.domain = s.keyDomain(s.configs[root])
	out.stored, out.canonical = s.headersOf(s.configs[root]), s.o.Compat || s.o.Canonical
	return out, nil
}

// headersOf returns the headers of the models of a component, in order of the recipe.
func (s *solver) headersOf(c *component) (list []*tensor.Header) {
	seen := make([]bool, len(s.models))
	for _, i := range c.members {
		if n := s.nodes[i].expr; n.kind == ModelNode && !s.vet {
			if m := s.byPath[CleanPath(n.path)]; !seen[m] {
				seen[m] = true
				list = append(list, s.models[m].Header)
			}
		}
	}
	return list
}

// rebuild makes the node of an occurrence with what was solved as hints.
func (s *solver) rebuild(i int, exprs []*Expr) *Expr {
	o := &s.nodes[i]
	e := *o.expr
	if e.kind == MergeNode {
		e.args = make([][]*Expr, len(o.args))
		for p, args := range o.args {
			for _, a := range args {
				e.args[p] = append(e.args[p], exprs[a])
			}
		}
		return e.seal()
	}
	e.hints.Space = s.spaces[i]
	if c := s.configs[i].config; !c.Structural() {
		e.hints.Config = c.ID()
	}
	e.entries = append([]Entry(nil), e.entries...)
	for k, at := range o.entries {
		if at >= 0 {
			e.entries[k].Node = exprs[at]
		}
	}
	return e.seal()
}

// node makes the solved node of an occurrence.
func (s *solver) node(i int, at []int) (Node, error) {
	o := &s.nodes[i]
	n := Node{Kind: o.expr.kind, Method: o.method, Space: s.spaces[i], Config: s.configs[i].config, Line: o.expr.at.line, Column: o.expr.at.column, Name: describe(o.expr)}
	switch n.Kind {
	case ModelNode:
		n.Model = s.byPath[CleanPath(o.expr.path)]
	case LiteralNode:
		n.index = make(map[string]int, len(o.expr.entries))
		for k := range o.expr.entries {
			x := LiteralEntry{o.expr.entries[k].Value, -1}
			if child := o.entry(k); child >= 0 {
				x.Node = at[child]
			}
			n.index[o.expr.entries[k].Key] = k
			n.entries = append(n.entries, x)
		}
	case MergeNode:
		n.Args = make([][]int, len(o.args))
		for p, args := range o.args {
			for _, a := range args {
				n.Args[p] = append(n.Args[p], at[a])
			}
		}
		var err error
		n.Keys, err = s.keyMap(i, o.method)
		return n, err
	}
	return n, nil
}

// keyDomain is the keys that the result may have.
type keyDomain struct {
	config *config.Config // all its keys; or
	names  []string       // these
}

func (d *keyDomain) len() int {
	if d.names != nil {
		return len(d.names)
	}
	return d.config.Len()
}

func (d *keyDomain) name(i int) string {
	if d.names != nil {
		return d.names[i]
	}
	return d.config.Name(i)
}

// keyDomain returns the keys of a component: those that its models and literals have, by
// canonical name; all keys of the config as well if there are none, or if a method makes it.
func (s *solver) keyDomain(c *component) keyDomain {
	d := keyDomain{config: c.config}
	sources := s.sources(c)
	if c.config.Structural() || s.vet || len(sources) == 0 {
		return d
	}
	seen := make([]bool, c.config.Len())
	extras := map[string]bool{}
	for _, source := range sources {
		for i := range source.Len() {
			name := source.Name(i)
			k, row, ok := c.config.Find(name)
			switch {
			case ok && !seen[row]:
				seen[row] = true
				d.names = append(d.names, k.Name)
			case !ok && s.o.ExtraKeys == KeepExtra && !extras[name]:
				extras[name] = true
				d.names = append(d.names, name)
			}
		}
	}
	for row := range seen {
		if k := c.config.Key(row); !seen[row] && (c.made || s.o.StrictKeys && !k.Optional) {
			d.names = append(d.names, k.Name)
		}
	}
	return d
}
