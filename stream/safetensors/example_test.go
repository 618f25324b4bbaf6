package safetensors_test

import (
	"context"
	"fmt"
	"log"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Write a file with one tensor, and read it back.
func Example() {
	ctx := context.Background()
	fsys := vfs.NewMem() // or vfs.OS{}
	h := tensor.NewHeader(1)
	if err := h.Add("bias", tensor.U8, tensor.Shape{3}, 0); err != nil {
		log.Fatal(err)
	}
	dst := safetensors.Create(fsys, "/model.safetensors", safetensors.Options{})
	defer dst.Abort() // does nothing after Commit
	if err := dst.Begin(ctx, tensor.Layout{Header: h}); err != nil {
		log.Fatal(err)
	}
	if err := dst.WriteAt([]byte{1, 2, 3}, 0); err != nil {
		log.Fatal(err)
	}
	if err := dst.Commit(ctx, nil); err != nil {
		log.Fatal(err)
	}

	src, err := safetensors.Open(ctx, fsys, "/model.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	e := src.Header().At(0)
	data := make([]byte, e.Size)
	if err := src.ReadAt(data, e.Pos); err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Key, e.DType, e.Shape, data)
	// Output: bias U8 [3] [1 2 3]
}

// A file that is something else is refused with what it is and what to do.
func ExampleOpen_wrongFile() {
	fsys := vfs.NewMem()
	f, _ := fsys.Create("/model.safetensors", 0o666)
	f.WriteAt([]byte("version https://git-lfs.github.com/spec/v1\n"), 0)
	_, err := safetensors.Open(context.Background(), fsys, "/model.safetensors")
	fmt.Println(err)
	fmt.Println(tensor.ClassOf(err))
	// Output:
	// /model.safetensors: not a safetensors file: found a git-lfs pointer instead of the model (run `git lfs pull`, or download the file itself)
	// input
}
