package kernels

import (
	"context"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// A joined tensor is usually cut into its parts, each of which has an expression of its own. Under
// a sum over all elements, or a function, it cannot be. If its parts are stored tensors of one
// type, it is one leaf there: they are read one after the other. Otherwise it is computed before,
// into memory.

// whole makes the leaf that stands for joined tensors, with the guards of all of them, and
// returns its node; 0 if there is none (a leaf of parts is never the first node).
func (t *Trace) whole(shape tensor.Shape, parts []T) int32 {
	var leaves []T
	var guards []uint64
	for i, p := range parts {
		n, id := p.node(), p.id
		for ; n.kind == nGuard; n, id = &t.nodes[n.a], n.a {
			if !slices.Contains(guards, n.imm) {
				guards = append(guards, n.imm)
			}
		}
		if n.kind != nLeaf || n.list != nil || n.order != 0 || n.dtype.Size() == 0 || i > 0 && n.dtype != leaves[0].node().dtype {
			return 0
		}
		leaves = append(leaves, T{t, id})
	}
	k := nodeKey{kind: nLeaf, dtype: leaves[0].node().dtype, spread: true} // unlike those with a number
	w := t.addList(node{nodeKey: k, shape: shape}, leaves)
	for _, g := range guards {
		w = w.Guard(int(g))
	}
	return w.id
}

// dissolve puts the leaf that stands for joined tensors in their place wherever a part of the
// expression needs all elements at once.
func (t *Trace) dissolve(outs []Output) {
	var last int32
	for _, o := range outs {
		last = max(last, o.Root.id)
	}
	needed := make([]bool, last+1)
	for id := last; id >= 0; id-- {
		n := &t.nodes[id]
		own := needed[id] || n.kind == nReduce || n.kind == nCall || n.kind == nHost
		if n.kind == nConcat && needed[id] && n.a > 0 {
			shape := n.shape
			*n = t.nodes[n.a]
			n.shape = shape
		}
		if own {
			for _, a := range n.args() {
				needed[a] = true
			}
		}
	}
}

// keep is the routine that gives what it gets.
var keep = &Routine{Name: "a joined tensor", Fn: func(_ context.Context, w *RoutineWork) error {
	copy(w.Out[0].Data, w.In[0].Data)
	return nil
}}

// held is x, computed before into memory if there are joined tensors in it that are no leaf. It is
// rounded to float32 there, so that in F64 x stays what it is.
func (t *Trace) held(x T) T {
	if !t.joined || t.compute != F32 || !t.hasJoin(x.id) {
		return x
	}
	return t.Routine(keep, nil, []tensor.Shape{x.Shape()}, x)[0]
}

// hasJoin reports whether the elements of a node are made of joined tensors that are no leaf.
func (t *Trace) hasJoin(id int32) bool {
	reached := make([]bool, id+1)
	reached[id] = true
	for ; id > 0; id-- { // arguments come before what uses them
		n := &t.nodes[id]
		switch {
		case !reached[id]:
			continue
		case n.kind == nConcat && n.a == 0:
			return true
		case n.kind == nConcat || n.kind == nReduce || n.kind == nHost || n.kind == nOut:
			continue
		}
		for _, a := range n.args() {
			reached[a] = true
		}
	}
	return false
}

// leafView is a leaf with another start, shape or order.
func (t *Trace) leafView(n node, k nodeKey, shape tensor.Shape) T {
	if n.list == nil {
		return t.add(k, shape, 0)
	}
	args := make([]T, len(n.list))
	for i, id := range n.list {
		args[i] = T{t, id}
	}
	return t.addList(node{nodeKey: k, shape: shape}, args)
}

// leafRef says which stored elements a leaf is.
func (t *Trace) leafRef(n *node) LeafRef {
	r := LeafRef{Number: int(n.imm), Start: n.start, N: n.shape.N(), Dims: t.dims(n)}
	if n.list != nil {
		r.Number = 0
		for _, id := range n.list {
			r.Parts = append(r.Parts, t.leafRef(&t.nodes[id]))
		}
	}
	return r
}
