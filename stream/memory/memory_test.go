package memory_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func example() memory.Dict {
	return memory.Dict{
		"w":     {DType: tensor.U16, Shape: tensor.Shape{2, 1}, Data: []byte{1, 2, 3, 4}},
		"b":     {DType: tensor.U8, Shape: tensor.Shape{3}, Data: []byte{5, 6, 7}},
		"empty": {DType: tensor.F32, Shape: tensor.Shape{0, 4}},
		"s":     {DType: tensor.U8, Shape: tensor.Shape{}, Data: []byte{8}},
	}
}

func TestSourceHasTheBytesInTheOrderOfFiles(t *testing.T) {
	src, err := memory.NewSource("m", example(), map[string]string{"k": "v"})
	check(t, err)
	var order []string
	for i := range src.Header().Len() {
		order = append(order, src.Header().At(i).Key)
	}
	if got := strings.Join(order, " "); got != "empty w b s" {
		t.Errorf("order %q", got)
	}
	got := make([]byte, 8)
	check(t, src.ReadAt(got, 0))
	if want := []byte{1, 2, 3, 4, 5, 6, 7, 8}; !bytes.Equal(got, want) {
		t.Errorf("bytes %v, want %v", got, want)
	}
	for pos := range int64(9) {
		if src.ReadAt(make([]byte, 9-pos), pos) == nil {
			t.Errorf("a read from %d beyond the end did not fail", pos)
		}
	}
}

func TestViewsAreTheBytesOfOneTensor(t *testing.T) {
	d := example()
	src, err := memory.NewSource("m", d, nil)
	check(t, err)
	all := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	ends := []int64{0, 4, 4, 4, 4, 7, 7, 7, 8} // end of the tensor before position i
	for pos := range int64(9) {
		for n := int64(0); pos+n <= 9; n++ {
			v := src.View(pos, n)
			inside := n > 0 && pos < 8 && pos+n <= ends[pos+1]
			if inside != (v != nil) || inside && !bytes.Equal(v, all[pos:pos+n]) {
				t.Errorf("View(%d, %d) is %v", pos, n, v)
			}
		}
	}
	if v := src.View(4, 3); &v[0] != &d["b"].Data[0] {
		t.Error("the view is a copy")
	}
}

func TestSourceRefusesWrongTensors(t *testing.T) {
	for name, bad := range map[string]memory.Tensor{
		"short":    {DType: tensor.F32, Shape: tensor.Shape{2}, Data: make([]byte, 7)},
		"long":     {DType: tensor.F32, Shape: tensor.Shape{2}, Data: make([]byte, 9)},
		"dtype":    {DType: 0, Shape: tensor.Shape{2}},
		"dtype200": {DType: 200, Shape: tensor.Shape{2}},
		"negative": {DType: tensor.F32, Shape: tensor.Shape{-1}},
		"sub-byte": {DType: tensor.F4, Shape: tensor.Shape{3}, Data: make([]byte, 2)},
	} {
		_, err := memory.NewSource("m", memory.Dict{name: bad}, nil)
		if tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// fill copies src to a new sink, by views for odd entries and by writes for even ones.
func fill(t *testing.T, src *memory.Source, buf []byte) *memory.Sink {
	t.Helper()
	dst := memory.NewSink("out", buf)
	check(t, dst.Begin(t.Context(), tensor.Layout{Header: src.Header()}))
	for i := range src.Header().Len() {
		e := src.Header().At(i)
		p := make([]byte, e.Size)
		check(t, src.ReadAt(p, e.Pos))
		if i%2 == 1 {
			copy(dst.View(e.Pos, e.Size), p)
		} else {
			check(t, dst.WriteAt(p, e.Pos))
		}
	}
	return dst
}

func TestSinkGivesBackWhatWasWritten(t *testing.T) {
	d := example()
	src, err := memory.NewSource("m", d, map[string]string{"k": "v"})
	check(t, err)
	buf := make([]byte, 0, 64)
	dst := fill(t, src, buf)
	if dst.Dict() != nil {
		t.Error("the tensors are visible before Commit")
	}
	check(t, dst.Commit(t.Context(), nil))
	check(t, dst.Abort())
	if fmt.Sprint(dst.Dict()["w"]) != fmt.Sprint(d["w"]) || fmt.Sprint(dst.Dict()["b"]) != fmt.Sprint(d["b"]) || len(dst.Dict()) != len(d) {
		t.Errorf("tensors %v, want %v", dst.Dict(), d)
	}
	if &dst.Dict()["w"].Data[0] != &buf[:1][0] {
		t.Error("the given memory was not used")
	}
	if dst.Metadata()["k"] != "v" {
		t.Errorf("metadata %v", dst.Metadata())
	}
	if dst.WriteAt([]byte{1}, 0) == nil || dst.View(0, 1) != nil || dst.Commit(t.Context(), nil) == nil {
		t.Error("the sink can be used after Commit")
	}
}

func TestSinkDropsEntries(t *testing.T) {
	src, err := memory.NewSource("m", example(), nil)
	check(t, err)
	dst := fill(t, src, nil)
	if dst.Commit(t.Context(), []int{2, 1}) == nil || dst.Commit(t.Context(), []int{9}) == nil {
		t.Error("wrong indices were accepted")
	}
	check(t, dst.Commit(t.Context(), []int{1, 3}))
	if d := dst.Dict(); len(d) != 2 || d["b"].Data == nil || len(d["empty"].Data) != 0 {
		t.Errorf("tensors %v", d)
	}
}

func TestSinkFailsWhereBytesAreMissing(t *testing.T) {
	src, err := memory.NewSource("m", example(), nil)
	check(t, err)
	dst := memory.NewSink("out", nil)
	check(t, dst.Begin(context.Background(), tensor.Layout{Header: src.Header()}))
	check(t, dst.WriteAt(make([]byte, 6), 0))
	check(t, dst.WriteAt(make([]byte, 1), 7))
	if err := dst.Commit(t.Context(), nil); err == nil || !strings.Contains(err.Error(), `key "b": the bytes from 6 to 7`) {
		t.Errorf("error %v", err)
	}
	check(t, dst.Commit(t.Context(), []int{2})) // without the tensor that is missing
	if _, found := dst.Dict()["b"]; found {
		t.Error("the dropped tensor is there")
	}
}

func TestAbortedSinkHasNothing(t *testing.T) {
	src, err := memory.NewSource("m", example(), nil)
	check(t, err)
	dst := fill(t, src, nil)
	check(t, dst.Abort())
	check(t, dst.Abort())
	if dst.Commit(t.Context(), nil) == nil || dst.Dict() != nil || dst.Begin(t.Context(), tensor.Layout{Header: src.Header()}) == nil {
		t.Error("the sink can be used after Abort")
	}
}
