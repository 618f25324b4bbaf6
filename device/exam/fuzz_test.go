package exam

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
)

// FuzzRandomProgramsCutAnywhere makes a Program from any seed: it is valid, its launch
// fits, and the portable execution gives the same bits for the whole and in pieces.
func FuzzRandomProgramsCutAnywhere(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		err := withQueue(plain{}, func(q device.Queue) error { return Differential(q, seed&^3) })
		if err != nil {
			t.Error(err)
		}
	})
}
