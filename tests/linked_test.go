package tests

import (
	"debug/buildinfo"
	"debug/elf"
	"runtime"
	"strings"
	"testing"
)

// The program that users build has no code of the optional rooms in it.
func TestProgramContainsNoGorgonia(t *testing.T) {
	info, err := buildinfo.ReadFile(program(t))
	check(t, err)
	if len(info.Deps) == 0 {
		t.Fatal("the program does not say which modules it contains")
	}
	for _, m := range info.Deps {
		for _, name := range []string{"gorgonia.org/", "gonum.org/", "github.com/apache/arrow/", "github.com/chewxy/"} {
			if strings.HasPrefix(m.Path, name) {
				t.Errorf("the program contains %s", m.Path)
			}
		}
	}
}

// The CUDA driver is opened at run time: a program that needed it to start would not start on
// most machines.
func TestProgramIsNotLinkedAgainstCUDA(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the program is an ELF file on Linux only")
	}
	file, err := elf.Open(program(t))
	check(t, err)
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	check(t, err)
	for _, l := range libraries {
		if strings.Contains(l, "cuda") || strings.Contains(l, "stdc++") {
			t.Errorf("the program needs %s to start", l)
		}
	}
}
