package methods

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// axis is an axis of a view: n elements so far apart. again repeats one n times.
func axis(n, stride int64) kernels.Dim { return kernels.Dim{N: n, Stride: stride} }
func again(n int64) kernels.Dim        { return kernels.Dim{N: n} }

// tucker is a LoRA with a factor between: up [rows, p], mid [p, q, kernel...] and down [q, columns],
// where ones may follow up and down.
//
//	delta[o, i, k] = scale * Σ_p up[o, p] * Σ_q down[q, i] * mid[p, q, k]
func (f *factors) tucker() (T, error) {
	up, mid, down := f.get(config.LoraUp), f.get(config.LoraMid), f.get(config.LoraDown)
	u, m, d := up.Shape(), mid.Shape(), down.Shape()
	if len(u) < 2 || len(d) < 2 || len(m) < 2 || u.N() != u[0]*u[1] || d.N() != d[0]*d[1] || u[1] != m[0] || d[0] != m[1] {
		return T{}, f.wrong(fmt.Sprintf("up %v, mid %v, down %v", u, m, d), "[rows, p], [p, q, kernel] and [q, columns]")
	}
	size := m[2:].N()
	shape, err := f.shape(terms(m[0], m[1]), u[0], append(tensor.Shape{d[1]}, m[2:]...))
	if err != nil {
		return T{}, err
	}
	row := kernels.RowOf(shape)
	sum := kernels.SumOfProducts(m[0], shape, func(p int64) (T, T) {
		inner := kernels.SumOfProducts(m[1], row, func(q int64) (T, T) {
			return down.Strided(row, q*d[1], axis(d[1], 1), again(size)),
				mid.Strided(row, (p*m[1]+q)*size, again(d[1]), axis(size, 1))
		})
		return up.Strided(kernels.ColumnOf(shape), p, axis(u[0], u[1])), inner
	})
	return f.scaled(sum, d[0])
}

// terms is the number of products of a double sum; more than are allowed if that is the case.
func terms(n, m int64) int64 {
	if n > maxProducts || m > maxProducts {
		return maxProducts + 1
	}
	return n * m
}

// lokr is the Kronecker product of w1 [a, c] and w2 [b, d, kernel...], each of which may be a
// product itself.
//
//	delta[i*b+k, j*d+l, ...] = scale * w1[i, j] * w2[k, l, ...]
//
// A factor that is stored is spread over the difference as it is read. Of one that is a product,
// the factors are, along one axis each, so that the product is computed where it is needed.
func (f *factors) lokr() (T, error) {
	k, err := f.kronecker()
	if err != nil {
		return T{}, err
	}
	rank := k.rank1
	if rank == 0 {
		rank = k.rank2
	}
	return f.scaled(k.first().Mul(k.second()), rank)
}

// kronecker is the sizes of a LoKr and its factors.
type kronecker struct {
	*factors
	a, c         int64 // w1 is [a, c]
	b, d         int64 // w2 is [b, d], all columns of a row together
	kernel       int64 // of the columns of w2, the size of the kernel
	rank1, rank2 int64 // 0 if the factor is stored
	shape        tensor.Shape
}

