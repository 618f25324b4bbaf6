package plan

import "github.com/mecha-gpu/mecha-gpu/kernels"

// Results of a unit lie in one span: for each output that its sweep stores, the counts (three
// uint64) and the flag if it is copied (a uint32, padded to 8 bytes); the guards (a uint32 each,
// padded to 8 bytes together); then the reductions in order: a float64 for each block of a sum, a
// uint64 for others. All offsets are in bytes, multiples of 8.

// CountBytes are the bytes of the counts and the flag of an output in the results of a unit.
const CountBytes = 32

// GuardsAt returns where the guards of a sweep are in the results.
func (s *Segment) GuardsAt(sweep int) int64 {
	return CountBytes * int64(len(s.Inst.Sweeps[sweep].Outs))
}

// ReducesAt returns where the reductions of a sweep are in the results.
func (s *Segment) ReducesAt(sweep int) int64 {
	return (s.GuardsAt(sweep) + 4*int64(s.Inst.Lowered.Guards) + 7) &^ 7
}

// ReduceBytes returns the bytes of a reduction over count elements.
func ReduceBytes(k kernels.ResultKind, count int64) int64 {
	if k == kernels.Sum {
		return 8 * ((count + kernels.BlockElems - 1) / kernels.BlockElems)
	}
	return 8
}

// ResultBytes returns the bytes of the results of count elements of a sweep.
func (s *Segment) ResultBytes(sweep int, count int64) int64 {
	n := s.ReducesAt(sweep)
	for _, r := range s.Inst.Sweeps[sweep].Reduces {
		n += ReduceBytes(r.Kind, count)
	}
	return n
}

// tempBytes returns the slot bytes of the temporaries of a body for count elements.
func tempBytes(b *kernels.Body, count int64) (n int64) {
	for _, t := range b.Temps {
		n += Align(count * t.Size())
	}
	return n
}

// Scratch returns what the temporaries and the results of the segment take at most, if every
// sweep is one unit. Those of all sweeps share their places.
func (s *Segment) Scratch() (temps, results int64) {
	for i := range s.Inst.Sweeps {
		sw := &s.Inst.Sweeps[i]
		n := s.Inst.Domains[sw.Domain].N
		for k := range sw.Bodies {
			temps = max(temps, tempBytes(&sw.Bodies[k], n))
		}
		results = max(results, s.ResultBytes(i, n))
	}
	return temps, results
}
