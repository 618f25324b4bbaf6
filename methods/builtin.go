package methods

import (
	"slices"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// Builtin returns the catalogue: all methods that recipes of sd-mecha 1.1.5 can name. Those
// whose Status is Known parse and format, but cannot be run yet. Every call makes a new
// one.
func Builtin() Set {
	s, err := NewSet(slices.Concat(
		linear(), spherical(), masks(), geometric(), limits(),
		cosine(), slicing(), ties(), stock(), dropout(), dense(), architecture(),
		control(), converters(), adapters(),
	)...)
	if err != nil {
		panic("methods: the catalogue is not well-formed: " + err.Error()) // a test builds it
	}
	return s
}

// reference is the source of methods that come from there.
const reference = "sd-mecha 1.1.5"

// sameSpace makes a symbol for a method: its inputs and its result share one space, whichever
// it is.
func sameSpace() *Symbol { return &Symbol{Name: "any"} }

// where is kernels.Where.
func where(mask, x, y T) T { return kernels.Where(mask, x, y) }
