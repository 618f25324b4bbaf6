// Command gen writes the assembly of package simd: the handlers of its virtual machine
// for both compute types, and the Go table that finds them.
//
// Usage: go run . -out FOLDER
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", "..", "folder of package simd")
	flag.Parse()
	asm, table := generate()
	write(filepath.Join(*out, "vm_amd64.s"), asm)
	write(filepath.Join(*out, "vm_table_amd64.go"), table)
}

// generate returns the assembly and the Go table.
func generate() (asm, table string) {
	e := &emitter{}
	e.header()
	e.entry()
	e.fence()
	e.fold()
	e.zip()
	e.product()
	for _, m := range []machine{{emitter: e}, {emitter: e, f64: true}} {
		m.loads()
		m.arithmetic()
		m.bits()
		m.choices()
		m.stores()
		m.storesBF16()
		m.flags()
		m.sums()
		m.wideSums()
		m.end()
	}
	e.tables()
	return e.text.String(), e.goTable()
}

func write(path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
