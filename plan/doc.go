// Package plan turns a solved recipe and the headers of its inputs into what has to be
// done, before any data moves: which keys come out, where each of them goes, from what
// they are made, how much is read and written, and how much memory that takes.
//
// Glossary:
//
//   - [Plan]: the layouts of the outputs, totals, and a generator of jobs.
//   - [Job]: the output keys of one name in all sinks, and those that a method makes
//     together with them; the unit of lease, completion and restart.
//   - [Target]: a recipe whose result is one of the outputs.
//   - [Segment]: a range of the elements of outputs that are computed together.
//   - sweep: a pass over the elements of a segment; see kernels.Lowered.
//   - unit: a range of elements of a sweep that one worker computes at a time.
//   - [Ring]: the memory in which workers stage their units.
//
// Planning is pure: it opens no file and no device. A plan for 100,000 keys is small,
// because jobs are generated when they are needed.
package plan
