package kernels

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Product computes N consecutive elements, numbered from First in C order, of the product of the
// matrices X [rows, K] and Y [K, Cols], in float32 by the product rule (see [ProductBlock]):
//
//	for i, j { for r := range K { dst[i, j] += float32(x[i, r]) * float32(y[r, j]) } }
//
// The span of X holds the rows First/Cols through (First+N-1)/Cols, that of Y the whole matrix.
// Dst is dense float32, 4-byte aligned. Products may be cut anywhere without changing a bit, but
// which NaN an element is is not specified.
//
// The flag of a factor is set as that of an InFlag, if a stored value is NaN or infinite that one of
// the elements needs. Such an element is NaN or infinite itself, since what is not finite stays so.
type Product struct {
	First, N, Cols, K int64
	X, Y              Factor
	Dst               Span
}

// Factor is the memory of a factor: stored elements, and a uint32 for its flag, if that is asked for.
type Factor struct {
	Span  Span
	DType tensor.DType
	Flag  Span // without Mem: no flag
}

// Rows returns how many rows of X the product reads.
func (p *Product) Rows() int64 {
	if p.N == 0 {
		return 0
	}
	return (p.First+p.N-1)/p.Cols - p.First/p.Cols + 1
}

// Check reports whether the numbers make sense and the spans hold what they have to.
func (p *Product) Check() error {
	const most = math.MaxInt64 / 16
	switch {
	case p.N == 0:
		return nil
	case p.First < 0 || p.N < 0 || p.First > most || p.N > most || p.Cols < 1 || p.K < 1 || p.Cols > most/p.K || p.Rows() > most/p.K:
		return fmt.Errorf("kernels: %d elements from %d of a product of [rows, %d] and [%d, %d]", p.N, p.First, p.K, p.K, p.Cols)
	}
	elems := [2]int64{p.Rows() * p.K, p.K * p.Cols}
	for i, f := range [2]*Factor{&p.X, &p.Y} {
		if !f.DType.Valid() || !f.DType.Computable() {
			return fmt.Errorf("kernels: factor %d of a product is %v, which is not computable", i, f.DType)
		}
		if err := f.Span.check(elems[i] * f.DType.Size()); err != nil {
			return fmt.Errorf("kernels: factor %d of a product: %w", i, err)
		}
		if f.Flag.Mem != nil {
			if err := f.Flag.check(4); err != nil {
				return fmt.Errorf("kernels: the flag of factor %d of a product: %w", i, err)
			}
		}
	}
	if err := p.Dst.check(4 * p.N); err != nil {
		return fmt.Errorf("kernels: elements of a product: %w", err)
	}
	return nil
}

// Host returns the elements and the stored factors in host memory, or fails if Check does or if
// they are not there.
func (p *Product) Host() (dst []float32, x, y []byte, err error) {
	if err = p.Check(); err != nil || p.N == 0 {
		return nil, nil, nil, err
	}
	for _, s := range [4]Span{p.X.Span, p.Y.Span, p.X.Flag, p.Y.Flag} {
		if s.Mem != nil && int64(len(s.Mem.Host)) < s.Off+s.Len {
			return nil, nil, nil, fmt.Errorf("kernels: a product of what is not in host memory")
		}
	}
	dst, err = floats(p.Dst.Slice(0, 4*p.N), 4*p.N)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("kernels: elements of a product: %w", err)
	}
	return dst, p.X.Span.Bytes()[:p.Rows()*p.K*p.X.DType.Size()], p.Y.Span.Bytes()[:p.K*p.Cols*p.Y.DType.Size()], nil
}

// SetFlags sets the flags of a product one of whose elements is NaN or infinite, if the reason is a
// stored value. x and y are those of the factors.
func (p *Product) SetFlags(x, y []byte) {
	if NonFinite(x, p.X.DType) {
		p.X.raise()
	}
	size := p.Y.DType.Size()
	row := size * p.Cols
	lo, hi := p.First%p.Cols, p.First%p.Cols+p.N // columns, going on into the next row
	for ; len(y) > 0; y = y[row:] {
		if NonFinite(y[lo*size:min(hi*size, row)], p.Y.DType) || hi > p.Cols && NonFinite(y[:min(hi*size-row, row)], p.Y.DType) {
			p.Y.raise()
			return
		}
	}
}

func (f *Factor) raise() {
	if f.Flag.Mem != nil {
		b := f.Flag.Bytes()
		binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)|1)
	}
}

// RunProduct computes a product in portable Go, on host memory: the definition.
func RunProduct(p *Product) error {
	dst, x, y, err := p.Host()
	if err != nil || p.N == 0 {
		return err
	}
	var xs, ys, block [ProductBlock]float32
	first, finite := p.First%p.Cols, true
	for at := int64(0); at < p.N; {
		i, j := (first+at)/p.Cols, (first+at)%p.Cols
		d := dst[at:min(at+min(p.Cols-j, ProductBlock), p.N)]
		for k := int64(0); k < p.K; k += ProductBlock {
			xs, block := xs[:min(ProductBlock, p.K-k)], block[:len(d)]
			Widen(xs, x[(i*p.K+k)*p.X.DType.Size():], p.X.DType)
			clear(block)
			for r, v := range xs {
				Widen(ys[:len(d)], y[((k+int64(r))*p.Cols+j)*p.Y.DType.Size():], p.Y.DType)
				scaleAdd(block, v, ys[:len(d)])
			}
			for c, v := range block {
				if k > 0 {
					v = d[c] + v
				}
				d[c] = v
				finite = finite && v-v == 0
			}
		}
		at += int64(len(d))
	}
	if !finite {
		p.SetFlags(x, y)
	}
	return nil
}

// scaleAdd adds v*y to d by fma.
func scaleAdd(d []float32, v float32, y []float32) {
	var vs [ProductBlock]float32
	fill(vs[:len(d)], v)
	fmaAll(d, vs[:len(d)], y, d)
}
