package plan

import (
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Plan is what has to be done. The run loop reads it and asks Generate for jobs.
type Plan struct {
	// Layouts are the outputs, one for each sink, with the keys in file order.
	Layouts []tensor.Layout

	// Jobs is the number of jobs; job i makes output i of all layouts in turn.
	Jobs int

	// Generate makes job i. gone lists the guards that were found set for it (numbers of
	// Job.Guards), ascending; the job then does without them, or Dropped is set. It may be called from
	// any goroutine.
	Generate func(i int, gone []int) (*Job, error)

	Ring Ring

	// HostBytes is the most host memory that the run leases at once: Standing plus what
	// jobs lease.
	HostBytes int64
	Standing  int64 // headers, rings and worker scratch

	// DeviceBytes is the most memory that the run uses of a device's own; 0 if the
	// devices have none of their own.
	DeviceBytes int64

	leasable int64 // what one job may lease

	Totals Totals

	Missing    Names // candidate keys that the recipe cannot produce
	Mismatched Names // keys with different shapes, taken from the first model
	Used       []int // keys read, by model
}

// Totals are sums over all jobs, as planned; restarts add to them at run time.
type Totals struct {
	Keys       int   // keys of all outputs
	BytesRead  int64 // from sources, every sweep counted
	BytesWrite int64 // to sinks, without headers
	Copied     int   // keys whose bytes are copied
	Integers   int   // keys passed through because they are integers
	FellBack   int   // keys for which a fallback was taken
	Programs   int   // distinct Programs

	Ops float64 // instructions of Programs on one element, every sweep counted
}

// Ring is the memory in which workers stage units. Every worker has Depth slots of
// SlotBytes.
type Ring struct {
	Workers   int
	Depth     int
	SlotBytes int64
	UnitBytes int64 // output bytes of a unit to aim at
}

// Bytes is the memory of all slots.
func (r Ring) Bytes() int64 { return int64(r.Workers) * int64(r.Depth) * r.SlotBytes }

// Job makes one output key.
type Job struct {
	Index int
	Sink  int    // index of the layout
	Entry int    // index in the layout
	Key   string // output key
	Pos   int64  // position of the output in the data section of the sink
	DType tensor.DType
	N     int64 // elements

	Segments []Segment // in order of First; they cover [0, N)

	// Resident says that the sources are read once, into memory that the job leases, and
	// that all sweeps work on it. It is set if there are several sweeps and they fit.
	Resident bool

	// Lease is the memory that the job needs beyond its workers' slots: of the host, and
	// as much of the device if it has its own.
	Lease int64

	// Dropped says that the key cannot be made without the guards that are gone.
	Dropped bool

	// Note says what the report counts the key as.
	Note Note
}

// Note is how an output key came to be.
type Note struct {
	Copied   bool // bytes of an input
	Integer  bool // an integer tensor that was passed through
	FellBack bool // a fallback was taken
	Mismatch bool // shapes differ; the first model's tensor was taken
}

// add joins what is said of an argument to what is said of a result.
func (n *Note) add(o Note) {
	n.Integer = n.Integer || o.Integer
	n.FellBack = n.FellBack || o.FellBack
	n.Mismatch = n.Mismatch || o.Mismatch
}

// Segment is a range of the output's elements with its own expression. The elements of its
// domains are numbered from 0.
type Segment struct {
	First, N int64 // range of the output's elements
	Inst     kernels.Instance
	Reads    []Read // by leaf of Inst
}

// Read is where a leaf's elements are.
type Read struct {
	Model int   // index of the source
	Entry int   // index in its header
	Pos   int64 // position of the leaf's first element in the data of the source
	DType tensor.DType
	N     int64 // elements

	// Cols, if not 0, says that the tensor is a matrix with so many columns, and that its
	// transpose is meant: Pos and N count elements as if that were what is stored.
	Cols int64
}
