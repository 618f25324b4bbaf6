package device

import (
	"context"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// Rates are the speeds that the planner estimates with, in bytes per second.
type Rates struct {
	Read    float64 // from a source in the page cache
	Write   float64 // to a sink
	Upload  float64 // host to device; 0 where nothing is copied
	Load    float64 // device to host
	Compute float64 // operand and result bytes through an elementwise Program

	// Ops is the number of instructions of Programs on one element per second; 0 means
	// that Compute says it all.
	Ops float64
}

// Info describes a device.
type Info struct {
	Name   string // "cpu", "cuda:0"
	Detail string // for people: "avx2, 2 threads"

	// Depth is the number of ring slots a worker needs so that its stages overlap: 1 if
	// the device computes in the caller's goroutine, 3 or more if it works beside it.
	Depth int

	// UnitBytes is the size of a unit (a range of the output) at which the device runs
	// best.
	UnitBytes int64

	// Workers is the number of goroutines that keep the device busy.
	Workers int

	// InHost says that the device computes on host memory: sources and sinks that are
	// in memory are used in place and nothing is copied.
	InHost bool

	// Memory is how many bytes of the device's own memory may be used, for spans; 0 for
	// a device that has none of its own.
	Memory int64

	Rates Rates
}

// Device is a CPU or one GPU. All methods may be called from any goroutine.
type Device interface {
	Info() Info

	// NewQueue makes a queue. Queues are independent of each other.
	NewQueue() (Queue, error)

	// Close releases the device; all queues must be closed before.
	Close() error
}

// Queue runs work in the order in which it is given. A Queue is used by one goroutine
// at a time.
type Queue interface {
	kernels.Runner

	// Alloc makes memory of n bytes, aligned to 64, that this device computes on, with
	// host memory to fill or read it. The caller holds a lease for it.
	Alloc(n int64) (*kernels.Mem, error)

	// Free gives memory back; it may be called after Close. All work on it must have been
	// waited for.
	Free(m *kernels.Mem) error

	// Host returns the host memory to fill before Push or to read after Pull: the span
	// itself on the CPU, its pinned twin on a GPU.
	Host(s kernels.Span) []byte

	// Push makes what was written to Host(s) visible to later work.
	Push(s kernels.Span) error

	// Pull makes what earlier work wrote to s readable in Host(s), once an event that
	// is recorded later has been waited for.
	Pull(s kernels.Span) error

	// Clear sets the bytes of s to zero, in order with other work.
	Clear(s kernels.Span) error

	// Record returns an event that is reached when all work given so far is done.
	Record() (Event, error)

	// Close waits for the queue's work and releases the queue.
	Close() error
}

// Event is a point in a queue's work.
type Event interface {
	// Wait blocks until the work before the event is done, and returns the first failure
	// of that work: an error that names what was launched.
	Wait() error
}

// Opener opens devices of one kind.
type Opener struct {
	Kind string // "cpu", "cuda"

	// Open opens the devices that options ask for. If there is none it returns no device
	// and the reason.
	Open func(ctx context.Context, o Options) (devices []Device, reason string, err error)
}

// Options are what the user asks of devices.
type Options struct {
	Threads int   // CPU: workers; 0 means all processors that may be used
	MaxVRAM int64 // GPU: bytes of device memory; 0 means a share of what is free
	Indices []int // GPU: which of the visible devices; nil means all
}
