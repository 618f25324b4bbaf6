package recipe

// Uses calls use for every tensor of a model that a key of the result is made from, once: model
// node n and an entry of its header. What a factor of zero takes out counts as well.
func (s *Solved) Uses(key string, use func(n, entry int)) {
	u := uses{existence: existence{Solved: s, memo: map[nodeKey]bool{}}, use: use, seen: map[nodeKey]bool{}}
	u.node(len(s.Nodes)-1, key)
}

// uses walks from a key to what it is made from, along what exists.
type uses struct {
	existence
	use  func(n, entry int)
	seen map[nodeKey]bool
}

func (u *uses) node(n int, key string) {
	if k := (nodeKey{n, key}); u.seen[k] || !u.has(n, key) {
		return
	} else {
		u.seen[k] = true
	}
	switch node := &u.Nodes[n]; node.Kind {
	case ModelNode:
		entry, _ := u.Lookup(n, key)
		u.use(n, entry)
	case LiteralNode:
		if e, _ := node.Entry(key); e.Node >= 0 {
			u.node(e.Node, key)
		}
	default:
		u.merge(n, key)
	}
}

// merge follows the first alternative that exists.
func (u *uses) merge(n int, key string) {
	node := &u.Nodes[n]
	r, _ := u.Relation(n, key)
	ways := r.Alternatives
	if node.Method.FirstAvailable {
		ways = ways[1:] // the first one asks for all parameters
	}
	for _, c := range ways {
		if !u.holds(node, c) {
			continue
		}
		for p, keys := range c.Inputs {
			for _, a := range node.Args[p] {
				for _, k := range keys {
					u.node(a, k)
				}
			}
		}
		return
	}
}
