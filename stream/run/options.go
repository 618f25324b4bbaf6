package run

import (
	"github.com/mecha-gpu/mecha-gpu/device"
)

// NonFinite says what happens when a guarded input has a NaN or an infinite element.
type NonFinite uint8

const (
	// Omit generates the job again without the input; if it cannot be made then, its
	// key is dropped.
	Omit NonFinite = iota

	// Keep computes with what is there; non-finite outputs are counted.
	Keep

	// Refuse fails the run, naming the key and the input.
	Refuse
)

// Options are what a run can be told.
type Options struct {
	// Budget is where rings and resident tensors are leased from; nil means no limit.
	Budget *device.Budget

	// NonFinite is the policy for guards.
	NonFinite NonFinite

	// CheckOutput asks for the number of output elements that are not finite or lost
	// range, also for copied keys.
	CheckOutput bool

	// Rescue, if set, is a device that computes on host memory. Where a device of the run
	// fails, the work that it had is done again there, with the same bytes; without it the
	// run fails.
	Rescue device.Device

	// Progress, if set, is called now and then by a worker, one call at a time, and
	// once at the end. It must return quickly.
	Progress func(Progress)

	// OnUnit, if set, is called by a worker before it fills a slot. It is meant for
	// tests: a place for delays, and to see who does what.
	OnUnit func(Unit)
}

// Progress is how far a run has come.
type Progress struct {
	Keys, TotalKeys int
	Bytes           int64 // written so far, restarts included
	TotalBytes      int64 // as planned
}

// Unit is what a worker is about to do.
type Unit struct {
	Worker int
	Key    string // of the job, or of the first one of a batch
	Jobs   int    // jobs in the batch; 0 for a unit of a large job
	Sweep  int
	First  int64 // elements [First, First+N) of the sweep; of a batch 0
	N      int64
}
