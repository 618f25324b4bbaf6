// Command mksample writes a small checkpoint with random weights.
//
// Usage: go run ./scripts/mksample -out a.safetensors -seed 1 -dtype F16 -tensors 8 -bytes 4194304
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/mecha-gpu/mecha-gpu/scripts/internal/sample"
)

func main() {
	out := flag.String("out", "", "file to write")
	seed := flag.Uint64("seed", 1, "seed of the weights")
	dtype := flag.String("dtype", "F16", "element type: F32, F16 or BF16")
	tensors := flag.Int("tensors", 8, "number of large tensors")
	bytes := flag.Int64("bytes", 4<<20, "bytes of each large tensor")
	flag.Parse()
	if err := sample.Write(*out, sample.Layers(*tensors, *bytes, *dtype), *seed); err != nil {
		fmt.Fprintln(os.Stderr, "mksample:", err)
		os.Exit(1)
	}
}
