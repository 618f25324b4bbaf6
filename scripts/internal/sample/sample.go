// Package sample writes checkpoints with random weights for the demo and the benchmarks.
//
// It writes safetensors files by itself, without package stream/safetensors, so that what
// the program reads was not written by the same code.
//
// Glossary:
//
//   - checkpoint: a safetensors file.
//   - block: random weights that are repeated, at changing offsets, to fill a tensor.
//
// Example:
//
//	err := sample.Write("a.safetensors", sample.Layers(8, 1<<20, "F16"), 1)
//
// It knows the element types F32, F16, BF16 and I64.
package sample

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
)

// Tensor is a tensor to be written. Floats are normal with standard deviation 0.02, as
// weights are; I64 counts from 0.
type Tensor struct {
	Key   string
	DType string
	Shape []int64
}

// elementBytes are the sizes of the element types.
var elementBytes = map[string]int64{"F32": 4, "F16": 2, "BF16": 2, "I64": 8}

// bytes returns the size of a tensor.
func (t Tensor) bytes() int64 {
	n := elementBytes[t.DType]
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Layers returns n tensors of about the given bytes each, in layers as a network has them,
// and position ids as I64.
func Layers(n int, bytes int64, dtype string) []Tensor {
	const columns = 1024
	rows := max(1, bytes/columns/elementBytes[dtype])
	list := []Tensor{{"embeddings.position_ids", "I64", []int64{1, 512}}}
	for i := range n {
		list = append(list, Tensor{fmt.Sprintf("encoder.layers.%d.weight", i), dtype, []int64{rows, columns}})
	}
	return append(list, Tensor{"norm.bias", dtype, []int64{columns}})
}

// Tiny returns n tensors of four elements: a state dict that is mostly header.
func Tiny(n int, dtype string) []Tensor {
	list := make([]Tensor, n)
	for i := range list {
		list[i] = Tensor{fmt.Sprintf("model.layers.%06d.self_attn.q_proj.weight", i), dtype, []int64{2, 2}}
	}
	return list
}

// headerEntry is a tensor in the header of a safetensors file.
type headerEntry struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Write writes a checkpoint. The same seed gives the same bytes.
func Write(path string, tensors []Tensor, seed uint64) error {
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	var end int64
	for _, t := range tensors {
		if elementBytes[t.DType] == 0 {
			return fmt.Errorf("sample: element type %s is not known", t.DType)
		}
		header[t.Key] = headerEntry{t.DType, t.Shape, [2]int64{end, end + t.bytes()}}
		end += t.bytes()
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	// Errors of a bufio.Writer stay with it until Flush.
	_ = binary.Write(w, binary.LittleEndian, uint64(len(text)))
	_, _ = w.Write(text)
	writeData(w, tensors, rand.New(rand.NewPCG(seed, 0)))
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// writeData writes the elements of all tensors.
func writeData(w *bufio.Writer, tensors []Tensor, rng *rand.Rand) {
	blocks := map[string][]byte{}
	for _, t := range tensors {
		if t.DType == "I64" {
			for i := range t.bytes() / 8 {
				_ = binary.Write(w, binary.LittleEndian, i)
			}
			continue
		}
		if blocks[t.DType] == nil {
			blocks[t.DType] = block(t.DType, rng)
		}
		writeRepeated(w, blocks[t.DType], t.bytes(), 8*rng.IntN(1<<10))
	}
}

// writeRepeated writes n bytes of a repeated block, starting at an offset into it.
func writeRepeated(w *bufio.Writer, block []byte, n int64, offset int) {
	for n > 0 {
		piece := block[offset:]
		piece = piece[:min(int64(len(piece)), n)]
		_, _ = w.Write(piece)
		n -= int64(len(piece))
		offset = 0
	}
}

// blockBytes is the length of a block.
const blockBytes = 1 << 20

// block makes random weights.
func block(dtype string, rng *rand.Rand) []byte {
	var b []byte
	for len(b) < blockBytes {
		x := float32(rng.NormFloat64() * 0.02)
		switch dtype {
		case "F32":
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		case "BF16":
			b = binary.LittleEndian.AppendUint16(b, uint16(math.Float32bits(x)>>16))
		case "F16":
			b = binary.LittleEndian.AppendUint16(b, half(x))
		}
	}
	return b
}

// half truncates x to float16. Weights that are too small for a normal number become 0.
func half(x float32) uint16 {
	u := math.Float32bits(x)
	sign, exp, frac := uint16(u>>16&0x8000), int(u>>23&0xff)-127+15, uint16(u>>13&0x3ff)
	if exp <= 0 {
		return sign
	}
	return sign | uint16(exp)<<10 | frac
}
