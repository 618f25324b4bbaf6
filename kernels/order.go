package kernels

import (
	"slices"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Dim is an axis of a view of a stored tensor: N elements that lie Stride elements apart; 0 means
// that one element is repeated. The elements of a view are numbered in C order of its axes.
type Dim struct{ N, Stride int64 }

// Strided is a view of a tensor: the elements start + i*dims[0].Stride + j*dims[1].Stride + ... of
// a, in C order, in a shape. Nothing is copied: where a is stored, other elements of it are read. It
// is for tensors that are stored, and for what is computed element by element from such tensors
// of one shape, and from numbers.
func (a T) Strided(shape tensor.Shape, start int64, dims ...Dim) T {
	n, last := int64(1), start
	for _, d := range dims {
		if d.N < 0 || d.Stride < 0 {
			a.t.fail("a view has a negative axis: %+v", dims)
			return a
		}
		n *= d.N
		last += max(d.N-1, 0) * d.Stride
	}
	if start < 0 || n > 0 && last >= a.Shape().N() || n != shape.N() {
		a.t.fail("a tensor of shape %v has no view %+v of shape %v from element %d", a.Shape(), dims, shape, start)
		return a
	}
	dims = slices.Clone(dims)
	v := &viewer{t: a.t, domain: a.Shape(), done: map[int32]T{},
		shape: func(s tensor.Shape) (tensor.Shape, int64, bool) { return shape, 0, s.Equal(a.Shape()) }}
	v.leafOf = func(id int32, n node, shape tensor.Shape) T {
		if n.order != 0 || n.list != nil {
			a.t.fail("there is no view of a view of this kind yet")
			return T{a.t, id}
		}
		k := n.nodeKey
		k.start += start
		k.order = a.t.orderOf(dims)
		return a.t.add(k, shape, 0)
	}
	return v.node(a.id)
}

// orderOf returns the number of an order of elements: 0 if they follow one another.
func (t *Trace) orderOf(dims []Dim) int64 {
	dims = simple(dims)
	if len(dims) == 0 || len(dims) == 1 && dims[0].Stride == 1 {
		return 0
	}
	for i, have := range t.orders {
		if slices.Equal(have, dims) {
			return int64(i) + 1
		}
	}
	t.orders = append(t.orders, dims)
	return int64(len(t.orders))
}

// dims returns the axes of a leaf.
func (t *Trace) dims(n *node) []Dim {
	if n.order == 0 {
		return nil
	}
	return t.orders[n.order-1]
}

// simple leaves out axes with one element, and joins axes that go on where the next one ends.
func simple(dims []Dim) []Dim {
	var s []Dim
	for _, d := range dims {
		switch last := len(s) - 1; {
		case d.N == 1:
		case last >= 0 && s[last].Stride == d.N*d.Stride:
			s[last] = Dim{s[last].N * d.N, d.Stride}
		default:
			s = append(s, d)
		}
	}
	return s
}

// part returns the axes of elements first to first+n of a view, and where they start; ok is false
// if those are no view.
func part(dims []Dim, first, n int64) (start int64, sub []Dim, ok bool) {
	for len(dims) > 0 && n > 0 {
		inner := int64(1)
		for _, d := range dims[1:] {
			inner *= d.N
		}
		i, d := first/inner, dims[0]
		switch {
		case first%inner == 0 && n%inner == 0:
			sub = append([]Dim{{n / inner, d.Stride}}, dims[1:]...)
			return start + i*d.Stride, sub, true
		case i != (first+n-1)/inner:
			return 0, nil, false
		}
		start += i * d.Stride
		first -= i * inner
		dims = dims[1:]
	}
	return start, nil, true
}

// turned returns the axes of the transpose of a view with rows rows; ok is false if no row starts
// where an axis, or a part of one, does.
func turned(dims []Dim, rows int64) (t []Dim, ok bool) {
	n := int64(1)
	for i, d := range dims {
		if n == rows {
			return append(slices.Clone(dims[i:]), dims[:i]...), true
		}
		if k := rows / n; rows < n*d.N && rows%n == 0 && d.N%k == 0 { // the axis goes over rows and columns
			rest := d.N / k
			t = append([]Dim{{rest, d.Stride}}, dims[i+1:]...)
			return append(append(t, dims[:i]...), Dim{k, rest * d.Stride}), true
		}
		n *= d.N
	}
	return nil, false
}

// Gather copies elements of a view: those from number first on, as many as dst holds.
//
//	for i := range n { dst[i] = src[start + index(first+i)·strides] }
func Gather(dst, src []byte, size, start int64, dims []Dim, first int64) {
	for i := int64(0); i < int64(len(dst)); i += size {
		at, rest := start, first+i/size
		for k := len(dims) - 1; k >= 0; k-- {
			at += rest % dims[k].N * dims[k].Stride
			rest /= dims[k].N
		}
		copy(dst[i:i+size], src[at*size:])
	}
}
