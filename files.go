package mecha

import (
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// spareFiles are open beside inputs and outputs: standard streams, those of the Go runtime and of
// a driver, and an output that is read back and its folder.
const spareFiles = 16

// checkOpenFiles refuses a merge with more inputs and outputs than the system lets a process
// have open: all of them are, from the first byte to the last renaming.
func (s *session) checkOpenFiles() error {
	if s.o.FS != nil && s.o.FS != (vfs.OS{}) {
		return nil
	}
	need := spareFiles
	for _, src := range s.models.sources {
		if f, ok := src.(*safetensors.Source); ok {
			need += len(f.Files())
		}
	}
	for i := range s.outs {
		if s.outs[i].Sink == nil {
			need++
		}
	}
	if have := vfs.MaxOpenFiles(); need > have {
		return &tensor.Error{Class: tensor.ClassFit, Err: errors.New("the system does not let the program open so many files at a time"),
			Got: fmt.Sprint(have), Want: fmt.Sprintf("at least %d", need), Hint: "raise the limit (ulimit -n), or make fewer outputs at a time"}
	}
	return nil
}
