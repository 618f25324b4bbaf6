// Package tensor is the vocabulary that every other package shares: element
// types, shapes, headers of state dicts, the two interfaces through which tensor
// bytes enter and leave the program, and the classes of error.
//
// Glossary:
//
//   - state dict: a set of named tensors; a checkpoint is a state dict in a file.
//   - key: the name of a tensor in a state dict.
//   - [DType]: element type. All 22 element types of safetensors are known.
//   - [Header]: keys, element types, shapes and byte positions, without the bytes.
//   - [Source] and [Sink]: where tensor bytes are read from and written to.
//
// The package does no arithmetic on elements and opens no file.
package tensor
