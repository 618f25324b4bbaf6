// Package simd runs Programs of package kernels with AVX2, FMA and F16C instructions and
// gives the same bits as kernels.Run. Sums of whole chunks use AVX-512 and counted stores
// of bfloat16 AVX512-BF16, where the processor has it.
//
// [Compile] turns a Program into code for a virtual machine whose operations are written
// in assembly: an accumulator of 64 float32 or 32 float64 lives in eight vector
// registers; an instruction is the address of its handler and two operands, and every
// handler ends with a jump to the next one. A handler works on the whole accumulator, so
// that the dispatch costs little, and operands are read in their stored form, so that
// nothing but sources and results touches memory outside the first-level cache.
//
// Products of matrices have kernels of their own: tiles of 6 by 16 elements, whose sums stay in
// registers.
//
// Glossary:
//
//   - step: the elements that one pass through the code computes.
//   - slot: 256 bytes of scratch that hold a value of a step.
//   - block: the elements between two visits to Go: conversions without a handler, sums
//     and counts, and the scheduler, which cannot interrupt assembly.
//   - kind: how an operand is stored: an immediate, the compute type, float16, bfloat16,
//     or the other of float32 and float64.
//   - witness: a counted store that shows whether operands may hold what is not finite.
//   - [Machine]: the scratch and the bound code of one goroutine.
//
// Example:
//
//	code, err := simd.Compile(program)
//	m := simd.NewMachine()
//	err = m.Run(code, launch)
//
// The package does not cut work into pieces, has no goroutines, and does not know other
// instruction sets: where [Available] is false, use kernels.Run.
package simd

//go:generate go run -C gen . -out ..

// ScratchBytes is the most scratch memory that a Machine keeps for Programs; with a usual one it
// is less than half of that. Products take up to 84 KiB, a few for sums of few products.
const ScratchBytes = 640 << 10
