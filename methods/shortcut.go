package methods

import "math"

// shortcut is whole, except that an alpha of one element that is exactly 0 gives zero and
// one that is 1 up to a relative 1e-9 gives one (Python's isclose). An alpha known now
// decides it now, so that what is not needed is not read; one that is stored in a
// checkpoint is tested where it is used. zero or one that is not a tensor (T{}) means no
// shortcut there. The result has the shape of whole.
func shortcut(alpha, whole, zero, one T) T {
	if x, known := alpha.Number(); known {
		switch {
		case x == 0 && zero.Valid():
			return like(zero, whole)
		case math.Abs(x-1) <= 1e-9*max(math.Abs(x), 1) && !math.IsInf(x, 0) && one.Valid():
			return like(one, whole)
		}
		return whole
	}
	if alpha.Shape().N() != 1 {
		return whole
	}
	if one.Valid() {
		whole = where(isOne(alpha), one, whole)
	}
	if zero.Valid() {
		whole = where(alpha.Equal(alpha.Num(0)), zero, whole)
	}
	return whole
}

// isOne is the mask |x - 1| <= 1e-9 max(|x|, 1). Only x < 2 can fulfil it; the bound keeps
// infinities, which are close to nothing, out.
func isOne(x T) T {
	one := x.Num(1)
	return x.Sub(one).Abs().LessEq(x.Num(1e-9).Mul(x.Abs().Max(one).Min(x.Num(2))))
}

// like is x spread to the shape that it has together with y: a number in the place of a
// tensor stands for a tensor that is filled with it.
func like(x, y T) T {
	if n := len(y.Shape()); n == 0 || x.Shape().Equal(y.Shape()) {
		return x
	}
	zeros := y.Zeros()
	return where(zeros.Equal(zeros.Num(0)), x, zeros)
}
