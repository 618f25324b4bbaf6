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
)

// Sizes of units and slots. Units of less than 16 KiB cost more in calls than workers gain;
// one worker alone goes on below that, down to where a unit is a few hundred elements.
const (
	minUnitBytes  = 16 << 10
	lastUnitBytes = 1 << 10
	batchBytes    = 256 << 10 // a slot holds at least this much, if units do, for batches of small keys
	minSlotBytes  = 4 << 10
)

// fit chooses unit size, workers and slots so that they fit the memory, and says how much
// is used at most: first units shrink, then workers go.
func (sv *survey) fit(p *Plan, info device.Info) error {
	wish, workers, depth := sv.wishes(info)
	p.Standing = sv.o.Fixed + p.Layouts[0].MemoryBytes() + plannerBytes
	have := sv.o.MaxRAM - p.Standing
	least := sv.slot(min(wish, lastUnitBytes))
	ring := func(workers int, slot int64) int64 { return int64(workers) * (workerBytes + int64(depth)*slot) }
	if need := ring(1, least); need > have {
		return tooSmall(p.Standing+need, sv.o.MaxRAM)
	}
	workers = int(min(int64(workers), have/ring(1, least)))
	for unit := wish; ; {
		slot := sv.slot(unit)
		switch {
		case ring(workers, slot) <= have:
			p.Ring = Ring{Workers: workers, Depth: depth, SlotBytes: slot, UnitBytes: unit}
			p.Standing += ring(workers, slot)
			p.HostBytes = p.Standing + sv.leases(p.Ring, sv.o.MaxRAM-p.Standing)
			return nil
		case unit > minUnitBytes && slot > least:
			unit = max(unit/2, minUnitBytes)
		case workers > 1:
			workers--
			unit = wish
		default:
			unit = max(unit/2, min(wish, lastUnitBytes))
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
	unit = max(unit, 1)
	// More workers than units, counting the units of all keys together, have nothing to do.
	if units := 1 + sv.totals.BytesWrite/unit + int64(sv.totals.Keys); int64(workers) > units {
		workers = int(units)
	}
	return unit, max(workers, 1), max(depth, 1)
}

// slot returns the slot bytes that all segments want for a unit size, and no less than any
// of them needs.
func (sv *survey) slot(unit int64) int64 {
	most := max(min(unit, batchBytes), minSlotBytes)
	for _, r := range sv.reps {
		for _, seg := range [3]*Segment{&r.longest, &r.widest, &r.neediest} {
			want, need := seg.SlotBytes(unit, false)
			most = max(most, want, need)
		}
	}
	return Align(most)
}

// leases returns the most that jobs lease at a time, of what is left. While the last units of
// a job are computed, workers without a unit start the next ones.
func (sv *survey) leases(r Ring, left int64) int64 {
	var most int64
	for _, r := range sv.reps {
		if r.resident <= left {
			most = max(most, r.resident)
		}
	}
	return min(most*int64(r.Workers*r.Depth), sv.resident, left)
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
