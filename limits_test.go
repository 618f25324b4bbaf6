package mecha_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// TestRecipeTooLargeForTheMemoryIsRefused parses a text whose graph alone would take more
// memory than is allowed.
func TestRecipeTooLargeForTheMemoryIsRefused(t *testing.T) {
	text := []byte("version 0.1.0\n" + strings.Repeat("# a comment that fills the text\n", 10_000) + "model \"a\"")
	_, err := mecha.ParseRecipe(text, "big.mecha", mecha.Options{MaxRAM: 1 << 20})
	if tensor.ClassOf(err) != tensor.ClassFit || !strings.Contains(err.Error(), "at least") {
		t.Errorf("error %v", err)
	}
	if _, err := mecha.ParseRecipe(text, "big.mecha", mecha.Options{MaxRAM: 1 << 30}); err != nil {
		t.Error(err)
	}
}

// TestGraphsOfProgramsCountAgainstTheMemory merges by a program with a weight for each of 20,000
// keys, whose graph takes about 10 MiB, with less memory than that and with more.
func TestGraphsOfProgramsCountAgainstTheMemory(t *testing.T) {
	fsys := vfs.NewMem()
	write(t, fsys, "many.star", "def recipe():\n    return weighted_sum(a, b, alpha={\"k%d\" % i: i / 20000.0 for i in range(20000)})\n")
	dict := memory.Dict{}
	for i := range 20_000 {
		dict[fmt.Sprint("k", i)] = vector(1, 2)
	}
	o := mecha.Options{FS: fsys, Sources: sources(map[string]memory.Dict{"A": dict, "B": dict})}
	r, err := mecha.LoadScript(context.Background(), "many.star", mecha.ScriptOptions{Models: map[string]string{"a": "A", "b": "B"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		maxRAM int64
		class  tensor.Class
	}{{8 << 20, tensor.ClassFit}, {48 << 20, tensor.ClassOther}} {
		o.MaxRAM = c.maxRAM
		_, err := mecha.MergeInto(context.Background(), r, memory.NewSink("out", nil), o)
		if (err != nil) != (c.class != tensor.ClassOther) || err != nil && tensor.ClassOf(err) != c.class {
			t.Errorf("%d bytes: %v", c.maxRAM, err)
		}
	}
}

func TestMissingModelFolderIsAWarning(t *testing.T) {
	src, err := memory.NewSource("a", memory.Dict{"x": {DType: tensor.U8, Shape: tensor.Shape{2}, Data: []byte{1, 2}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := mecha.Options{ModelDirs: []string{"no/such/folder"}, Sources: map[string]tensor.Source{"a": src}}
	r, err := mecha.ParseRecipe([]byte("version 0.1.0\nmodel \"a\""), "r", o)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := mecha.MergeInto(context.Background(), r, memory.NewSink("out", nil), o)
	if err != nil || len(rep.Warnings) == 0 || !strings.Contains(rep.Warnings[0], "no/such/folder") {
		t.Errorf("%+v, %v", rep, err)
	}
}

func TestVetRefusesAnEmptyPath(t *testing.T) {
	r, err := mecha.ParseRecipe([]byte("version 0.1.0\nmodel \"\""), "r", mecha.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mecha.Vet(context.Background(), r, mecha.Options{}); tensor.ClassOf(err) != tensor.ClassRecipe {
		t.Errorf("error %v", err)
	}
}
