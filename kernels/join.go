package kernels

import (
	"fmt"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// group is outputs without joins, or ranges of them, that are lowered together.
type group struct {
	first, n int64 // range of the elements of the first one
	outs     []Output
	nums     []int // of the outputs in the list that is lowered
}

// groups cuts outputs at the boundaries of their joins. Those that have the same boundaries
// stay together.
func (t *Trace) groups(outs []Output) ([]group, error) {
	t.dissolve(outs)
	j := joins{t: t, seen: map[int32][]int64{}}
	cuts := make([][]int64, len(outs))
	for k, o := range outs {
		cuts[k] = j.cuts(o.Root.id, o.Root.Shape())
	}
	if j.err != nil {
		return nil, j.err
	}
	var all []group
	done := make([]bool, len(outs))
	for k := range outs {
		if done[k] {
			continue
		}
		g := group{n: outs[k].Root.Shape().N()}
		for i := k; i < len(outs); i++ {
			if !done[i] && slices.Equal(cuts[i], cuts[k]) && (cuts[k] == nil || outs[i].Root.Shape().Equal(outs[k].Root.Shape())) {
				done[i] = true
				g.outs, g.nums = append(g.outs, outs[i]), append(g.nums, i)
			}
		}
		all = j.cut(all, g, cuts[k])
	}
	return all, t.err
}

// cut appends the ranges of a group between boundaries.
func (j *joins) cut(all []group, g group, cuts []int64) []group {
	if len(cuts) == 0 {
		return append(all, g)
	}
	for i, first := range cuts {
		end := g.n
		if i+1 < len(cuts) {
			end = cuts[i+1]
		}
		if end == first && (g.n > 0 || i > 0) {
			continue
		}
		part := group{first: first, n: end - first, nums: g.nums}
		for _, o := range g.outs {
			r := &rebuild{t: j.t, top: true, cuts: j.seen, domain: o.Root.Shape(), first: first, n: end - first, shape: j.shape(o.Root.Shape(), first, end-first), done: map[int32]T{}}
			part.outs = append(part.outs, Output{r.node(o.Root.id), o.DType})
		}
		all = append(all, part)
	}
	return all
}

// together lowers a group: what is computed, with the copies of leaves that are read for it;
// and the other leaves that are copied, each for all outputs that are made from it.
func (l *Lowerer) together(parts []Part, g group) ([]Part, error) {
	if len(g.outs) == 1 {
		return l.part(parts, g)
	}
	t := g.outs[0].Root.t
	leaf := make([]int32, len(g.outs)) // -1: computed
	main := group{first: g.first, n: g.n}
	for i, o := range g.outs {
		kind, id, ok := t.stored(o.Root.id, o.DType)
		if leaf[i] = id; !ok || kind == Computed {
			leaf[i] = -1
			main.add(g, i)
		}
	}
	if len(main.outs) > 0 {
		l.order.visit(t, main.outs)
		for i, id := range leaf {
			if id >= 0 && t.nodes[id].dtype.Computable() && int(id) < len(l.order.num) && l.order.num[id] != 0 {
				leaf[i] = -1
				main.add(g, i)
			}
		}
		var err error
		if parts, err = l.part(parts, main); err != nil {
			return nil, err
		}
	}
	for i, id := range leaf {
		if id < 0 {
			continue
		}
		copies := group{first: g.first}
		for k := i; k < len(leaf); k++ {
			if leaf[k] == id {
				leaf[k] = -1
				copies.add(g, k)
			}
		}
		var err error
		if parts, err = l.part(parts, copies); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// add takes output i of another group.
func (g *group) add(from group, i int) {
	if len(g.outs) == 0 {
		g.n = from.outs[i].Root.Shape().N()
	}
	g.outs, g.nums = append(g.outs, from.outs[i]), append(g.nums, from.nums[i])
}

// joins finds where joined tensors start.
type joins struct {
	t    *Trace
	seen map[int32][]int64 // cuts of a node in its own domain
	err  error

	spread bool // there are values for rows or for columns
}

// shape is that of a range of a domain: whole rows, if values are spread over rows or columns.
func (j *joins) shape(domain tensor.Shape, first, n int64) tensor.Shape {
	row := rowOf(domain)
	if !j.spread || row == 0 || first%row != 0 || n%row != 0 {
		return tensor.Shape{n}
	}
	s := slices.Clone(domain)
	s[0] = n / row
	return s
}

// rowOf returns the elements of a row.
func rowOf(s tensor.Shape) int64 {
	if len(s) == 0 {
		return 0
	}
	return s[1:].N()
}

// cuts returns where the elements of joined tensors start in a domain, ascending; nil
// without joins.
func (j *joins) cuts(id int32, domain tensor.Shape) []int64 {
	n := &j.t.nodes[id]
	j.spread = j.spread || n.kind == nProduct || len(n.shape) > 0 && !n.shape.Equal(domain)
	if n.kind != nConcat {
		return j.below(id, n, domain)
	}
	if !n.shape.Equal(domain) {
		j.fail("a joined tensor of shape %v cannot be spread over %v yet", n.shape, domain)
		return nil
	}
	if c, ok := j.seen[id]; ok {
		return c
	}
	var cuts []int64
	at := int64(0)
	for _, p := range n.list {
		s := j.t.nodes[p].shape
		inner := []int64{at}
		for _, c := range j.cuts(p, s) {
			inner = append(inner, at+c)
		}
		cuts = merge(cuts, inner)
		at += s.N()
		if len(cuts) > maxParts {
			j.fail("more than %d parts are joined in one tensor", maxParts)
			cuts = cuts[:1]
			break
		}
	}
	j.seen[id] = cuts
	return cuts
}

// maxParts bounds the parts of one output. Every part has an expression of its own, which no
// lease covers; nested stacks double their number at every level.
const maxParts = 4096

// below returns the cuts of the arguments of a node, all of which are in its domain.
func (j *joins) below(id int32, n *node, domain tensor.Shape) []int64 {
	if c, ok := j.seen[id]; ok {
		return c
	}
	var cuts []int64
	for _, a := range n.args() {
		switch n.kind {
		case nOp, nMacro, nGuard, nChoose:
			cuts = merge(cuts, j.cuts(a, domain))
		default: // these have their own domains
			if j.cuts(a, j.t.nodes[a].shape) != nil {
				j.fail("a joined tensor whose parts are computed cannot be summed, or given to a function, in a float64 merge yet")
			}
		}
	}
	j.seen[id] = cuts
	return cuts
}

func (j *joins) fail(format string, args ...any) {
	if j.err == nil {
		j.err = fmt.Errorf(format, args...)
	}
}

// merge returns the values of two lists in ascending order, each once.
func merge(a, b []int64) []int64 {
	if len(b) == 0 {
		return a
	}
	m := slices.Concat(a, b)
	slices.Sort(m)
	return slices.Compact(m)
}

// rebuild copies an expression for a range of its elements, with joins replaced by the
// part that holds the range.
type rebuild struct {
	t        *Trace
	top      bool              // nothing is between the root and this
	cuts     map[int32][]int64 // joins below a node, from joins
	domain   tensor.Shape
	first, n int64
	shape    tensor.Shape // of the range
	done     map[int32]T
}

// cut returns the shape of the range of a tensor, and its first element: of one that is as large
// as the domain, of a number, and, if the range is whole rows, of one value per row or column.
func (r *rebuild) cut(s tensor.Shape) (shape tensor.Shape, first int64, ok bool) {
	switch row := rowOf(r.domain); {
	case s.Equal(r.domain):
		return r.shape, r.first, true
	case s.N() == 1:
		return s, 0, true
	case len(r.shape) != len(r.domain) || !r.shape[1:].Equal(r.domain[1:]) || row == 0 || r.first%row != 0:
		return nil, 0, false
	default:
		switch f, ok := FormOf(s, r.domain); {
		case !ok:
			return nil, 0, false
		case f == Row:
			shape = slices.Clone(s)
			shape[0] = r.n / row
			return shape, r.first / row, true
		}
		return s, 0, true
	}
}

func (r *rebuild) node(id int32) T {
	if v, ok := r.done[id]; ok {
		return v
	}
	n := r.t.nodes[id]
	r.top = r.top && n.kind == nConcat
	v := r.copy(id, n)
	r.done[id] = v
	return v
}

func (r *rebuild) copy(id int32, n node) T {
	if n.kind == nConcat {
		return r.part(n.list)
	}
	shape, first, ok := r.cut(n.shape)
	if !ok {
		r.t.fail("a tensor of shape %v cannot be spread over a part of a joined tensor yet", n.shape)
		return T{r.t, id}
	}
	switch whole := n.shape.N() == 1 && !n.shape.Equal(r.domain); n.kind {
	case nLeaf:
		return r.leaf(id, n, shape, first)
	case nConst, nLit:
		if !whole {
			return r.t.number(n.kind, n.value, shape)
		}
	case nOp, nMacro, nGuard:
		return r.op(n, shape)
	case nChoose:
		if !whole {
			args := []T{{r.t, n.list[0]}} // a number: nothing to cut
			for _, a := range n.list[1:] {
				args = append(args, r.node(a))
			}
			return r.t.addList(node{nodeKey: n.nodeKey, shape: shape}, args)
		}
	case nCall:
		if !whole {
			return r.call(n, shape)
		}
	case nProduct:
		if !whole {
			return r.t.productRows(&n, shape, first)
		}
	}
	return T{r.t, id}
}

// leaf is a range of a stored tensor.
func (r *rebuild) leaf(id int32, n node, shape tensor.Shape, first int64) T {
	k := n.nodeKey
	if shape.N() == n.shape.N() {
		first = 0
	}
	if k.order == 0 {
		k.start += first
	} else if start, sub, ok := part(r.t.dims(&n), first, shape.N()); ok {
		k.start, k.order = k.start+start, r.t.orderOf(sub)
	} else {
		r.t.fail("a view of shape %v cannot be cut at element %d", n.shape, first)
		return T{r.t, id}
	}
	return r.t.leafView(n, k, shape)
}

// part returns the part of a joined tensor that holds the range. If it is the result as it
// is, it keeps its shape, and may be anything.
func (r *rebuild) part(parts []int32) T {
	at := int64(0)
	for _, p := range parts {
		s := r.t.nodes[p].shape
		size := s.N()
		if r.first >= at+size && (r.n > 0 || r.first > at) {
			at += size
			continue
		}
		if r.top && r.n == size && len(r.cuts[p]) == 0 {
			return T{r.t, p}
		}
		sub := &rebuild{t: r.t, top: r.top, cuts: r.cuts, domain: s, first: r.first - at, n: r.n, shape: r.shape, done: map[int32]T{}}
		return sub.node(p)
	}
	r.t.fail("a joined tensor has no element %d", r.first)
	return T{r.t, parts[0]}
}

// op copies an elementwise operation.
func (r *rebuild) op(n node, shape tensor.Shape) T {
	k := n.nodeKey
	same := n.kind == nMacro && n.a == n.b
	for i, a := range n.args() {
		v := r.node(a)
		switch i {
		case 0:
			if k.a = v.id; same {
				k.b = v.id
			}
		case 1:
			k.b = v.id
		case 2:
			k.c = v.id
		}
	}
	return r.t.add(k, shape, n.level)
}

// call copies a call of a Go function, which may be given any range, or else all elements.
func (r *rebuild) call(n node, shape tensor.Shape) T {
	if n.goFn.Cut != CutAnywhere {
		r.t.fail("%s needs whole rows or tensors and cannot be combined with a joined tensor yet", n.goFn.Name)
	}
	var args []T
	for _, a := range n.list {
		args = append(args, r.node(a))
	}
	return r.t.addList(node{nodeKey: n.nodeKey, shape: shape, goFn: n.goFn}, args)
}
