// Package safetensors turns checkpoint files into validated headers and bytes, and
// headers and bytes into checkpoint files.
//
// Glossary:
//
//   - header: the JSON at the start of a file; its length N comes first, as 8 bytes,
//     little-endian.
//   - data section: what follows the header. Positions count from its start.
//   - shard: one file of a model that is kept in several. Their data sections are
//     taken as one, shard after shard in the order of their names.
//   - index: the JSON file (weight_map) that says which key is in which shard.
//   - temp file: an output that is not finished. It lies beside its target and
//     becomes the target by being renamed.
//
// Example: copy a model, whatever it is stored in, to one file.
//
//	src, err := safetensors.Open(ctx, vfs.OS{}, "folder-or-file")
//	defer src.Close()
//	dst := safetensors.Create(vfs.OS{}, "out.safetensors", safetensors.Options{})
//	defer dst.Abort()
//	err = dst.Begin(ctx, tensor.Layout{Header: src.Header()})
//	// for every range: src.ReadAt(buf, pos), dst.WriteAt(buf, pos)
//	err = dst.Commit(ctx, nil)
//
// The rules for valid files are those of the Rust core of safetensors 0.8
// (safetensors/src/tensor.rs). Refused beyond them are duplicate keys, tensors
// described by a JSON array, more than 255 axes, and shapes whose lengths overflow
// beside a zero. An element type that is not known is no error until its tensor is
// needed: tensor.Header.DTypeName has its name.
//
// The package does not interpret elements, does not map files into memory, and does
// not read pickles; it recognises them and says what to do.
package safetensors
