package run

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// numbered is a source with a tensor m of n elements that differ, and its position.
func numbered(t *testing.T, d tensor.DType, n int) (src tensor.Source, data []byte, pos int64) {
	t.Helper()
	for i := range n {
		b := binary.LittleEndian.AppendUint64(nil, uint64(1000+i))
		data = append(data, b[:d.Size()]...)
	}
	src, err := memory.NewSource("m", memory.Dict{
		"a": {DType: tensor.F32, Shape: tensor.Shape{2}, Data: make([]byte, 8)},
		"m": {DType: d, Shape: tensor.Shape{int64(n)}, Data: data},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	i, _ := src.Header().Lookup("m")
	return src, data, src.Header().At(i).Pos
}

// TestViewsAreReadInAnyRange compares every range with the definition.
func TestViewsAreReadInAnyRange(t *testing.T) {
	for _, dims := range [][]kernels.Dim{
		{{N: 3, Stride: 1}, {N: 5, Stride: 3}},                                            // a transpose
		{{N: 5, Stride: 3}},                                                               // a column
		{{N: 4, Stride: 0}, {N: 3, Stride: 1}},                                            // tiles
		{{N: 4, Stride: 2}, {N: 3, Stride: 0}},                                            // repeated elements
		{{N: 2, Stride: 7}, {N: 3, Stride: 0}, {N: 2, Stride: 3}, {N: 3, Stride: 1}},      // rows, repeated, of a block
		{{N: 2, Stride: 1}, {N: 1, Stride: 9}, {N: 3, Stride: 2}, {N: 1, Stride: 0}}, nil, // one element
	} {
		for _, d := range []tensor.DType{tensor.F8_E4M3, tensor.F16, tensor.F32, tensor.F64} {
			src, data, pos := numbered(t, d, 30)
			n := int64(1)
			for _, x := range dims {
				n *= x.N
			}
			const start = 2
			for first := range n {
				for count := int64(1); first+count <= n; count++ {
					g := &gathered{source: src, size: d.Size()}
					got, want := make([]byte, count*g.size), make([]byte, count*g.size)
					if err := g.readAt(got, pos+start*g.size, dims, first); err != nil {
						t.Fatal(err)
					}
					if kernels.Gather(want, data, g.size, start, dims, first); !bytes.Equal(got, want) {
						t.Fatalf("%v, %v: %d elements from %d: %v, want %v", d, dims, count, first, got, want)
					}
				}
			}
		}
	}
}

// TestLargeViewsAreReadInBoxes cuts views that do not fit the memory for a box, and counts what is
// read: neither all between two elements that are far apart, nor one element at a time.
func TestLargeViewsAreReadInBoxes(t *testing.T) {
	for _, c := range []struct {
		dims []kernels.Dim
		most int64 // bytes
	}{
		{[]kernels.Dim{{N: 7, Stride: 1}, {N: 100, Stride: 4000}}, 2 * 7 * 100},       // columns of long rows
		{[]kernels.Dim{{N: 40, Stride: 1}, {N: 10_000, Stride: 40}}, 3 * 2 * 400_000}, // all of a matrix, but for its corners
		{[]kernels.Dim{{N: 10_000, Stride: 40}}, 2 * 400_000},                         // one column of short rows
		{[]kernels.Dim{{N: 3, Stride: 100_000}, {N: 4, Stride: 0}, {N: 90_000, Stride: 1}}, 4 * 2 * 300_000},
	} {
		t.Run(fmt.Sprint(c.dims), func(t *testing.T) {
			src, data, pos := numbered(t, tensor.F16, 400_001)
			n := int64(1)
			for _, x := range c.dims {
				n *= x.N
			}
			g := &gathered{source: src, size: 2}
			got, want := make([]byte, 2*(n-2)), make([]byte, 2*(n-2))
			if err := g.readAt(got, pos, c.dims, 1); err != nil {
				t.Fatal(err)
			}
			if kernels.Gather(want, data, 2, 0, c.dims, 1); !bytes.Equal(got, want) {
				t.Error("other elements than those of the definition")
			}
			if g.read > c.most || cap(g.scratch) > gatherBytes {
				t.Errorf("%d bytes read, at most %d expected; %d bytes of memory", g.read, c.most, cap(g.scratch))
			}
		})
	}
}
