package plan

import (
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// BatchBytes is what a batch of jobs takes in a slot beside the jobs, if it has so many ranges of
// outputs: the gaps after them, and alignment.
func BatchBytes(ranges int) int64 { return int64(ranges)*(gap+align) + 3*align }

// BatchCost returns the slot bytes that the segments of a job take in a batch at most, outputs
// apart.
func BatchCost(segs []Segment) (n int64) {
	for i := range segs {
		for k := range segs[i].Reads {
			r := &segs[i].Reads[k]
			n += Joined(bytesOf(r.DType, r.N))
		}
		temps, results := segs[i].Scratch()
		n += Align(temps) + results
	}
	return n
}

// Small reports whether a job goes into a batch: its outputs, of so many bytes together, are not
// larger than a unit, and a slot has room for them and for what it costs in a batch.
func (r Ring) Small(outs, cost int64, outputs int) bool {
	return outs <= max(r.UnitBytes, 1) && outs+cost+BatchBytes(outputs) <= r.SlotBytes
}

// jobMemory is what decides whether the sources of a job are kept in memory between sweeps.
type jobMemory struct {
	resident int64 // bytes of all sources
	batch    int64 // slot bytes in which the whole job fits, outputs apart, so that it is read once anyway
	outs     int64 // bytes of the outputs
	outputs  int
	again    int64 // bytes that are read again if they are neither
	host     int64 // bytes for routines, which the job cannot do without
}

func memoryOf(segs []Segment, list []made, host int64) (m jobMemory) {
	m.host = host
	for i := range list {
		if v := list[i].v; !v.missing {
			m.outs += bytesOf(list[i].dtype, v.T.Shape().N())
			m.outputs++
		}
	}
	for i := range segs {
		s := &segs[i]
		if len(s.Inst.Sweeps) > 1 {
			m.again += max(s.bytesRead()-s.bytesReadOnce(), 0)
		}
		for k := range s.Reads {
			if s.Reads[k].Source() {
				m.resident += Align(bytesOf(s.Reads[k].DType, s.Reads[k].N))
			}
		}
	}
	m.batch = BatchCost(segs)
	return m
}

// small reports whether a unit is the whole job.
func (m *jobMemory) small(r Ring) bool { return m.host == 0 && r.Small(m.outs, m.batch, m.outputs) }

// bytesOf returns the bytes of n elements, which fill whole bytes.
func bytesOf(d tensor.DType, n int64) int64 {
	if size := d.Size(); size > 0 {
		return n * size
	}
	return n * int64(d.Bits()) / 8
}
