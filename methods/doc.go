// Package methods is the catalogue of merge methods: one row and one formula each.
//
// Glossary:
//
//   - [Method]: identifier, parameters, return, documentation, and the formula.
//   - merge space: what a state dict's numbers mean. weight: a model; delta: a difference
//     of models; param: values that steer a method.
//   - [Symbol]: a set of admissible spaces that is one and the same space in all places
//     of a method that name it.
//   - [Call]: one application of a method to the tensors of one key.
//   - [Set]: the methods that a recipe may use.
//
// A formula combines lazy tensors (kernels.T) and reads as the mathematics does:
//
//	Formula: func(c *Call) (T, error) { return c.T("a").Sub(c.T("b")), nil }
//
// [Builtin] is the catalogue. It names every method that a recipe of sd-mecha 1.1.5 can name,
// so that such recipes parse; a row whose Status is Known has no formula yet. There is one
// file for each family of methods (linear.go, masks.go, ...), in which the formulas stand.
// A program adds methods of its own with [Fused] (a formula) or [Plain] (a Go function over
// float32 slices) and [Set.With].
//
// Arguments are given to parameters by [Bind] and checked by [Param.Check].
//
// A formula sees no file and no device. Which keys a method needs is said by its row, not
// by its formula.
package methods
