package plan

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Memory that is not a slot, measured on 2026-11-26: a worker's stack, its queue and
// scratch of the CPU device; and what generating jobs keeps.
const (
	workerBytes  = 256 << 10
	plannerBytes = 1 << 20
	minUnitBytes = 16 << 10
	batchBytes   = 256 << 10 // a slot holds at least this much, for batches of small keys
)

// fit chooses unit size, workers and slots so that they fit the memory, and says how much
// is used at most.
func (sv *survey) fit(p *Plan, info device.Info) error {
	unit, workers, depth := sv.wishes(info)
	p.Standing = sv.o.Fixed + p.Layouts[0].MemoryBytes() + plannerBytes
	have := sv.o.MaxRAM - p.Standing
	for {
		want, need := sv.slot(unit)
		ring := func(slot int64) int64 { return int64(workers) * (workerBytes + int64(depth)*slot) }
		switch {
		case ring(want) <= have:
			p.Ring = Ring{Workers: workers, Depth: depth, SlotBytes: want, UnitBytes: unit}
			p.Standing += ring(want)
			p.HostBytes = p.Standing + sv.lease(sv.o.MaxRAM-p.Standing)
			return nil
		case unit > minUnitBytes && want > need:
			unit = max(unit/2, minUnitBytes)
		case workers > 1:
			workers--
			unit, _, _ = sv.wishes(info)
		default:
			return tooSmall(p.Standing+ring(need), sv.o.MaxRAM)
		}
	}
}

func tooSmall(need, have int64) error {
	return &tensor.Error{Class: tensor.ClassFit, Err: fmt.Errorf("the memory limit is too small for this merge"),
		Want: fmt.Sprintf("at least %s", Size(need)), Got: Size(have), Hint: "raise --max-ram"}
}

// wishes returns the unit size, workers and depth to start from.
func (sv *survey) wishes(info device.Info) (unit int64, workers, depth int) {
	unit, workers, depth = info.UnitBytes, info.Workers, info.Depth
	if sv.o.UnitBytes > 0 {
		unit = sv.o.UnitBytes
	}
	if sv.o.Workers > 0 {
		workers = sv.o.Workers
	}
	if sv.o.Depth > 0 {
		depth = sv.o.Depth
	}
	return max(unit, 1), max(workers, 1), max(depth, 1)
}

// slot returns the slot bytes that all segments want for a unit size, and need at least.
func (sv *survey) slot(unit int64) (want, need int64) {
	want = min(unit, batchBytes)
	for _, r := range sv.reps {
		for _, seg := range [2]*Segment{&r.longest, &r.widest} {
			w, n := seg.SlotBytes(unit, false)
			want, need = max(want, w), max(need, n)
		}
	}
	return Align(max(want, need)), Align(need)
}

// lease returns the most that jobs lease at a time, of what is left.
func (sv *survey) lease(left int64) int64 {
	var most int64
	for _, r := range sv.reps {
		if r.resident <= left {
			most = max(most, r.resident)
		}
	}
	return most
}

// Size formats a number of bytes for people: "1.5 GiB".
func Size(n int64) string {
	const units = "KMGT"
	x, u := float64(n), -1
	for x >= 1024 && u+1 < len(units) {
		x /= 1024
		u++
	}
	if u < 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %ciB", x, units[u])
}

// Seconds estimates how long the merge takes at the rates of a device: reading, computing
// and writing share the processors.
func (p *Plan) Seconds(r device.Rates) float64 {
	t := 0.0
	add := func(n int64, rate float64) {
		if rate > 0 {
			t += float64(n) / rate
		}
	}
	add(p.Totals.BytesRead, r.Read)
	add(p.Totals.BytesRead+p.Totals.BytesWrite, r.Compute)
	add(p.Totals.BytesWrite, r.Write)
	return t
}
