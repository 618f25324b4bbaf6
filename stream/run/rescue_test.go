package run_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
)

// Whichever call of a device fails, and however often from then on, the work is done again on
// another device with the same bytes, and the failures are in the report.
func TestAnyFaultOfADeviceIsRescued(t *testing.T) {
	for _, lasting := range []bool{false, true} {
		w := faulty(t)
		w.ring.Depth = 3
		try := func(at int64) (int64, outcome) {
			d := newTestDevice(true, uint64(at))
			d.faults = &faults{at: at, lasting: lasting}
			out := w.run(inTime(t), d, &memSink{}, run.Options{CheckOutput: true, Rescue: newTestDevice(false, 1)})
			return d.faults.calls.Load(), out
		}
		n, want := try(-1)
		if want.err != nil || want.report.Rescued != 0 || n < 50 {
			t.Fatalf("%d calls, %v", n, want.err)
		}
		step := int64(1)
		if race {
			step = 7 // slow
		}
		for i := int64(1); i <= n; i += step {
			calls, out := try(i)
			if calls < i {
				continue // other workers were faster this time
			}
			if out.err != nil || !bytes.Equal(out.sink.data, want.sink.data) {
				t.Fatalf("lasting %v, call %d of %d failed: %v, equal bytes %v", lasting, i, n, out.err, out.err == nil && bytes.Equal(out.sink.data, want.sink.data))
			}
			if r := out.report; r.Rescued == 0 || !errors.Is(r.Rescues[0].Err, errInjected) || r.Rescues[0].Device != "test" {
				t.Errorf("lasting %v, call %d of %d failed: %d failures in the report", lasting, i, n, r.Rescued)
			}
		}
	}
}

// Two devices share a run; what stays on one of them is computed there, and each gives its own
// memory only.
func TestDevicesWithMemoryShareARun(t *testing.T) {
	w := faulty(t)
	w.ring.Depth, w.ring.Workers = 2, 4
	a, b := newTestDevice(true, 1), newTestDevice(true, 2)
	a.memory, b.memory = 64<<20, 64<<20
	want := w.run(inTime(t), newTestDevice(false, 1), &memSink{}, run.Options{CheckOutput: true})
	out := w.runOn(inTime(t), []device.Device{a, b}, &memSink{}, run.Options{CheckOutput: true})
	if out.err != nil || !bytes.Equal(out.sink.data, want.sink.data) {
		t.Fatalf("%v, equal bytes %v", out.err, bytes.Equal(out.sink.data, want.sink.data))
	}
	slots := 2 * int64(w.ring.Depth) * w.ring.SlotBytes // of two workers
	if p := out.report.PeakDevice; p < slots || p > 64<<20 {
		t.Errorf("%d bytes of a device were leased, its slots have %d", p, slots)
	}
	a, b = newTestDevice(true, 1), newTestDevice(true, 2)
	a.memory, b.memory = 64<<20, slots-1
	if out := w.runOn(inTime(t), []device.Device{a, b}, &memSink{}, run.Options{}); out.err == nil {
		t.Error("slots took more than the memory of a device")
	}
}
