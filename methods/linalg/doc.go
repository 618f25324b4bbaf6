// Package linalg factors matrices on the host: the nearest matrix of a given rank, and the nearest
// Kronecker product.
//
// Glossary:
//
//   - [Matrix]: float32 numbers in C order; everything that is computed from them is float64.
//   - vectors: k vectors of length n that lie one after the other, k*n numbers.
//   - [LowRank]: a product up*down of two thin matrices in place of a matrix.
//   - [Blocks]: the sizes of a Kronecker product.
//   - scratch: memory that a function may use and that its caller provides.
//
// Example: the best approximation of rank 8.
//
//	f := linalg.LowRank{Rank: 8, Iters: 2}
//	scratch := make([]float64, f.Scratch(m.Rows, m.Cols))
//	err := f.Factor(ctx, m, up, down, scratch)
//
// Results are the same bits on every machine: every sum has one order, nothing fuses by itself,
// and no function of package math is used that is not exact. The package starts no goroutines and
// knows neither tensors nor files.
package linalg
