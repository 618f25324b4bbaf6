package cuda_test

import (
	"errors"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device/exam"
)

// FuzzProgramsOnTheGPU: random Programs on random data give the bits of the definition.
func FuzzProgramsOnTheGPU(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		d := open(t)
		q, err := d.NewQueue()
		check(t, err)
		check(t, exam.Differential(q, seed))
		check(t, errors.Join(q.Close(), d.Close()))
	})
}
