// Package run is the run loop: from a [plan.Plan] to bytes in the Sinks, the same for
// every device.
//
// A few workers share one scheduler. Each owns a device queue and a ring of slots, and
// goes round: finish the slot's old work (wait, look at the results, write), fill it
// (read), launch. With one slot, read, compute and write follow each other in one core's
// cache; with three or more they overlap.
//
// Glossary:
//
//   - slot: a piece of a worker's ring: staged input, temporaries, output, results.
//   - batch: small jobs that share a slot; reads that touch are joined, and so are writes.
//   - large job: a job whose sweeps are cut into units, which all workers share.
//   - results: the flags, guards, counts and sums that a unit leaves in its slot.
//   - restart: a guard of a job was set; the job is generated again without it.
//   - store: where the elements go that a unit makes of an output; a job may have several
//     outputs, in several sinks.
//
// Example:
//
//	report, err := run.Run(ctx, p, sources, sinks, devices, run.Options{Budget: budget})
//
// Output bytes do not depend on the number of workers, the size of units, or the order
// in which units finish. The package opens no file and no device, and prints nothing.
package run
