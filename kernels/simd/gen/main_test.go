package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What is committed is what the generator writes.
func TestTheCommittedFilesAreCurrent(t *testing.T) {
	asm, table := generate()
	for name, want := range map[string]string{"vm_amd64.s": asm, "vm_table_amd64.go": table} {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what the generator writes; run go generate in kernels/simd", name)
		}
	}
}
