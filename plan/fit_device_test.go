package plan_test

import (
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// gpuInfo is a device with memory of its own that works beside the workers.
func gpuInfo(memory int64) device.Info {
	return device.Info{Name: "gpu", Depth: 3, UnitBytes: 4 << 20, Workers: 4, Memory: memory}
}

// TestTheRingFitsTheMemoryOfTheDevice lowers the device's memory until a merge is refused.
func TestTheRingFitsTheMemoryOfTheDevice(t *testing.T) {
	m := lerpOf("weighted_sum", "x F16 4096,4096")
	m.o.MaxRAM = 1 << 40
	last := plan.Ring{Workers: 1 << 30, Depth: 3, UnitBytes: 1 << 40}
	for have := int64(1 << 30); ; have = have * 3 / 4 {
		m.info = gpuInfo(have)
		p, err := m.plan(t)
		if err != nil {
			if tensor.ClassOf(err) != tensor.ClassFit || !strings.Contains(err.Error(), "--max-vram") || have > 8<<10 {
				t.Errorf("%d bytes: %v", have, err)
			}
			return
		}
		r := p.Ring
		switch {
		case r.Bytes() > have || p.DeviceBytes > have || p.DeviceBytes < r.Bytes():
			t.Fatalf("%d bytes: %+v, planned %d", have, r, p.DeviceBytes)
		case r.Workers > last.Workers || r.Depth > last.Depth || r.Depth == 3 && r.Workers == last.Workers && r.UnitBytes > last.UnitBytes:
			t.Fatalf("%d bytes: %+v after %+v", have, r, last)
		}
		last = r
	}
}

// What a job keeps in memory between its sweeps lies on the device as well.
func TestResidentTensorsFitTheMemoryOfTheDevice(t *testing.T) {
	m := lerpOf("slerp", "x F16 4096,4096") // 2 sweeps over 2 tensors of 32 MiB
	for have, want := range map[int64]bool{0: true, 1 << 30: true, 160 << 20: false} {
		m.info = gpuInfo(have)
		p := m.must(t)
		if j := job(t, p, "x"); j.Resident != want || have > 0 && p.DeviceBytes > have {
			t.Errorf("%d bytes: resident is %v, planned %d", have, j.Resident, p.DeviceBytes)
		}
		if have == 0 && p.DeviceBytes != 0 {
			t.Errorf("a device without memory of its own takes %d bytes of it", p.DeviceBytes)
		}
	}
}

// A device that overlaps its stages takes as long as the slowest; the CPU does one after the
// other. Long programs take their time even where bytes are few.
func TestSecondsFollowTheRates(t *testing.T) {
	p := plan.Plan{Totals: plan.Totals{BytesRead: 8e9, BytesWrite: 4e9, Ops: 1e12}}
	for _, c := range []struct {
		r    device.Rates
		want float64
	}{
		{device.Rates{Read: 4e9, Write: 2e9, Compute: 12e9}, 2 + 2 + 1},
		{device.Rates{Read: 4e9, Write: 2e9, Compute: 12e9, Ops: 1e11}, 2 + 2 + 10},
		{device.Rates{Read: 4e9, Write: 2e9, Compute: 12e9, Upload: 1e9, Load: 1e9}, 8},
		{device.Rates{Read: 4e9, Write: 2e9, Compute: 12e9, Upload: 8e9, Load: 8e9, Ops: 1e13}, 4},
	} {
		if got := p.Seconds(c.r); got != c.want {
			t.Errorf("%+v: %v s, want %v", c.r, got, c.want)
		}
	}
}
