package mecha

import (
	"context"
	"maps"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Inspect reads the header of a checkpoint, a file or a folder of shards, and describes it.
func Inspect(ctx context.Context, path string, o Options) (*Inspection, error) {
	src, err := safetensors.Open(ctx, o.fs(), path)
	if err != nil {
		return nil, err
	}
	h := src.Header()
	in := &Inspection{Type: "inspect", Schema: 1, Path: path, Files: src.Files(), Keys: h.Len(),
		Metadata: maps.Clone(h.Metadata), Recipe: h.Metadata[RecipeKey]}
	counts := map[string]*DTypeCount{}
	for i := range h.Len() {
		e := h.At(i)
		name := dtypeName(h, i, e)
		in.Tensors = append(in.Tensors, TensorInfo{Key: e.Key, DType: name, Shape: e.Shape, Bytes: e.Size})
		in.Elements += e.Shape.N()
		in.Bytes += e.Size
		c := counts[name]
		if c == nil {
			c = &DTypeCount{DType: name}
			counts[name] = c
		}
		c.Keys++
		c.Bytes += e.Size
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		in.DTypes = append(in.DTypes, *counts[name])
	}
	return in, src.Close()
}

// dtypeName returns the name of an element type as the file has it, also if it is unknown.
func dtypeName(h *tensor.Header, i int, e tensor.Entry) string {
	if e.DType.Valid() {
		return e.DType.String()
	}
	return h.DTypeName(i)
}
