package run

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// TestTransposesAreReadInAnyRange compares every range with the definition.
func TestTransposesAreReadInAnyRange(t *testing.T) {
	const rows, cols = 5, 3
	data := make([]byte, 2*rows*cols)
	for i := range rows * cols {
		binary.LittleEndian.PutUint16(data[2*i:], uint16(1000+i))
	}
	src, err := memory.NewSource("m", memory.Dict{
		"a": {DType: tensor.F32, Shape: tensor.Shape{2}, Data: make([]byte, 8)},
		"m": {DType: tensor.F16, Shape: tensor.Shape{rows, cols}, Data: data},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	i, _ := src.Header().Lookup("m")
	tr := &transposed{source: src, entry: i, cols: cols}
	for first := range rows * cols {
		for n := 1; first+n <= rows*cols; n++ {
			got, want := make([]byte, 2*n), make([]byte, 2*n)
			if err := tr.readAt(got, src.Header().At(i).Pos+2*int64(first)); err != nil {
				t.Fatal(err)
			}
			if kernels.Transpose(want, data, 2, cols, int64(first)); !bytes.Equal(got, want) {
				t.Errorf("%d elements from %d: %v, want %v", n, first, got, want)
			}
		}
	}
}
