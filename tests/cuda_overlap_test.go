package tests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// overlapVariable asks for the measurement of overlap, which takes time and an idle machine:
// make overlap sets it.
const overlapVariable = "MECHA_OVERLAP"

// stageTime is what every stage of a unit takes: reading, upload, compute, download, writing.
const stageTime = 20 * time.Millisecond

// slowSource takes its time for every read, and slowSink for every write.
type slowSource struct {
	tensor.Source
	delay time.Duration
}

func (slowSource) View(int64, int64) []byte { return nil }

func (s slowSource) ReadAt(dst []byte, pos int64) error {
	time.Sleep(s.delay)
	return s.Source.ReadAt(dst, pos)
}

type slowSink struct {
	tensor.Sink
	delay time.Duration
}

func (slowSink) View(int64, int64) []byte { return nil }

func (s slowSink) WriteAt(p []byte, pos int64) error {
	time.Sleep(s.delay)
	return s.Sink.WriteAt(p, pos)
}

// TestStagesOverlap lets every stage take equally long, and demands that a merge takes at most
// half of what its stages take together. The table of a launch is uploaded too, so that an upload
// is two operations of half the time.
func TestStagesOverlap(t *testing.T) {
	onSuite(t)
	if os.Getenv(overlapVariable) == "" {
		t.Skip("it measures time; run make overlap")
	}
	t.Setenv("SOFTCUDA_DELAY", fmt.Sprintf("h2d=%dus,kernel=%dus,d2h=%dus", stageTime.Microseconds()/2, stageTime.Microseconds(), stageTime.Microseconds()))
	lib := filepath.Join(softcuda.Build(t), softcuda.Library)
	const units, unit = 48, 16 << 10
	for _, workers := range []int{1, 2, 3, 4} {
		o := mecha.Options{Devices: cudaDevices(lib), Threads: workers, UnitBytes: unit, MaxRAM: 256 << 20, Sources: map[string]tensor.Source{}}
		for seed, name := range []string{"a", "b"} {
			src, err := memory.NewSource(name, memory.Dict{"w": weights(uint64(seed), tensor.F16, units*unit/2)}, nil)
			check(t, err)
			o.Sources[name] = slowSource{src, stageTime / 2}
		}
		r, err := mecha.ParseRecipe([]byte(recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.3`)), "r", o)
		check(t, err)
		start := time.Now()
		rep, err := mecha.MergeInto(context.Background(), r, slowSink{memory.NewSink("out", nil), stageTime}, o)
		check(t, err)
		wall, sum := time.Since(start)-rep.Time.Plan, units*5*stageTime
		ratio := float64(wall) / float64(sum)
		t.Logf("%d workers: %d units in %v, %.3f of the %v that their stages take", workers, rep.Units, wall.Round(time.Millisecond), ratio, sum)
		if ratio > 0.5 {
			t.Errorf("%d workers: %.3f of the sum of all stages", workers, ratio)
		}
	}
}
