package gauge_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/device/gauge"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Every speed of the CPU is measured, but for copies that it does not make; all memory is given
// back.
func TestTheCPUIsMeasured(t *testing.T) {
	d, err := cpu.Open(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const n = 1 << 18
	if err := f.Truncate(n); err != nil {
		t.Fatal(err)
	}
	r, err := gauge.Measure(context.Background(), d, gauge.Options{Bytes: n, Repeat: 1, File: f})
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]float64{"read": r.Read, "write": r.Write, "clear": r.Clear, "lerp": r.Lerp, "ops": r.Ops, "small": r.Small} {
		if !(x > 0) {
			t.Errorf("%s: %v", name, x)
		}
	}
	if r.Upload != 0 || r.Load != 0 || r.Both != 0 {
		t.Errorf("the CPU copies nothing: %+v", r)
	}
	own := d.Info().Rates
	if got := r.Rates(own); got.Read != r.Read || got.Compute != r.Lerp || got.Ops != r.Ops || got.Upload != own.Upload {
		t.Errorf("rates %+v of %+v", got, r)
	}
	if got := r.Ratios(); len(got) != 1 || got[0].Value <= 0 {
		t.Errorf("ratios %+v", got)
	}
}

func TestMeasuringNothingIsWrongUsage(t *testing.T) {
	d, err := cpu.Open(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []gauge.Options{{Bytes: 100, Repeat: 1}, {Bytes: 1 << 20}} {
		if _, err := gauge.Measure(context.Background(), d, o); tensor.ClassOf(err) != tensor.ClassUsage {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := gauge.Measure(ctx, d, gauge.Options{Bytes: 1 << 20, Repeat: 1}); tensor.ClassOf(err) != tensor.ClassInterrupted {
		t.Errorf("after an interrupt: %v", err)
	}
}

// What was measured replaces only what was measured.
func TestRatesKeepWhatWasNotMeasured(t *testing.T) {
	r := gauge.Result{Upload: 5}
	if got := r.Rates(device.Rates{Read: 1, Upload: 2, Ops: 3}); got != (device.Rates{Read: 1, Upload: 5, Ops: 3}) {
		t.Errorf("%+v", got)
	}
}
