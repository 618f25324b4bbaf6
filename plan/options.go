package plan

import "github.com/mecha-gpu/mecha-gpu/tensor"

// Options are the choices that change what is planned.
type Options struct {
	MergeDType  tensor.DType // F32 (or InvalidDType), F64, F16 or BF16
	OutputDType tensor.DType // InvalidDType: keep
	Guard       bool         // inputs are guarded against non-finite elements
	FirstShape  bool         // a key with different shapes passes from the first model
	StrictKeys  bool         // a key that cannot be produced is an error
	Compat      bool         // the reference's behaviour: integers are cast and merged

	MaxRAM    int64 // bytes of host memory
	Program   int64 // bytes of it that the program takes for itself
	Fixed     int64 // bytes of it that are taken already: headers of the inputs
	Workers   int   // 0: as many as the device wants
	UnitBytes int64 // 0: as the device wants
	Depth     int   // 0: as the device wants

	// Metadata goes into the header of the output.
	Metadata map[string]string
}

// maxNames is how many names a list in a report holds.
const maxNames = 1000

// Names is a list of names of which the first are kept.
type Names struct {
	Count int
	First []string
}

func (n *Names) add(name string) {
	if n.Count++; len(n.First) < maxNames {
		n.First = append(n.First, name)
	}
}
