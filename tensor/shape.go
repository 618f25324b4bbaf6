package tensor

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Shape holds the lengths of the axes of a tensor, outermost first (C order). An
// empty shape is a scalar (0-d, one element); a zero length makes an empty tensor.
type Shape []int64

// Numel returns the number of elements. It fails if a length is negative or the
// product does not fit in an int64.
func (s Shape) Numel() (int64, error) {
	n := uint64(1)
	zero := false
	for _, d := range s {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has the negative length %d", s, d)
		}
		zero = zero || d == 0
		hi, lo := bits.Mul64(n, uint64(d))
		if d != 0 {
			if hi != 0 || lo > math.MaxInt64 {
				return 0, fmt.Errorf("shape %v has more elements than an int64 holds", s)
			}
			n = lo
		}
	}
	if zero {
		return 0, nil
	}
	return int64(n), nil
}

// N is Numel for a shape that was validated before; it panics on an invalid one.
func (s Shape) N() int64 {
	n, err := s.Numel()
	if err != nil {
		panic("tensor: N of a shape that was not validated")
	}
	return n
}

// Bytes returns the number of bytes of a tensor of element type d, and fails on
// overflow or if the tensor does not end on a byte boundary (sub-byte types).
func (s Shape) Bytes(d DType) (int64, error) {
	n, err := s.Numel()
	if err != nil {
		return 0, err
	}
	hi, lo := bits.Mul64(uint64(n), uint64(d.Bits()))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, fmt.Errorf("shape %v of %v has more bits than an int64 holds", s, d)
	}
	if lo%8 != 0 {
		return 0, fmt.Errorf("shape %v of %v does not fill whole bytes (%d bits)", s, d, lo)
	}
	return int64(lo / 8), nil
}

// Equal reports whether both shapes have the same axes.
func (s Shape) Equal(o Shape) bool { return slices.Equal(s, o) }

// String returns the shape as "[2, 3]"; a scalar is "[]".
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatInt(d, 10))
	}
	b.WriteByte(']')
	return b.String()
}
