package kernels

import "math"

// Mem is a piece of memory that a device computes on. On the CPU it is Host; a GPU has
// its own address, and Host is the pinned twin, if there is one.
type Mem struct {
	Host   []byte
	Handle uint64 // device address; 0 on the CPU
	Size   int64
}

// HostMem wraps bytes in memory as Mem of the CPU.
func HostMem(b []byte) *Mem { return &Mem{Host: b, Size: int64(len(b))} }

// Span is a range of bytes of a Mem.
type Span struct {
	Mem *Mem
	Off int64
	Len int64
}

// Bytes returns the host bytes of the span.
func (s Span) Bytes() []byte { return s.Mem.Host[s.Off : s.Off+s.Len : s.Off+s.Len] }

// Slice returns the part [off, off+n) of the span.
func (s Span) Slice(off, n int64) Span { return Span{s.Mem, s.Off + off, n} }

// Arg is the memory of an operand in one launch. Spans need no alignment.
//
// The span holds, for a launch over elements [First, First+N): Dense: these N elements;
// Row: the values of rows First/Period through (First+N-1)/Period; Col: all Period
// values; Scalar: one value.
type Arg struct {
	Span   Span
	Period int64 // Row, Col
}

// Launch runs a Program over N consecutive elements of a tensor, numbered from First.
// Launches of the same tensor may be cut anywhere, within what the Groups of the sums
// demand, without changing a bit of any result.
type Launch struct {
	Prog     *Program
	First, N int64
	Cols     int64 // row length for ByRow and ByCol
	Args     []Arg // one for each operand
	Consts   []float64
	Prefixes []uint64
	Results  []Span // one for each result; sums, counts and flags are 8-byte aligned
}

// ResultBytes returns how many bytes result r of a launch over n elements with rows of
// cols elements needs.
func ResultBytes(r *Result, n, cols int64) int64 {
	switch r.Kind {
	case Store:
		return n * r.DType.Size()
	case InFlag:
		return 4
	case OutCount:
		return 24
	case Count, Max:
		return 8
	case Hist:
		return 8 << r.Width
	case Sum:
		switch r.Group {
		case ByRow:
			return 8 * (n / max(cols, 1))
		case ByCol:
			rows := n / max(cols, 1)
			return 8 * cols * ((rows + GroupRows - 1) / GroupRows)
		}
		return 8 * ((n + BlockElems - 1) / BlockElems)
	}
	return 0
}

// OrderKey maps a float64 to a uint64 so that keys compare as the numbers do, with
// -0 < +0 and NaN above +Inf; no key is 0.
func OrderKey(x float64) uint64 {
	if x != x {
		return math.MaxUint64
	}
	b := math.Float64bits(x)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

// FromOrderKey is the inverse of OrderKey; key 0 (no element) gives -Inf.
func FromOrderKey(k uint64) float64 {
	switch {
	case k == math.MaxUint64:
		return math.NaN()
	case k == 0:
		return math.Inf(-1)
	case k>>63 != 0:
		return math.Float64frombits(k &^ (1 << 63))
	}
	return math.Float64frombits(^k)
}

// GoFunc is a plain Go function over float32 elements that a user's method runs. It
// must be pure: it is called from several goroutines and may be called again.
type GoFunc struct {
	Name string

	// Cut says which pieces the function may be given.
	Cut Cut

	// Fn computes dst from the sources, all of the same length. cols is the length of a
	// row (the last axis), which for Cut Rows divides len(dst).
	Fn func(dst []float32, src [][]float32, cols int) error
}

// Cut says how a tensor may be cut for a GoFunc.
type Cut uint8

const (
	CutAnywhere Cut = iota // elementwise: any range of elements
	CutRows                // whole rows of the last axis
	CutNever               // the whole tensor
)

// Call runs a GoFunc. Sources and destination are dense float32, 4-byte aligned.
type Call struct {
	Func *GoFunc
	Cols int64
	Dst  Span
	Src  []Span
}

// Runner accepts work on memory; devices' queues are Runners. Errors may surface later,
// when the queue is waited for.
type Runner interface {
	Launch(l *Launch) error
	Call(c *Call) error
	Product(p *Product) error
}
