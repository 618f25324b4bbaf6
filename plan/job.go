package plan

import (
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Plan is what has to be done. The run loop reads it and asks Generate for jobs.
type Plan struct {
	// Layouts are the outputs, one for each sink, with the keys in file order.
	Layouts []tensor.Layout

	// Jobs is the number of jobs. They come about in the order of the files.
	Jobs int

	// Generate makes job i. gone lists the guards that were found set for it (numbers of
	// Instance.Guards), ascending; the job then does without them, as far as they were in the
	// way of each output, or outputs are Dropped. It may be called from any goroutine.
	Generate func(i int, gone []int) (*Job, error)

	// Guarded returns which stored tensor a guard of a job judges: its source and its entry
	// there. ok is false if that is computed. It may be called from any goroutine.
	Guarded func(j *Job, guard int) (source, entry int, ok bool)

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

	Missing    []Names // by layout: candidate keys that its recipe cannot produce
	Lacking    []Names // by layout: candidate keys that it lacks and a complete model has
	Mismatched []Names // by layout: keys with different shapes, taken from the first model
	Used       []int   // by source: its keys that a job reads
	Unread     []Names // by source: its keys that no job reads
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

	RoutineOps float64 // operations of routines
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

// Job makes a set of output keys, closed under everything that is computed for them: the keys
// of one name in all sinks, and those that a method makes together. It is the unit of lease,
// completion and restart: nothing that it computes outlives it, and until the sinks are
// committed it may be run again.
type Job struct {
	Index   int
	Outputs []Output

	// Segments cover every output that is not dropped, and every buffer that is an operand of a
	// routine, those of one output in order.
	Segments []Segment

	// Calls are routines, in order, and Buffers what is between them and the segments: memory of the
	// host that the job leases and keeps until its end.
	Calls   []Call
	Buffers []Buffer

	// Resident says that the sources are read once, into memory that the job leases, and
	// that all sweeps work on it. It is set if sweeps would read again and they fit.
	Resident bool

	// Lease is the memory that the job needs beyond its workers' slots: of the host, and
	// as much of the device if it has its own.
	Lease int64

	// Host is the memory for buffers and routines, of the host only.
	Host int64

	only [1]Output // memory of Outputs, if there is one
}

// Output is an output key of a job.
type Output struct {
	Sink  int    // index of the layout
	Entry int    // index in the layout
	Key   string // output key
	Pos   int64  // position in the data section of the sink
	DType tensor.DType
	N     int64 // elements

	// Dropped says that the key cannot be made without the guards that are gone.
	Dropped bool

	// Note says what the report counts the key as.
	Note Note
}

// Bytes is what the output takes in its sink.
func (o *Output) Bytes() int64 { return bytesOf(o.DType, o.N) }

// Key names the job in messages: it is the first key.
func (j *Job) Key() string { return j.Outputs[0].Key }

// Dropped reports whether nothing is left to make.
func (j *Job) Dropped() bool {
	for i := range j.Outputs {
		if !j.Outputs[i].Dropped {
			return false
		}
	}
	return true
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

// Segment is an expression, or several that are computed together, for a range of the elements
// of outputs. The elements of its domains are numbered from 0.
type Segment struct {
	First int64 // element at which the range starts, in all outputs
	Inst  kernels.Instance
	Reads []Read // by leaf of Inst

	// Stores says, for each output of Inst, which outputs of the job it is; a negative number
	// -1-b is buffer b. Outputs that are equal are computed once.
	Stores [][]int
}

// Read is where a leaf's elements are.
type Read struct {
	Model int   // index of the source; -1-b is buffer b of the job
	Entry int   // index in its header
	Pos   int64 // position of the leaf's first element in the data of the source
	DType tensor.DType
	N     int64 // elements

	// Parts, if there are any, are tensors that lie one after the other in this one. Model and
	// Entry are those of the first; Pos counts from its start, in bytes.
	Parts []Read

	// Dims, if there are any, are the axes of a view of the tensor, which starts at Pos. Its elements
	// are counted as if they were stored at Pos one after the other.
	Dims []kernels.Dim
}

// Source reports whether the tensor is stored in a source, and not in a buffer.
func (r *Read) Source() bool { return r.Model >= 0 }

// Plain reports whether the bytes lie in the source as they are needed, at Pos.
func (r *Read) Plain() bool { return r.Dims == nil && r.Parts == nil }

// Stored calls f for each tensor of a source that is read.
func (r *Read) Stored(f func(*Read)) {
	if r.Parts == nil && r.Source() {
		f(r)
	}
	for i := range r.Parts {
		r.Parts[i].Stored(f)
	}
}
