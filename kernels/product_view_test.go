package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// productMaker makes random expressions of products: as steps, or as sums of columns times rows,
// with the same leaves.
type productMaker struct {
	*rand.Rand
	tr     *Trace
	leaves testLeaves
	steps  bool
}

// leaf is a stored tensor, maybe guarded; now and then one of its values is infinite.
func (m *productMaker) leaf(shape ...int64) T {
	x := randoms(m.Uint64(), int(tensor.Shape(shape).N()))
	if m.IntN(25) == 0 {
		x[m.IntN(len(x))] = float32(math.Inf(1))
	}
	m.leaves = append(m.leaves, x)
	v := m.tr.Leaf(len(m.leaves)-1, tensor.F32, shape)
	if m.IntN(2) == 0 {
		v = v.Guard(len(m.leaves))
	}
	return v
}

func (m *productMaker) size() int64 { return 1 + m.Int64N([]int64{1, 3, 7}[m.IntN(3)]) }

func (m *productMaker) product(rows int64, rest ...int64) T {
	k := m.size()
	if m.IntN(10) == 0 {
		k = 250 + m.Int64N(20)
	}
	x, y := m.leaf(rows, k), m.leaf(k, tensor.Shape(rest).N())
	shape := append(tensor.Shape{rows}, rest...)
	if m.steps {
		return x.MatMul(y, shape)
	}
	columns := x.Transpose()
	return SumOfProducts(k, shape, func(r int64) (T, T) {
		return columns.Rows(r, 1).Reshape(ColumnOf(shape)), y.Rows(r, 1).Reshape(RowOf(shape))
	})
}

// matrix is a product in another shape, or the transpose of one.
func (m *productMaker) matrix() T {
	switch rows, cols := m.size(), m.size(); m.IntN(4) {
	case 0:
		return m.product(rows, cols).Transpose()
	case 1:
		return m.product(rows, cols).Reshape(tensor.Shape{rows, cols, 1})
	case 2:
		return m.product(rows, cols, 1).Reshape(tensor.Shape{rows, cols})
	default:
		return m.product(rows, cols)
	}
}

// tensor is a matrix after up to four more steps.
func (m *productMaker) tensor() T {
	x, joined := m.matrix(), false
	for range m.IntN(5) {
		switch s := x.Shape(); m.IntN(5) {
		case 0:
			x = x.Mul(x.Num(0.5))
		case 1:
			first := m.Int64N(s[0])
			x = x.Rows(first, 1+m.Int64N(s[0]-first))
		case 2:
			x, joined = m.tr.Concat(x, m.product(m.size(), s[1:]...)), true
		case 3:
			x = x.Add(m.leaf(s...))
		default:
			x = x.Add(m.product(s[0], s[1:]...))
		}
	}
	if !joined && m.IntN(3) == 0 {
		return x.Mul(x.Dot(x))
	}
	return x
}

// TestViewsOfProductsAreThoseOfTheirExpressions: transposed, in other shapes, cut and joined, with
// other tensors and under sums, they have the same bits and set the same guards.
func TestViewsOfProductsAreThoseOfTheirExpressions(t *testing.T) {
	for seed := range uint64(500) {
		var want []float32
		var wantGuards string
		for _, steps := range []bool{false, true} {
			m := &productMaker{Rand: rand.New(rand.NewPCG(seed, 9)), tr: NewTrace(F32), steps: steps}
			root := m.tensor()
			if err := m.tr.Err(); err != nil {
				t.Fatalf("expression %d, steps %v: %v", seed, steps, err)
			}
			got, ev := evalF32(t, root, m.leaves)
			set := map[int]bool{}
			for _, g := range ev.Guards {
				set[g] = true
			}
			guards := fmt.Sprint(set)
			if !steps {
				want, wantGuards = got, guards
				continue
			}
			if guards != wantGuards {
				t.Errorf("expression %d: guards %s, want %s", seed, guards, wantGuards)
			}
			for i, x := range got {
				if math.Float32bits(x) != math.Float32bits(want[i]) && (x == x || want[i] == want[i]) {
					t.Fatalf("expression %d: element %d is %v, want %v", seed, i, x, want[i])
				}
			}
		}
	}
}

// TestARoundingToTheTypeOfAFactorIsNone: products in half precision of factors that are stored so.
func TestARoundingToTheTypeOfAFactorIsNone(t *testing.T) {
	shape := tensor.Shape{2, 2}
	for _, c := range []struct {
		x    T
		want int
	}{
		{x: NewTrace(F32).Leaf(0, tensor.F16, shape).Guard(1).Round(tensor.F16), want: 1},
		{x: NewTrace(F32).Leaf(0, tensor.F32, shape).Round(tensor.F16), want: 0},
		{x: NewTrace(F32).Leaf(0, tensor.BF16, shape).Round(tensor.F16), want: 0},
	} {
		y := c.x.Trace().Leaf(1, tensor.F16, shape)
		for _, root := range []T{c.x.MatMul(y, shape), y.Round(tensor.F16).MatMul(c.x, shape)} {
			if products, _ := stepsOf(t, root); products != c.want {
				t.Errorf("a factor %+v: %d products, want %d", c.x.node().nodeKey, products, c.want)
			}
		}
	}
}
