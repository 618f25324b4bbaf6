package recipe

import (
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Solved is a recipe in which every node has its merge space and its model config. It is
// read only; any goroutine may read it.
type Solved struct {
	// Graph is the recipe that is in effect: with the fallback model, and with the merge
	// spaces and named configs that were found as hints.
	Graph *Graph

	// Nodes are all nodes, arguments before users, the root last.
	Nodes []Node

	// Models are the different models, in order of first use.
	Models []ModelRef

	Space    methods.Space  // of the result
	Config   *config.Config // of the result
	Warnings []string       // what is odd but not wrong
	Mixture  string         // one of them: that models of different configs are merged; "" if they are not

	domain    keyDomain
	stored    []*tensor.Header // of the models that have the result's config, in order of the recipe
	canonical bool             // outputs have canonical names
}

// ModelRef is a model of a recipe.
type ModelRef struct {
	Index  int
	Path   string         // as it is written in the recipe
	Header *tensor.Header // nil if the recipe was solved without models
}

// Node is a node of a solved recipe.
type Node struct {
	Kind   Kind
	Model  int             // of a model: its index in Models
	Method *methods.Method // of a merge; never an interface
	Args   [][]int         // of a merge: nodes, by parameter; defaults are there
	Keys   methods.KeyMap  // of a merge; nil: see Relation
	Space  methods.Space
	Config *config.Config
	Line   int    // of the text; 0 if the node came from none
	Column int    // of the line, in characters; 0 if it is not known
	Name   string // for messages: weighted_sum (line 4)

	entries []LiteralEntry
	index   map[string]int
}

// LiteralEntry is what a literal has for a key: a value, or another node, which is asked
// for the same key.
type LiteralEntry struct {
	Value methods.Value
	Node  int // -1: the entry is the Value
}

// Entry returns what a literal has for a key, or under an alias of the key.
func (n *Node) Entry(key string) (LiteralEntry, bool) {
	if i, ok := n.index[key]; ok {
		return n.entries[i], true
	}
	for _, alias := range n.Config.Aliases(key) {
		if i, ok := n.index[alias]; ok {
			return n.entries[i], true
		}
	}
	return LiteralEntry{Node: -1}, false
}

// Lookup returns the entry of the header of model node n that holds a key, or an alias of
// the key.
func (s *Solved) Lookup(n int, key string) (entry int, ok bool) {
	node := &s.Nodes[n]
	h := s.Models[node.Model].Header
	if entry, ok = h.Lookup(key); ok {
		return entry, true
	}
	for _, alias := range node.Config.Aliases(key) {
		if entry, ok = h.Lookup(alias); ok {
			return entry, true
		}
	}
	return 0, false
}

// NumKeys returns the number of keys that the result may have. Which of them can be made is
// found key by key.
func (s *Solved) NumKeys() int { return s.domain.len() }

// Key returns key i of those that the result may have: canonical names, those of the first
// model in its order, then those that only later models have.
func (s *Solved) Key(i int) string { return s.domain.name(i) }

// OutputName returns the name under which the result stores a key: that under which the first
// model has it whose config is the result's, so that aliases stay; the canonical name if
// there is none, such as after a conversion.
func (s *Solved) OutputName(key string) string {
	aliases := s.Config.Aliases(key)
	if len(aliases) == 0 || s.canonical {
		return key
	}
	if name, ok := s.storedName(key, aliases); ok {
		return name
	}
	return key
}

func (s *Solved) storedName(key string, aliases []string) (string, bool) {
	for _, h := range s.stored {
		if _, ok := h.Lookup(key); ok {
			return key, true
		}
		for _, alias := range aliases {
			if _, ok := h.Lookup(alias); ok {
				return alias, true
			}
		}
	}
	return "", false
}

// KeyOf returns the key that is stored under a name.
func (s *Solved) KeyOf(name string) string {
	if key, ok := s.Config.Canonical(name); ok {
		return key
	}
	return name
}

// Expected reports whether a result without the key lacks something: some model has the key, or
// something of what it is made from.
func (s *Solved) Expected(key string) bool {
	if _, ok := s.storedName(key, s.Config.Aliases(key)); ok {
		return true
	}
	x := existence{Solved: s, part: true, memo: map[nodeKey]bool{}}
	return x.has(len(s.Nodes)-1, key)
}

// Required reports whether a result without the key is incomplete: it is not optional, and a model
// has to have it, or it is expected. A difference may be one of any keys.
func (s *Solved) Required(key string) bool {
	return !s.Optional(key) && (s.Space != methods.Delta || s.Expected(key))
}

// Optional reports whether a result without the key is complete. In a structural config no
// key is optional.
func (s *Solved) Optional(key string) bool {
	k, _, ok := s.Config.Find(key)
	return ok && k.Optional
}

// Format writes the recipe that is in effect, for the metadata of the output: original
// paths, solved hints. Models of structural configs have no config hint, but a comment says
// so.
func (s *Solved) Format() ([]byte, error) {
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.Kind == ModelNode && n.Config.Structural() {
			return s.Graph.format("model configs that are null were not known: keys are merged as they are in the files")
		}
	}
	return Format(s.Graph)
}

