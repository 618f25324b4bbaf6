// Package gorgonia carries state dicts to and from gorgonia.org/tensor: the variables of a
// Go training program become a source of a merge, and a sink gives them back.
//
// Glossary:
//
//   - [State]: a state dict as *tensor.Dense by key, with how each is stored.
//   - Carrier: the Go type of a Dense's elements.
//   - Small float: F16, BF16 and the 8-bit floats, which no carrier has.
//   - Bits: a small float kept as uint16 or uint8, bit for bit.
//
// Example:
//
//	src, err := gorgonia.NewSource("mine", gorgonia.State{Tensors: map[string]*gt.Dense{"w": w}})
//	dst := gorgonia.NewSink("merged", false)
//	_, err = mecha.MergeInto(ctx, recipe, dst, mecha.Options{Sources: map[string]tensor.Source{"mine": src}})
//	w = dst.State().Tensors["w"]
//
// The rule of element types: F32, F64, I8 to I64, U8 to U64, BOOL and C64 are float32, float64,
// int8 to int64, uint8 to uint64, bool and complex64 (int and uint are I64 and U64). Small
// floats become float32, which is exact, or, if that was asked for, their bits. State.Stored
// remembers what they were, and the way back follows it: a float is rounded to nearest even
// to a stored float type, unsigned integers of the stored size are bits. F4 and F6 have no
// carrier and are refused, as are complex128, strings, masks and memory that Go cannot read.
//
// A Dense that lies in C order is used in place, in both directions; slices, transposes and
// column-major tensors are copied into C order. The package is a container's edge: it computes
// nothing with gorgonia.org/tensor. It is for little-endian machines, like the files. The
// command does not link it.
package gorgonia
