package mecha_test

import (
	"context"
	"strings"
	"testing"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// far is the CPU behind a bus, as its Info says.
type far struct {
	device.Device
	info   device.Info
	closed *int
}

func (f far) Info() device.Info { return f.info }
func (f far) Close() error      { *f.closed++; return f.Device.Close() }

// farOpener opens a device whose bus moves the given bytes per second.
func farOpener(t *testing.T, bus float64, memory int64, closed *int) device.Opener {
	return device.Opener{Kind: "far", Open: func(ctx context.Context, o device.Options) ([]device.Device, string, error) {
		d, err := cpu.Open(cpu.Options{Threads: 1})
		check(t, err)
		info := d.Info()
		info.Name, info.Detail, info.Memory = "far:0", "a test", memory
		info.Rates = device.Rates{Read: 1e12, Write: 1e12, Upload: bus, Load: bus, Compute: 1e12}
		return []device.Device{far{d, info, closed}}, "", nil
	}}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lerpOn merges two small models on devices and returns the report.
func lerpOn(t *testing.T, o mecha.Options) (*mecha.Report, error) {
	t.Helper()
	o.Sources = map[string]tensor.Source{}
	for _, name := range []string{"a", "b"} {
		src, err := memory.NewSource(name, memory.Dict{"w": vector(1, 2)}, nil)
		check(t, err)
		o.Sources[name] = src
	}
	r, err := mecha.ParseRecipe([]byte("version 0.1.0\nmodel \"a\"\nmodel \"b\"\nmerge \"weighted_sum\" &0 &1 alpha=0.5\n"), "r", o)
	check(t, err)
	return mecha.MergeInto(context.Background(), r, memory.NewSink("out", nil), o)
}

// The first kind that opens is used if nothing else is asked for, the fastest one otherwise;
// what was opened is closed, and the report has the numbers.
func TestThePlanChoosesTheFastestDevice(t *testing.T) {
	for _, c := range []struct {
		fastest bool
		bus     float64
		want    string
		why     []string
	}{
		{false, 1, "far:0", []string{"only device that was asked for"}},
		{true, 1e12, "far:0", []string{"against", "on cpu"}},
		{true, 1, "cpu", []string{"against", "on far:0", "go over the bus in 16s", "come back in 8s"}},
	} {
		closed := 0
		rep, err := lerpOn(t, mecha.Options{FastestDevice: c.fastest, Devices: []device.Opener{farOpener(t, c.bus, 0, &closed), cpu.Opener("")}})
		check(t, err)
		if !strings.HasPrefix(rep.Device, c.want+" (") || closed != 1 {
			t.Errorf("%+v: device %q, %d closed", c, rep.Device, closed)
		}
		for _, w := range c.why {
			if !strings.Contains(rep.Why, w) {
				t.Errorf("%+v: why %q, want %q", c, rep.Why, w)
			}
		}
	}
}

// Rates that were measured take the place of the device's own.
func TestMeasuredRatesDecide(t *testing.T) {
	closed := 0
	rep, err := lerpOn(t, mecha.Options{FastestDevice: true, Devices: []device.Opener{farOpener(t, 1, 0, &closed), cpu.Opener("")},
		Rates: map[string]device.Rates{"far:0 (a test)": {Read: 1e15, Write: 1e15, Upload: 1e15, Load: 1e15, Compute: 1e15}}})
	check(t, err)
	if !strings.HasPrefix(rep.Device, "far:0") {
		t.Errorf("device %q: %s", rep.Device, rep.Why)
	}
}

// A device on which the merge does not fit, or that cannot be opened, is passed over with its
// reason if the plan chooses, and an error if it was asked for.
func TestDevicesThatCannotBeUsedArePassedOver(t *testing.T) {
	broken := device.Opener{Kind: "broken", Open: func(context.Context, device.Options) ([]device.Device, string, error) {
		return nil, "", tensor.Errorf(tensor.ClassDevice, "it smokes")
	}}
	absent := device.Opener{Kind: "absent", Open: func(context.Context, device.Options) ([]device.Device, string, error) {
		return nil, "nothing is plugged in", nil
	}}
	closed := 0
	all := []device.Opener{broken, absent, farOpener(t, 1e12, 1, &closed), cpu.Opener("")}
	rep, err := lerpOn(t, mecha.Options{FastestDevice: true, Devices: all})
	check(t, err)
	for _, w := range []string{"broken: it smokes", "absent: nothing is plugged in", "far: ", "device memory is too small"} {
		if !strings.Contains(rep.Why, w) {
			t.Errorf("why %q, want %q", rep.Why, w)
		}
	}
	if !strings.HasPrefix(rep.Device, "cpu") || closed != 1 {
		t.Errorf("device %q, %d closed", rep.Device, closed)
	}
	if _, err := lerpOn(t, mecha.Options{Devices: all}); tensor.ClassOf(err) != tensor.ClassDevice {
		t.Errorf("a broken device that was asked for: %v", err)
	}
	if _, err := lerpOn(t, mecha.Options{Devices: all[2:]}); tensor.ClassOf(err) != tensor.ClassFit {
		t.Errorf("a small device that was asked for: %v", err)
	}
	if _, err := lerpOn(t, mecha.Options{Devices: all[1:2]}); tensor.ClassOf(err) != tensor.ClassDevice {
		t.Errorf("no device: %v", err)
	}
}
