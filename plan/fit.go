package plan

import (
	"fmt"
	"math"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Memory that is not a slot, measured on 2026-11-26: a worker's stack, its queue and
// scratch of the CPU device; and what generating jobs keeps.
const (
	workerBytes  = 256 << 10
	plannerBytes = 1 << 20
	jobRefBytes  = 8
)

// Sizes of units and slots. Units of less than 16 KiB cost more in calls than workers gain;
// one worker alone goes on below that, down to where a unit is a few hundred elements.
const (
	minUnitBytes  = 16 << 10
	lastUnitBytes = 1 << 10
	batchBytes    = 256 << 10 // a slot holds at least this much, if units do, for batches of small keys
	minSlotBytes  = 4 << 10
)

// memory is what a ring has to fit: host memory, and the own memory of each of the devices
// over which the workers are spread.
type memory struct {
	host, device int64 // bytes that may be used; device is the smallest, MaxInt64 if none has its own
	devices      int
	depth        int
}

// ring returns the host bytes that workers with their slots take.
func (m *memory) ring(workers int, slot int64) int64 {
	return int64(workers) * (workerBytes + int64(m.depth)*slot)
}

// onDevice returns the bytes that slots take of the device with most workers.
func (m *memory) onDevice(workers int, slot int64) int64 {
	return int64((workers+m.devices-1)/m.devices) * int64(m.depth) * slot
}

// most returns how many workers with slots of some size there can be at most.
func (m *memory) most(slot int64) int64 {
	return min(m.host/m.ring(1, slot), m.device/m.onDevice(1, slot)*int64(m.devices))
}

func (m *memory) fits(workers int, slot int64) bool {
	return m.ring(workers, slot) <= m.host && m.onDevice(workers, slot) <= m.device
}

// deviceMemory returns the least own memory that one of the devices has.
func deviceMemory(infos []device.Info) int64 {
	least := int64(math.MaxInt64)
	for _, i := range infos {
		if i.Memory > 0 {
			least = min(least, i.Memory)
		}
	}
	return least
}

// fit chooses unit size, workers and slots so that they fit the memory, and says how much
// is used at most: first units shrink, then workers go.
func (sv *survey) fit(p *Plan, infos []device.Info) error {
	wish, workers, depth := sv.wishes(infos)
	p.Standing = sv.standing()
	m := memory{host: sv.o.MaxRAM - p.Standing - sv.host, device: deviceMemory(infos), devices: len(infos), depth: depth}
	least := sv.slot(min(wish, lastUnitBytes))
	for m.depth > 1 && !m.fits(1, least) { // better without overlap than not at all
		m.depth--
	}
	if need := m.ring(1, least); need > m.host {
		err := tooSmall("the memory limit", p.Standing+sv.host+need, sv.o.MaxRAM, "--max-ram")
		if sv.host > need {
			err.Key = sv.hostKey // whose tensors have to be there as a whole
		}
		return err
	}
	if need := m.onDevice(1, least); need > m.device {
		return tooSmall("the limit of device memory", need, m.device, "--max-vram")
	}
	workers = int(min(int64(workers), m.most(least)))
	for unit := wish; ; {
		slot := sv.slot(unit)
		switch {
		case m.fits(workers, slot):
			p.Ring = Ring{Workers: workers, Depth: m.depth, SlotBytes: slot, UnitBytes: unit}
			p.Standing += m.ring(workers, slot)
			sv.fitLeases(p, &m)
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

func tooSmall(what string, need, have int64, flag string) *tensor.Error {
	return &tensor.Error{Class: tensor.ClassFit, Err: fmt.Errorf("%s is too small for this merge", what),
		Want: "at least " + tensor.BytesUp(need), Got: tensor.Bytes(have), Hint: "raise " + flag}
}

// fitLeases says what is left for jobs beside the ring, and how much is used at most.
func (sv *survey) fitLeases(p *Plan, m *memory) {
	ring := m.onDevice(p.Ring.Workers, p.Ring.SlotBytes)
	left := sv.o.MaxRAM - p.Standing
	p.leasable = min(left, m.device-ring)
	leases := min(sv.leases(p.Ring, p.leasable), left)
	routines := min(sv.host*int64(p.Ring.Workers*p.Ring.Depth), sv.hostAll)
	p.HostBytes = p.Standing + min(leases+routines, left)
	if m.device != math.MaxInt64 {
		p.DeviceBytes = ring + min(leases, m.device-ring)
	}
}

// wishes returns the unit size, workers and depth to start from.
func (sv *survey) wishes(infos []device.Info) (unit int64, workers, depth int) {
	unit, depth = infos[0].UnitBytes, infos[0].Depth
	for _, i := range infos {
		workers += i.Workers
	}
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

// leases returns the most that jobs lease at a time, if a job may lease what is left. While the last units of
// a job are computed, workers without a unit start the next ones.
func (sv *survey) leases(r Ring, left int64) int64 {
	var most int64
	for _, r := range sv.reps {
		if r.resident <= left {
			most = max(most, r.resident)
		}
	}
	return min(most*int64(r.Workers*r.Depth), sv.resident)
}

// Seconds estimates how long the merge takes at the rates of a device. Reading and writing
// share the processors, with computing too if the device is the CPU; a device that works
// beside them overlaps its stages with everything else.
func (p *Plan) Seconds(r device.Rates) float64 {
	per := func(n, rate float64) float64 {
		if rate <= 0 {
			return 0
		}
		return n / rate
	}
	read, write := float64(p.Totals.BytesRead), float64(p.Totals.BytesWrite)
	host := per(read, r.Read) + per(write, r.Write) + per(p.Totals.RoutineOps, routineOps*float64(max(p.Ring.Workers, 1)))
	compute := max(per(read+write, r.Compute), per(p.Totals.Ops, r.Ops))
	if r.Upload <= 0 {
		return host + compute
	}
	return max(host, per(read, r.Upload), per(write, r.Load), compute)
}
