package recipe

import "github.com/mecha-gpu/mecha-gpu/methods"

// occurrence is a node in its place. Every node of the graph occurs once, except values
// without a hint: those occur once for each argument that they are, because the same number
// may be a model in one place and a parameter in another.
type occurrence struct {
	expr    *Expr
	args    [][]int // occurrences, by parameter
	entries []int   // of the entries of a literal; -1 for plain values; nil if all are plain
	method  *methods.Method
}

// expand lists the occurrences, arguments before users.
func (s *solver) expand() {
	once := make([]int, len(s.g.nodes)) // occurrence + 1 of a node that occurs once
	use := func(e *Expr) int {
		i := s.g.index[e.digest]
		if once[i] == 0 {
			return s.copyValue(e)
		}
		return once[i] - 1
	}
	root := s.g.Root()
	for i, n := range s.g.nodes {
		if isFree(n) && n != root {
			continue // it is listed where it is used
		}
		o := occurrence{expr: n, method: n.method}
		for _, list := range n.args {
			var args []int
			for _, a := range list {
				args = append(args, use(a))
			}
			o.args = append(o.args, args)
		}
		if n.kind == LiteralNode && !isFlat(n) {
			for k := range n.entries {
				at := -1
				if c := n.entries[k].Node; c != nil {
					at = use(c)
				}
				o.entries = append(o.entries, at)
			}
		}
		s.nodes = append(s.nodes, o)
		once[i] = len(s.nodes)
	}
}

// isFree reports whether a node is a value without a hint about its merge space: a
// literal of plain values, or one value for every key.
func isFree(n *Expr) bool {
	if n.kind == MergeNode && n.method.Broadcast && len(n.args) == 1 && len(n.args[0]) == 1 {
		n = n.args[0][0]
	}
	return n.kind == LiteralNode && n.hints.Space == "" && isFlat(n)
}

// isFlat reports whether a literal has no nodes in it.
func isFlat(n *Expr) bool {
	for i := range n.entries {
		if n.entries[i].Node != nil {
			return false
		}
	}
	return true
}

// entry returns the occurrence of entry k of a literal; -1 if it is a plain value.
func (o *occurrence) entry(k int) int {
	if o.entries == nil {
		return -1
	}
	return o.entries[k]
}

// copyValue lists another occurrence of a free node. It takes little memory: a recipe may use
// a large dict many times.
func (s *solver) copyValue(n *Expr) int {
	o := occurrence{expr: n, method: n.method}
	for _, list := range n.args {
		o.args = append(o.args, []int{s.copyValue(list[0])})
	}
	s.nodes = append(s.nodes, o)
	return len(s.nodes) - 1
}

// users calls f for each argument: occurrence i is an argument of parameter p of user.
func (s *solver) users(f func(user, p, i int)) {
	for user := range s.nodes {
		for p, list := range s.nodes[user].args {
			for _, i := range list {
				f(user, p, i)
			}
		}
	}
}
