package simd

import (
	"math"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// Code is a compiled Program. It is immutable; any number of Machines may run it at once.
type Code struct {
	prog *kernels.Program
	esz  int64 // bytes of an element of the compute type

	// portable says that some operation has no handler: Machines run the Program in Go.
	portable bool
	features features
	long     bool // walks sum whole chunks, and nothing else is to be done

	// values computes everything that sums need into scratch; direct leaves out what walks
	// read from operands in place, and is nil if there is no such value.
	values, direct *variant

	operands  []operand
	results   []result
	scratch   []kernels.Val // values that are written to scratch
	reduce    *reduction    // results that Go makes from values; nil if there are none
	sums      []int         // results that are sums
	witnesses []witness
	triples   []triple
	walks     []walk
	group     kernels.Group // of the sums in walks
	inPlace   []int         // value scratch -> operand that walks read instead, or -1
	slots     int
	buffers   int  // expanded operands
	pairs     bool // bfloat16 is in pairs
	mem       layout
	block     int64 // elements between two visits to Go
}

// operand is how an operand of the Program reaches the code.
type operand struct {
	kind   kind // of dense elements; kNone if it is expanded into scratch as kMem
	size   int64
	scalar bool // bound as an immediate
	loaded bool // some instruction or flag reads it
	buffer int  // scratch of an expanded operand; -1: it is read in place
}

// result is how a result leaves the code.
type result struct {
	kind  kind // Store: kind of the stored elements; kNone: Go narrows them from values
	size  int64
	tally int  // flags and counts: result whose tally the code keeps; -1 if Go finds out
	v, w  int  // value scratch of V and W; -1 if they are not written
	lane  int  // sums: number of the set of lanes
	part  bool // sums: one of a triple, added together
}

// triple is a set of sums of v*v, v*w and w*w, as results, with adjacent lanes.
type triple struct {
	vv, vw, ww int
}

// variant is one instruction sequence for a Program. Its words are a template: addresses
// and launch constants are filled in by a Machine.
type variant struct {
	words []uint64
	fixes []fix  // addresses in scratch, once for a Machine
	moves []move // pointers and constants, for every block

	streaming streaming
}

// fixKind says what is written into a word.
type fixKind uint8

const (
	fixSlot  fixKind = iota // address of slot n
	fixTally                // address of the tally of result n

	// These are words of the Machine's table of what changes.

	moveOperand // first element of operand n, or the bits of a scalar one
	moveMask    // index mask of operand n
	moveStore   // first element of store n
	moveValue   // first element of value scratch n
	moveLive    // mask of the elements of a step that count
	moveConst   // launch constant n
)

// fix fills a word with an address in scratch.
type fix struct {
	kind fixKind
	n    uint16
	word uint32
}

// move fills a word with an entry of the Machine's table.
type move struct{ word, entry uint32 }

// Compile makes code for a Program, which must be valid. It never fails on a valid
// Program: what has no handler runs in portable Go.
func Compile(p *kernels.Program) (*Code, error) { return compile(p, available()) }

func compile(p *kernels.Program, f features) (*Code, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	c := &Code{prog: p, features: f, esz: p.Compute.DType().Size()}
	c.layOperands()
	c.layResults()
	c.layWitnesses()
	c.pair()
	c.layLanes()
	c.layWalks()
	c.values = c.compile(allValues)
	if slices.ContainsFunc(c.inPlace, func(op int) bool { return op >= 0 }) {
		c.direct = c.compile(withoutInPlace)
	}
	c.reduce = c.reduction()
	c.long = c.features.avx512 && c.onlyWalks()
	c.layScratch()
	return c, nil
}

// Native reports whether the Program runs in assembly rather than in portable Go.
func (c *Code) Native() bool { return !c.portable }

func (c *Code) hasSum(g kernels.Group) bool {
	for _, r := range c.sums {
		if c.prog.Results[r].Group == g {
			return true
		}
	}
	return false
}

// entry returns the index in the Machine's table.
func (c *Code) entry(k fixKind, n int) uint32 {
	ops, res := len(c.operands), len(c.results)
	switch k {
	case moveMask:
		n += ops
	case moveStore:
		n += 2 * ops
	case moveValue:
		n += 2*ops + res
	case moveLive:
		n += 2*ops + res + len(c.scratch)
	case moveConst:
		n += 2*ops + res + len(c.scratch) + 1
	}
	return uint32(n)
}

// constBits returns the bits of x rounded to the compute type.
func (c *Code) constBits(x float64) uint64 {
	if c.prog.Compute == kernels.F64 {
		return math.Float64bits(x)
	}
	return uint64(math.Float32bits(float32(x)))
}
