// Command size reports how long functions and files are, how much of the code is comments,
// and how much test there is for it. Generated files do not count.
//
// Usage: go run ./scripts/size [FOLDER]
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := report(root); err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

// length is a file or a function and its number of lines.
type length struct {
	name  string
	lines int
}

// measure is what was counted of code or of tests.
type measure struct {
	files, funcs              []length
	lines, comments, nonBlank int
}

// report measures a folder and prints the result.
func report(root string) error {
	var code, tests measure
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains(ignored, d.Name())):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		case strings.HasSuffix(path, "_test.go"):
			return tests.add(path)
		}
		return code.add(path)
	})
	if err != nil {
		return err
	}
	code.print("code")
	tests.print("tests")
	fmt.Printf("tests are %.2f times the code\n", float64(tests.lines)/float64(max(1, code.lines)))
	return nil
}

// ignored are folders that hold no source code of the project.
var ignored = []string{"bin", "build", "demo", "models", "testdata"}

// add measures a file.
func (m *measure) add(path string) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, src, parser.ParseComments)
	if err != nil {
		return err
	}
	if ast.IsGenerated(f) {
		return nil
	}
	lines := bytes.Split(bytes.TrimSuffix(src, []byte("\n")), []byte("\n"))
	m.lines += len(lines)
	m.files = append(m.files, length{path, len(lines)})
	for _, l := range lines {
		l = bytes.TrimSpace(l)
		if len(l) > 0 {
			m.nonBlank++
		}
		if bytes.HasPrefix(l, []byte("//")) {
			m.comments++
		}
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1
			m.funcs = append(m.funcs, length{path + ":" + fn.Name.Name, n})
		}
	}
	return nil
}

// print prints percentiles and the longest functions and files.
func (m *measure) print(name string) {
	fmt.Printf("%s: %d files, %d lines, %d functions, comments %.0f %% of lines that are not blank\n",
		name, len(m.files), m.lines, len(m.funcs), 100*float64(m.comments)/float64(max(1, m.nonBlank)))
	printLengths("functions", m.funcs)
	printLengths("files", m.files)
}

// printLengths prints the distribution of lengths in lines.
func printLengths(what string, list []length) {
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b length) int { return a.lines - b.lines })
	at := func(p int) int { return list[(len(list)-1)*p/100].lines }
	fmt.Printf("  %-10s median %d, p90 %d, p99 %d, longest", what, at(50), at(90), at(99))
	for i := len(list) - 1; i >= max(0, len(list)-3); i-- {
		fmt.Printf(" %d (%s)", list[i].lines, list[i].name)
	}
	fmt.Println()
}