// Relation returns from which keys of its arguments a merge makes an output key; ok is
// false if it cannot make the key.
//
//	with a key map    what that says
//	broadcast         the key "key" of every parameter
//	first available   the key of all parameters; or of the first one that has it
//	all others        the key of every parameter
func (s *Solved) Relation(n int, key string) (r methods.Relation, ok bool) {
	node := &s.Nodes[n]
	if node.Keys != nil {
		return node.Keys(key)
	}
	in := key
	if node.Method.Broadcast {
		in = config.SingletonKey
	}
	all := methods.Clause{Inputs: make([][]string, len(node.Method.Params))}
	for p := range all.Inputs {
		all.Inputs[p] = []string{in}
	}
	r = methods.Relation{Outputs: []string{key}, Alternatives: []methods.Clause{all}}
	if node.Method.FirstAvailable {
		for p := range all.Inputs {
			one := methods.Clause{Inputs: make([][]string, len(all.Inputs))}
			one.Inputs[p] = all.Inputs[p]
			r.Alternatives = append(r.Alternatives, one)
		}
	}
	return r, true
}

// Exists reports whether a node has a key, if the models for which gone is true do not have
// it. gone may be nil. Every node is asked for a key once.
func (s *Solved) Exists(n int, key string, gone func(node int) bool) bool {
	return (&existence{Solved: s, gone: gone, memo: map[nodeKey]bool{}}).has(n, key)
}

type nodeKey struct {
	node int
	key  string
}

type existence struct {
	*Solved
	gone func(int) bool
	part bool // asked for is whether a model has anything of what a key is made from
	memo map[nodeKey]bool
}

func (x *existence) has(n int, key string) bool {
	k := nodeKey{n, key}
	found, ok := x.memo[k]
	if !ok {
		found = x.find(n, key)
		x.memo[k] = found
	}
	return found
}

func (x *existence) find(n int, key string) bool {
	node := &x.Nodes[n]
	switch node.Kind {
	case ModelNode:
		_, ok := x.Lookup(n, key)
		return ok && (x.gone == nil || !x.gone(n))
	case LiteralNode:
		e, ok := node.Entry(key)
		return ok && (e.Node < 0 && !x.part || e.Node >= 0 && x.has(e.Node, key))
	}
	r, ok := x.Relation(n, key)
	for i := 0; ok && i < len(r.Alternatives); i++ {
		if x.holds(node, r.Alternatives[i]) {
			return true
		}
	}
	return false
}

// holds reports whether all inputs of a clause exist, or any if part of them is enough.
func (x *existence) holds(node *Node, c methods.Clause) bool {
	for p, keys := range c.Inputs {
		for _, a := range node.Args[p] {
			for _, key := range keys {
				if x.has(a, key) == x.part {
					return x.part
				}
			}
		}
	}
	return !x.part
}
