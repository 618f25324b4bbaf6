// Package mecha merges state dicts of AI models by recipe: checkpoints in safetensors
// files, folders of shards, or tensors in memory.
//
// A recipe is a graph of merge methods over models and values. It is checked and planned
// before any data moves; then every output tensor is computed piece by piece from the input
// tensors it needs, within the memory that [Options.MaxRAM] allows, and the output
// appears complete or not at all.
//
// Three steps, each of which may be the last:
//
//   - [Vet] checks a recipe without opening a file.
//   - [PlanMerge] reads the headers of the inputs and says what a merge would do.
//   - [Merge] does it.
//
// [MergeAll] and [PlanAll] do so for several recipes at once: what they have in common is read
// and computed once.
//
// The package holds no global state, reads no environment variable, opens no network
// connection, and prints nothing.
package mecha
