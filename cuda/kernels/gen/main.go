// Command gen writes layout.h, what the kernels agree on with the Go package, to the
// working folder.
package main

import (
	"fmt"
	"os"

	ptx "github.com/mecha-gpu/mecha-gpu/cuda/kernels"
)

func main() {
	if err := os.WriteFile("layout.h", []byte(ptx.Header()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
