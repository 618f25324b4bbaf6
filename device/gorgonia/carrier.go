package gorgonia

import (
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/tensor"
	gt "gorgonia.org/tensor"
)

// carrier is a type of elements that a Dense can have.
type carrier struct {
	dtype   tensor.DType // the stored type that it is
	of      gt.Dtype
	backing func(b []byte) any            // bytes as a slice, in place where they are aligned
	bytes   func(data any) ([]byte, bool) // what Dense.Data returns as bytes; false: another type
}

// carriers is the one table of carriers. For a stored type the first one is used.
var carriers = []carrier{
	carry[float32](tensor.F32, gt.Float32),
	carry[float64](tensor.F64, gt.Float64),
	carry[int8](tensor.I8, gt.Int8),
	carry[int16](tensor.I16, gt.Int16),
	carry[int32](tensor.I32, gt.Int32),
	carry[int64](tensor.I64, gt.Int64),
	carry[uint8](tensor.U8, gt.Uint8),
	carry[uint16](tensor.U16, gt.Uint16),
	carry[uint32](tensor.U32, gt.Uint32),
	carry[uint64](tensor.U64, gt.Uint64),
	carry[bool](tensor.BOOL, gt.Bool),
	carry[complex64](tensor.C64, gt.Complex64),
	carry[int](tensor.I64, gt.Int),
	carry[uint](tensor.U64, gt.Uint),
}

func carry[T any](d tensor.DType, of gt.Dtype) carrier {
	return carrier{d, of,
		func(b []byte) any { return typed[T](b) },
		func(data any) ([]byte, bool) {
			switch x := data.(type) {
			case []T:
				return raw(x), true
			case T: // a scalar
				return raw([]T{x}), true
			}
			return nil, false
		},
	}
}

// raw returns the bytes of x, in place.
func raw[T any](x []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(zero)))
}

// typed returns b as elements: in place if it is aligned, and otherwise a copy. A bool must
// be 0 or 1, which bytes of a file need not be, so bools are copied.
func typed[T any](b []byte) []T {
	var zero T
	p, n := unsafe.Pointer(unsafe.SliceData(b)), len(b)/int(unsafe.Sizeof(zero))
	if _, is := any(zero).(bool); !is && uintptr(p)%unsafe.Alignof(zero) == 0 {
		return unsafe.Slice((*T)(p), n)
	}
	x := make([]T, n)
	if bools, is := any(x).([]bool); is {
		for i := range bools {
			bools[i] = b[i] != 0
		}
		return x
	}
	copy(raw(x), b)
	return x
}

// carrierFor returns the carrier of a stored type.
func carrierFor(d tensor.DType) (carrier, bool) {
	for _, c := range carriers {
		if c.dtype == d {
			return c, true
		}
	}
	return carrier{}, false
}

// carrierOf returns the carrier of a Dense.
func carrierOf(t *gt.Dense) (carrier, bool) {
	for _, c := range carriers {
		if c.of == t.Dtype() && c.of.Size() == uintptr(c.dtype.Size()) {
			return c, true
		}
	}
	return carrier{}, false
}

// bitsOf returns the carrier of the bits of a small float.
func bitsOf(d tensor.DType) carrier {
	if d.Size() == 2 {
		c, _ := carrierFor(tensor.U16)
		return c
	}
	c, _ := carrierFor(tensor.U8)
	return c
}

// smallFloat reports whether d is a float that no carrier has.
func smallFloat(d tensor.DType) bool {
	_, has := carrierFor(d)
	return d.Valid() && d.Kind() == tensor.KindFloat && !has
}
