package cpu_test

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/kernels/simd"
)

// open returns a device of the tier, or skips if this processor does not have it.
func open(t testing.TB, tier string) *cpu.Device {
	t.Helper()
	if tier == cpu.AVX2 && !simd.Available() {
		t.Skip("no AVX2, FMA and F16C on this processor")
	}
	d, err := cpu.Open(cpu.Options{Threads: 2, SIMD: tier})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
