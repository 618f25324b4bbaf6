package kernels

import (
	"encoding/binary"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Conversions between stored elements and the compute types. Elements are stored
// little-endian, without alignment.
//
// Loading (Widen, Widen64) is exact where the compute type holds the value, and one
// rounding to nearest even elsewhere (F64, I32, U32, I64, U64 to F32; I64, U64 to F64).
// BOOL is 1 for every byte but 0. Which NaN a stored NaN becomes is not specified.
//
// Storing (Narrow, Narrow64) rounds once to nearest even and underflows gradually. What
// the type has no value for:
//
//	            too large  infinite   NaN
//	F64 F32     inf        inf        7ff8000000000000, 7fc00000
//	F16 BF16    inf        inf        7e00, 7fc0
//	F8_E5M2     inf        inf        7f
//	F8_E4M3     NaN        NaN        7f
//	*FNUZ       NaN        NaN        80; there is one zero, +0
//	F8_E8M0     NaN        NaN        ff; negative: NaN; below 1.5*2^-127, 0 and -0: 2^-127
//	integers    nearest    nearest    0; fractions are cut off
//	BOOL        1          1          1; everything else that is not 0 is 1
//
// F8_E8M0 holds powers of two; halfway between two of them rounds up. Codes are those of
// IEEE 754, of "FP8 Formats for Deep Learning" (arXiv 2209.05433), of "8-bit Numerical
// Formats for Deep Neural Networks" (arXiv 2206.02915; FNUZ) and of the OCP
// Microscaling Formats specification 1.0 (E8M0).
type conversion struct {
	widen32  func(dst []float32, src []byte)
	widen64  func(dst []float64, src []byte)
	narrow32 func(dst []byte, src []float32)
	narrow64 func(dst []byte, src []float64)
	exps     uint64             // floats of 16 bits and more: 8 bytes of infinities
	classes  func() *[256]uint8 // 8-bit floats: the class of each code
}

// conversions is the one table of element conversions.
var conversions = [tensor.U64 + 1]conversion{
	tensor.BOOL:        {widenBool[float32], widenBool[float64], narrowBool[float32], narrowBool[float64], 0, nil},
	tensor.U8:          {widenInt[float32, uint8], widenInt[float64, uint8], narrowInt[float32, uint8], narrowInt[float64, uint8], 0, nil},
	tensor.I8:          {widenInt[float32, int8], widenInt[float64, int8], narrowInt[float32, int8], narrowInt[float64, int8], 0, nil},
	tensor.I16:         {widenInt[float32, int16], widenInt[float64, int16], narrowInt[float32, int16], narrowInt[float64, int16], 0, nil},
	tensor.U16:         {widenInt[float32, uint16], widenInt[float64, uint16], narrowInt[float32, uint16], narrowInt[float64, uint16], 0, nil},
	tensor.I32:         {widenInt[float32, int32], widenInt[float64, int32], narrowInt[float32, int32], narrowInt[float64, int32], 0, nil},
	tensor.U32:         {widenInt[float32, uint32], widenInt[float64, uint32], narrowInt[float32, uint32], narrowInt[float64, uint32], 0, nil},
	tensor.I64:         {widenInt[float32, int64], widenInt[float64, int64], narrowInt[float32, int64], narrowInt[float64, int64], 0, nil},
	tensor.U64:         {widenInt[float32, uint64], widenInt[float64, uint64], narrowInt[float32, uint64], narrowInt[float64, uint64], 0, nil},
	tensor.F16:         {widenF16[float32], widenF16[float64], narrowF16[float32], narrowF16[float64], infF16 * halfOnes, nil},
	tensor.BF16:        {widenBF16[float32], widenBF16[float64], narrowBF16[float32], narrowBF16[float64], infBF16 * halfOnes, nil},
	tensor.F32:         {widenF32[float32], widenF32[float64], narrowF32[float32], narrowF32[float64], infF32 * wordOnes, nil},
	tensor.F64:         {widenF64[float32], widenF64[float64], narrowF64[float32], narrowF64[float64], infF64, nil},
	tensor.F8_E4M3:     smallFloat(&e4m3),
	tensor.F8_E5M2:     smallFloat(&e5m2),
	tensor.F8_E4M3FNUZ: smallFloat(&e4m3fnuz),
	tensor.F8_E5M2FNUZ: smallFloat(&e5m2fnuz),
	tensor.F8_E8M0:     smallFloat(&e8m0),
}

// le is the byte order of stored elements.
var le = binary.LittleEndian

func conv(d tensor.DType) *conversion {
	if !d.Valid() || !d.Computable() {
		panic("kernels: conversion of an element type that is not computable")
	}
	return &conversions[d]
}

// Widen converts len(dst) elements of type d to float32; src holds at least as many.
func Widen(dst []float32, src []byte, d tensor.DType) { conv(d).widen32(dst, src) }

// Widen64 converts len(dst) elements of type d to float64; src holds at least as many.
func Widen64(dst []float64, src []byte, d tensor.DType) { conv(d).widen64(dst, src) }

// Narrow stores all of src as elements of type d; dst has room for as many.
func Narrow(dst []byte, src []float32, d tensor.DType) { conv(d).narrow32(dst, src) }

// Narrow64 stores all of src as elements of type d; dst has room for as many.
func Narrow64(dst []byte, src []float64, d tensor.DType) { conv(d).narrow64(dst, src) }

// NonFinite reports whether any of the elements in src, of type d, is NaN or infinite,
// judged by its stored bits.
func NonFinite(src []byte, d tensor.DType) bool {
	if c := conv(d); c.exps != 0 {
		return anyBad(src, c.exps)
	}
	return CountNonFinite(src, d) > 0
}

// CountNonFinite returns how many of the elements in src, of type d, are NaN or infinite.
func CountNonFinite(src []byte, d tensor.DType) int {
	switch c := conv(d); {
	case c.exps != 0:
		return countBad(src, c.exps)
	case c.classes != nil:
		return countBadSmall(src, c.classes())
	}
	return 0
}