// kronecker reads the sizes off the shapes.
func (f *factors) kronecker() (*kronecker, error) {
	k := &kronecker{factors: f}
	ok := true
	product := func(left, right string) (rows, columns, rank int64) {
		l, r := f.get(left).Shape(), f.get(right).Shape()
		if len(l) != 2 || len(r) < 2 || l[1] != r[0] || r[0] == 0 {
			ok = false
			return 0, 0, 1
		}
		return l[0], r[1:].N(), r[0]
	}
	matrix := func(suffix string) (rows, columns int64, rest tensor.Shape) {
		s := f.get(suffix).Shape()
		if len(s) < 2 {
			ok = false
			return 0, 0, nil
		}
		return s[0], s[1:].N(), s[2:]
	}
	var rest tensor.Shape // of the columns of w2
	if f.has(config.LokrW1) {
		k.a, k.c, _ = matrix(config.LokrW1)
	} else {
		k.a, k.c, k.rank1 = product(config.LokrW1A, config.LokrW1B)
	}
	switch {
	case f.form.Tucker:
		l, r, t := f.get(config.LokrW2A).Shape(), f.get(config.LokrW2B).Shape(), f.get(config.LokrT2).Shape()
		if len(l) != 2 || len(r) != 2 || len(t) < 2 || t[0] != l[0] || t[1] != r[0] {
			ok = false
			break
		}
		k.kernel, rest = t[2:].N(), t[2:]
		k.b, k.d, k.rank2 = l[1], r[1]*k.kernel, r[0]
	case f.has(config.LokrW2):
		k.b, k.d, rest = matrix(config.LokrW2)
	default:
		k.b, k.d, k.rank2 = product(config.LokrW2A, config.LokrW2B)
		if r := f.get(config.LokrW2B).Shape(); len(r) > 2 {
			rest = r[2:]
		}
	}
	if _, err := (tensor.Shape{k.a, k.b, k.c, k.d}).Numel(); !ok || err != nil {
		return nil, k.misfit()
	}
	products := k.rank1 + k.rank2
	if f.form.Tucker {
		products += terms(f.get(config.LokrW2A).Shape()[0], k.rank2)
	}
	var err error
	k.shape, err = f.shape(products, k.a*k.b, append(tensor.Shape{k.c * k.d / max(rest.N(), 1)}, rest...))
	return k, err
}

func (k *kronecker) misfit() error {
	got := ""
	for _, suffix := range k.form.Suffixes {
		got += fmt.Sprintf(" %s %v", suffix, k.get(suffix).Shape())
	}
	return k.wrong(got[1:], "matrices whose product exists")
}

func (f *factors) has(suffix string) bool {
	for _, s := range f.form.Suffixes {
		if s == suffix {
			return true
		}
	}
	return false
}

// first is w1[i, j] at every element.
func (k *kronecker) first() T {
	if k.rank1 == 0 {
		return k.get(config.LokrW1).Strided(k.shape, 0, axis(k.a, k.c), again(k.b), axis(k.c, 1), again(k.d))
	}
	left := k.get(config.LokrW1A).Strided(tensor.Shape{k.a * k.b, k.rank1}, 0, axis(k.a, k.rank1), again(k.b), axis(k.rank1, 1))
	right := k.get(config.LokrW1B).Strided(tensor.Shape{k.rank1, k.c * k.d}, 0, axis(k.rank1, k.c), axis(k.c, 1), again(k.d))
	return left.MatMul(right, k.shape)
}

// second is w2[k, l, ...] at every element.
func (k *kronecker) second() T {
	switch {
	case k.form.Tucker:
		return k.tuckered()
	case k.rank2 == 0:
		return k.get(config.LokrW2).Strided(k.shape, 0, again(k.a), axis(k.b, k.d), again(k.c), axis(k.d, 1))
	}
	left := k.get(config.LokrW2A).Strided(tensor.Shape{k.a * k.b, k.rank2}, 0, again(k.a), axis(k.b, k.rank2), axis(k.rank2, 1))
	right := k.get(config.LokrW2B).Strided(tensor.Shape{k.rank2, k.c * k.d}, 0, axis(k.rank2, k.d), again(k.c), axis(k.d, 1))
	return left.MatMul(right, k.shape)
}

// tuckered is Σ_p w2_a[p, k] * Σ_q w2_b[q, l] * t2[p, q, ...].
func (k *kronecker) tuckered() T {
	left, right, mid := k.get(config.LokrW2A), k.get(config.LokrW2B), k.get(config.LokrT2)
	rows, columns := left.Shape()[0], k.d/k.kernel
	row := kernels.RowOf(k.shape)
	return kernels.SumOfProducts(rows, k.shape, func(p int64) (T, T) {
		inner := kernels.SumOfProducts(k.rank2, row, func(q int64) (T, T) {
			return right.Strided(row, q*columns, again(k.c), axis(columns, 1), again(k.kernel)),
				mid.Strided(row, (p*k.rank2+q)*k.kernel, again(k.c*columns), axis(k.kernel, 1))
		})
		return left.Strided(kernels.ColumnOf(k.shape), p*k.b, again(k.a), axis(k.b, 1)), inner
	})
}
