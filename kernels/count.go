package kernels

import (
	"math"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// verdict counts what became of stored elements.
type verdict struct {
	nonFinite uint64 // stored NaN or infinite
	overflow  uint64 // finite and stored NaN or infinite; integers: out of range or NaN
	underflow uint64 // not zero and stored zero; floats only
}

// note adds an element: the bits x of its value, whether it is stored as zero and whether
// as NaN or infinite (1 or 0 each). inf is infinity.
func note[W word](v *verdict, x, inf W, zero, bad uint64) {
	x &= ^W(0) >> 1 // no sign
	v.nonFinite += bad
	v.overflow += bad & bit(x < inf)
	v.underflow += zero & bit(x != 0)
}

// bit is 1 if b is true, else 0.
func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// bitsOf returns the bits of numbers, in place.
func bitsOf[F float, W word](x []F) []W {
	return unsafe.Slice((*W)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// countStored compares values with the elements of type d that they were stored as, one
// for one. It looks at values only where the stored element is zero, NaN or infinite.
func countStored[F float, W word](stored []byte, d tensor.DType, values []F) verdict {
	x := bitsOf[F, W](values)
	switch d {
	case tensor.F16:
		return countHalves(stored, infF16, x)
	case tensor.BF16:
		return countHalves(stored, infBF16, x)
	case tensor.F32:
		return countF32(stored, x)
	case tensor.F64:
		return countF64(stored, x)
	}
	if d.IsInteger() {
		return verdict{overflow: countOutside(values, d)}
	}
	return countSmall(stored, conv(d).classes(), x)
}

func countHalves[W word](stored []byte, inf uint16, x []W) (v verdict) {
	infX, _ := infBits[W]()
	exps := halfOnes * uint64(inf)
	lowest := lowestOf(exps)
	i := 0
	for ; i <= len(x)-4; i += 4 {
		w := le.Uint64(stored[2*i:]) &^ halfSigns
		bad, notZero := w&exps+lowest, w+halfSigns-halfOnes // in the sign bits
		if (bad|^notZero)&halfSigns == 0 {
			continue
		}
		for _, b := range (*[4]W)(x[i:]) {
			note(&v, b, infX, bit(uint16(w) == 0), bit(uint16(w) >= inf))
			w >>= 16
		}
	}
	x, stored = x[i:], stored[2*i:]
	for i, b := range x {
		h := le.Uint16(stored[2*i:]) & 0x7fff
		note(&v, b, infX, bit(h == 0), bit(h >= inf))
	}
	return v
}

// countF32 and countF64: magnitudes that are zero, infinite or NaN are those for which
// magnitude-1 is at least infinity-1, without sign.
func countF32[W word](stored []byte, x []W) (v verdict) {
	infX, _ := infBits[W]()
	stored = stored[:4*len(x)]
	for i, b := range x {
		if s := le.Uint32(stored[4*i:]) &^ (1 << 31); s-1 >= infF32-1 {
			note(&v, b, infX, bit(s == 0), bit(s >= infF32))
		}
	}
	return v
}

func countF64[W word](stored []byte, x []W) (v verdict) {
	infX, _ := infBits[W]()
	stored = stored[:8*len(x)]
	for i, b := range x {
		if s := le.Uint64(stored[8*i:]) &^ (1 << 63); s-1 >= infF64-1 {
			note(&v, b, infX, bit(s == 0), bit(s >= infF64))
		}
	}
	return v
}

func countSmall[W word](stored []byte, classes *[256]uint8, x []W) (v verdict) {
	infX, _ := infBits[W]()
	stored = stored[:len(x)]
	for i, b := range x {
		if c := classes[stored[i]]; c != 0 {
			note(&v, b, infX, uint64(c&isZero), uint64(c/isBad))
		}
	}
	return v
}

// countOutside counts the values that an integer type has no value for once their
// fraction is cut off, and NaNs. BOOL takes every value but NaN.
func countOutside[F float](x []F, d tensor.DType) (n uint64) {
	var least, above float64
	switch d.Kind() {
	case tensor.KindInt:
		above = math.Ldexp(1, d.Bits()-1)
		least = -above
	case tensor.KindUint:
		above = math.Ldexp(1, d.Bits())
	default: // BOOL
		return countNaN(x)
	}
	for _, f := range x {
		// Between least-1 and least fractions are cut off to least. Where float64 has no
		// number least-1, it has no fractions either.
		if v := float64(f); !((v > least-1 || v >= least) && v < above) {
			n++
		}
	}
	return n
}

func countNaN[F float](x []F) (n uint64) {
	for _, v := range x {
		n += bit(v != v)
	}
	return n
}
