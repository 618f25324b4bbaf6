package kernels

import "github.com/mecha-gpu/mecha-gpu/tensor"

// Matrix products. The product rule: an element is the sum of its products in order, by fma from
// +0 in blocks of ProductBlock, and the sums of the blocks add in order.

// ProductBlock is how many products are added to one another before the result is added to the
// others.
const ProductBlock = 256

// SumOfProducts is a sum by the product rule, as an expression:
//
//	for r := range n { sum += x(r) * y(r) }
//
// The factors spread over shape. Without products it is the zero T.
func SumOfProducts(n int64, shape tensor.Shape, factors func(r int64) (x, y T)) T {
	var sum, block T
	for r := range n {
		x, y := factors(r)
		if r%ProductBlock == 0 {
			block = x.Num(0).Spread(shape)
		}
		if block = x.FMA(y, block); r%ProductBlock < ProductBlock-1 && r < n-1 {
			continue
		}
		if sum.Valid() {
			block = sum.Add(block)
		}
		sum = block
	}
	return sum
}

// MatMul is the product of the matrices a [rows, n] and b [n, columns], in a shape with as many
// elements whose first axis is rows or has other whole rows of the product:
//
//	for i, j { for r := range n { c[i, j] += a[i, r] * b[r, j] } } // by the product rule
//
// If both are stored tensors, or roundings of such to their own element types, and the trace computes
// in F32, that is a step of a sweep (see [Product]). Else it is an expression of the columns of a and the rows of b, which has the same bits in F32. A
// product with n = 0 is the zero T.
func (a T) MatMul(b T, shape tensor.Shape) T {
	x, y := a.Shape(), b.Shape()
	if len(x) != 2 || len(y) != 2 || x[1] != y[0] || shape.N() != x[0]*y[1] {
		a.t.fail("no product of shapes %v and %v has shape %v", x, y, shape)
		return a
	}
	if left, right := a.unrounded(), b.unrounded(); x[1] > 0 && left.isFactor() && right.isFactor() {
		k := nodeKey{kind: nProduct, a: left.id, b: right.id}
		return a.t.add(k, shape, max(left.node().level, right.node().level))
	}
	columns, rows := a.Transpose(), b
	return SumOfProducts(x[1], shape, func(r int64) (T, T) {
		return columns.Rows(r, 1).Reshape(ColumnOf(shape)), rows.Rows(r, 1).Reshape(RowOf(shape))
	})
}

// isFactor reports whether a is a stored tensor as it is, or guarded once.
func (a T) isFactor() bool {
	n := &a.t.nodes[a.t.leafBelow(a.id)]
	return a.t.compute == F32 && n.kind == nLeaf && n.list == nil && n.dtype.Computable()
}

// unrounded returns a stored tensor without a rounding to the element type that it has, which does
// nothing; all other expressions as they are.
func (a T) unrounded() T {
	if n := a.node(); n.kind == nOp && n.op == OpRound && (T{a.t, n.a}).isFactor() && a.t.nodes[a.t.leafBelow(n.a)].dtype == n.dtype {
		return T{a.t, n.a}
	}
	return a
}

// leafBelow returns the node below a guard, or the node itself.
func (t *Trace) leafBelow(id int32) int32 {
	if n := &t.nodes[id]; n.kind == nGuard {
		return n.a
	}
	return id
}

// ColumnOf is the shape of one value for each row of a tensor.
func ColumnOf(shape tensor.Shape) tensor.Shape {
	s := make(tensor.Shape, len(shape))
	for i := range s {
		s[i] = 1
	}
	s[0] = shape[0]
	return s
}

// RowOf is the shape of one value for each column of a tensor.
func RowOf(shape tensor.Shape) tensor.Shape {
	return append(tensor.Shape{1}, shape[1:]...)
}

// productRows is the part of a product with the elements from first on that shape has, which are
// whole rows: a product of rows of its first factor.
func (t *Trace) productRows(n *node, shape tensor.Shape, first int64) T {
	x, y := T{t, n.a}, T{t, n.b}
	columns := y.Shape()[1]
	if count := shape.N(); columns > 0 && count < n.shape.N() {
		if first%columns != 0 || count%columns != 0 {
			t.fail("a product of shape %v cannot be cut at element %d", n.shape, first)
			return x
		}
		x = x.Rows(first/columns, count/columns)
	}
	return x.MatMul(y, shape)
}

// productTurned is the transpose of a product: the product of the transposes.
func (t *Trace) productTurned(n *node, shape tensor.Shape) T {
	x, y := T{t, n.a}, T{t, n.b}
	if len(n.shape) != 2 || n.shape[0] != x.Shape()[0] {
		t.fail("a product with shape %v cannot be transposed", n.shape)
		return x
	}
	return y.Transpose().MatMul(x.Transpose(), shape)
}
