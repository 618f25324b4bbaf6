// Package kernels says what every operation means.
//
// A merge method's formula is a Go function over lazy tensors ([T]). Tracing it
// yields an expression; [Lower] cuts the expression into phases, and each phase into
// Programs. A [Program] is a short straight-line computation over the elements of a
// tile. The portable Go execution of a Program ([Run]) is its definition: every device
// has to produce the same bits.
//
// Glossary:
//
//   - T: a lazy tensor, one node of a traced expression.
//   - [Program]: loads, arithmetic in one compute type, and results.
//   - operand: an input of a Program: an element type and a form (dense, one value per
//     row, one per column, scalar).
//   - result: an output of a Program: stored elements, flags, sums, counts, a maximum,
//     a histogram.
//   - [Launch]: a Program with the memory and the constants for one range of elements.
//   - [Product]: elements of a product of matrices, computed beside Programs.
//
// The package reads no files and knows no device.
package kernels
