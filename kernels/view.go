package kernels

import (
	"slices"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Views of tensors: the same elements in another shape, some rows of them, or the transpose. A
// view of an expression is the expression of views of what it is made of, down to the stored
// tensors, of which other elements are read. So views cost nothing, and copies stay copies.

// Rows is rows [first, first+n) of a: the part of it with these indices on the first axis.
func (a T) Rows(first, n int64) T {
	s := a.Shape()
	if len(s) == 0 || first < 0 || n < 0 || first > s[0]-n {
		a.t.fail("shape %v has no rows %d to %d", s, first, first+n)
		return a
	}
	if n == s[0] {
		return a
	}
	return a.view(false, func(shape tensor.Shape) (tensor.Shape, int64, bool) {
		if len(shape) < len(s) || shape[0] == 1 && s[0] != 1 {
			return shape, 0, true // the same for all rows
		}
		r := slices.Clone(shape)
		r[0] = n
		return r, first, true
	})
}

// Reshape is the elements of a, in their order, in another shape.
func (a T) Reshape(shape tensor.Shape) T {
	old := a.Shape()
	if n, err := shape.Numel(); err != nil || n != old.N() {
		a.t.fail("a tensor of shape %v cannot have shape %v", old, shape)
		return a
	}
	if shape.Equal(old) {
		return a
	}
	return a.view(false, func(s tensor.Shape) (tensor.Shape, int64, bool) {
		switch more := len(shape) - len(old); {
		case s.Equal(old):
			return shape, 0, true
		case more > 0 && shape[:len(old)].Equal(old): // ones were added at the end
			s = slices.Clone(s)
			for range more {
				s = append(s, 1)
			}
			return s, 0, true
		case more < 0 && old[:len(shape)].Equal(shape): // ones were taken from the end
			keep := len(s) + more
			return s[:max(keep, 0)], 0, keep >= 0
		}
		return s, 0, false
	})
}

// Transpose is the matrix a with its axes exchanged.
func (a T) Transpose() T {
	old := a.Shape()
	if len(old) != 2 {
		a.t.fail("a tensor of shape %v has no transpose", old)
		return a
	}
	return a.view(true, func(s tensor.Shape) (tensor.Shape, int64, bool) {
		if len(s) == 1 {
			s = tensor.Shape{1, s[0]}
		}
		return tensor.Shape{s[1], s[0]}, 0, true
	})
}

// viewer makes a view of an expression.
type viewer struct {
	t         *Trace
	domain    tensor.Shape
	transpose bool

	// shape gives the shape of the view of an operand of the given shape, and its first row; ok
	// is false if there is no such view.
	shape func(s tensor.Shape) (shape tensor.Shape, first int64, ok bool)

	// leafOf makes the view of a stored tensor; nil: the one that shape says.
	leafOf func(id int32, n node, shape tensor.Shape) T
	done   map[int32]T
}

func (a T) view(transpose bool, shape func(tensor.Shape) (tensor.Shape, int64, bool)) T {
	v := &viewer{t: a.t, domain: a.Shape(), transpose: transpose, shape: shape, done: map[int32]T{}}
	return v.node(a.id)
}

func (v *viewer) node(id int32) T {
	if x, ok := v.done[id]; ok {
		return x
	}
	x := v.make(id, v.t.nodes[id])
	v.done[id] = x
	return x
}

// make copies a node. Numbers stay what they are, unless the tensor itself has one element.
func (v *viewer) make(id int32, n node) T {
	if !n.shape.Equal(v.domain) && n.shape.N() == 1 {
		if len(n.shape) > 0 {
			return T{v.t, id}.Reshape(tensor.Shape{})
		}
		return T{v.t, id}
	}
	shape, first, ok := v.shape(n.shape)
	if !ok {
		v.t.fail("a tensor of shape %v cannot be spread over a view of shape %v", n.shape, v.domain)
		return T{v.t, id}
	}
	switch n.kind {
	case nLeaf:
		return v.leaf(id, n, shape, first)
	case nConst, nLit:
		return v.t.number(n.kind, n.value, shape)
	case nOp, nMacro, nGuard:
		return v.op(n, shape)
	case nChoose:
		args := []T{{v.t, n.list[0]}} // a number
		for _, a := range n.list[1:] {
			args = append(args, v.node(a))
		}
		return v.t.addList(node{nodeKey: n.nodeKey, shape: shape}, args)
	case nConcat:
		return v.join(n, shape, first)
	case nCall:
		return v.call(id, n, shape)
	case nProduct:
		switch {
		case v.leafOf != nil:
		case v.transpose:
			return v.t.productTurned(&n, shape)
		default:
			return v.t.productRows(&n, shape, first*rowOf(n.shape))
		}
	}
	v.t.fail("a view of this kind of tensor is not possible")
	return T{v.t, id}
}

// leaf is a view of a stored tensor. The transpose of a vector has the same order.
func (v *viewer) leaf(id int32, n node, shape tensor.Shape, first int64) T {
	if v.leafOf != nil {
		return v.leafOf(id, n, shape)
	}
	k := n.nodeKey
	dims := v.t.dims(&n)
	if len(n.shape) > 0 && n.shape[0] > 0 && shape.N() < n.shape.N() {
		first *= n.shape.N() / n.shape[0]
		if k.order == 0 {
			k.start += first
		} else if start, sub, ok := part(dims, first, shape.N()); ok {
			k.start, k.order = k.start+start, v.t.orderOf(sub)
		} else {
			v.t.fail("some rows of a view of this kind cannot be taken")
		}
	}
	if v.transpose && min(shape[0], shape[1]) > 1 {
		rows := shape[1]
		switch t, ok := turned(dims, rows); {
		case n.list != nil:
			v.t.fail("joined tensors cannot be transposed yet")
			return T{v.t, id}
		case k.order == 0:
			k.order = v.t.orderOf([]Dim{{shape[0], 1}, {rows, shape[0]}})
		case ok:
			k.order = v.t.orderOf(t)
		default:
			v.t.fail("a view of this kind cannot be transposed")
			return T{v.t, id}
		}
	}
	return v.t.leafView(n, k, shape)
}

// op copies an elementwise operation.
func (v *viewer) op(n node, shape tensor.Shape) T {
	k := n.nodeKey
	at := [3]*int32{&k.a, &k.b, &k.c}
	for i, a := range n.args() {
		*at[i] = v.node(a).id
	}
	if n.kind == nMacro && n.a == n.b {
		k.b = k.a
	}
	return v.t.add(k, shape, n.level)
}

// call copies a call of a Go function that may be given any range of elements.
func (v *viewer) call(id int32, n node, shape tensor.Shape) T {
	if n.goFn.Cut != CutAnywhere {
		v.t.fail("%s needs whole rows or tensors, of which there are no views yet", n.goFn.Name)
		return T{v.t, id}
	}
	var args []T
	for _, a := range n.list {
		args = append(args, v.node(a))
	}
	return v.t.addList(node{nodeKey: n.nodeKey, shape: shape, goFn: n.goFn}, args)
}

// join is a view of joined tensors: of some rows, or of all elements in another shape.
func (v *viewer) join(n node, shape tensor.Shape, first int64) T {
	if v.transpose {
		v.t.fail("joined tensors cannot be transposed yet")
		return T{v.t, n.list[0]}
	}
	var row int64 // elements
	if n.shape[0] > 0 {
		row = n.shape.N() / n.shape[0]
	}
	lo, hi := first*row, first*row+shape.N()
	var parts []T
	at := int64(0)
	for _, p := range n.list {
		part := T{v.t, p}
		from, size := at, part.Shape().N()
		at += size
		switch a, b := max(lo, from), min(hi, at); {
		case a >= b:
			continue
		case b-a < size:
			if s := part.Shape(); len(s) == 0 || s[0]*row != size {
				v.t.fail("some rows of a stack of shape %v cannot be taken", n.shape)
				return part
			}
			part = part.Rows((a-from)/row, (b-a)/row)
		}
		parts = append(parts, part)
	}
	switch len(parts) {
	case 0:
		return v.t.number(nLit, 0, shape)
	case 1:
		return parts[0].Reshape(shape)
	}
	return v.t.join(shape, parts)
}
