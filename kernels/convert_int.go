package kernels

import (
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

type integer interface {
	int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64
}

// sizeOf returns the size of an element of I in bytes.
func sizeOf[I integer]() int { return int(unsafe.Sizeof(I(0))) }

// limits returns the smallest and the largest value of I.
func limits[I integer]() (lo, hi I) {
	if ones := ^I(0); ones > 0 {
		return 0, ones
	}
	lo = I(1) << (8*sizeOf[I]() - 1)
	return lo, ^lo
}

func getInt[I integer](b []byte) I {
	switch sizeOf[I]() {
	case 1:
		return I(b[0])
	case 2:
		return I(le.Uint16(b))
	case 4:
		return I(le.Uint32(b))
	}
	return I(le.Uint64(b))
}

func putInt[I integer](b []byte, v I) {
	switch sizeOf[I]() {
	case 1:
		b[0] = byte(v)
	case 2:
		le.PutUint16(b, uint16(v))
	case 4:
		le.PutUint32(b, uint32(v))
	default:
		le.PutUint64(b, uint64(v))
	}
}

func widenInt[F float, I integer](dst []F, src []byte) {
	size := sizeOf[I]()
	src = src[:size*len(dst)]
	for i := range dst {
		dst[i] = F(getInt[I](src[size*i:]))
	}
}

// narrowInt cuts off fractions and saturates. Values are compared before they are
// converted, because Go leaves the conversion of values out of range open.
func narrowInt[F float, I integer](dst []byte, src []F) {
	size := sizeOf[I]()
	dst = dst[:size*len(src)]
	lo, hi := limits[I]()
	least, above := F(lo), F(hi/2+1)*2 // exact: 0 or a power of two each
	for i, x := range src {
		var v I
		switch {
		case x >= above:
			v = hi
		case x <= least:
			v = lo
		case x == x:
			v = I(x)
		}
		putInt(dst[size*i:], v)
	}
}

func widenBool[F float](dst []F, src []byte) {
	for i, c := range src[:len(dst)] {
		dst[i] = 0
		if c != 0 {
			dst[i] = 1
		}
	}
}

func narrowBool[F float](dst []byte, src []F) {
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] = 0
		if x != 0 { // NaN too
			dst[i] = 1
		}
	}
}

// ConvertInts converts integers (or BOOL) of type sd to type dd exactly, saturating at
// the limits of dd: the cast of integers that never passes through a float. To BOOL,
// everything but 0 is 1. src holds whole elements and dst has room for as many.
func ConvertInts(dst []byte, dd tensor.DType, src []byte, sd tensor.DType) {
	if !dd.IsInteger() || !sd.IsInteger() {
		panic("kernels: ConvertInts of a type that is not an integer")
	}
	ss, ds := int(sd.Size()), int(dd.Size())
	n := len(src) / ss
	dst = dst[:n*ds]
	for i := range n {
		neg, mag := loadInt(src[i*ss:], sd)
		storeInt(dst[i*ds:], dd, neg, mag)
	}
}

// loadInt returns an integer as its sign and magnitude.
func loadInt(b []byte, d tensor.DType) (neg bool, mag uint64) {
	var v int64
	switch d {
	case tensor.BOOL:
		return false, min(uint64(b[0]), 1)
	case tensor.U8:
		return false, uint64(b[0])
	case tensor.U16:
		return false, uint64(le.Uint16(b))
	case tensor.U32:
		return false, uint64(le.Uint32(b))
	case tensor.U64:
		return false, le.Uint64(b)
	case tensor.I8:
		v = int64(int8(b[0]))
	case tensor.I16:
		v = int64(int16(le.Uint16(b)))
	case tensor.I32:
		v = int64(int32(le.Uint32(b)))
	case tensor.I64:
		v = int64(le.Uint64(b))
	}
	if v < 0 {
		return true, -uint64(v)
	}
	return false, uint64(v)
}

func storeInt(b []byte, d tensor.DType, neg bool, mag uint64) {
	if d == tensor.BOOL {
		b[0] = byte(min(mag, 1))
		return
	}
	bits := d.Bits()
	limit := uint64(1)<<(bits-1) - 1 // magnitude of the largest value
	switch {
	case d.Kind() == tensor.KindUint && neg:
		mag, neg = 0, false
	case d.Kind() == tensor.KindUint:
		limit = limit<<1 | 1
	case neg:
		limit++
	}
	mag = min(mag, limit)
	if neg {
		mag = -mag
	}
	switch bits {
	case 8:
		b[0] = byte(mag)
	case 16:
		le.PutUint16(b, uint16(mag))
	case 32:
		le.PutUint32(b, uint32(mag))
	default:
		le.PutUint64(b, mag)
	}
}
