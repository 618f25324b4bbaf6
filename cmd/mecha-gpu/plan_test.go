package main

import (
	"strings"
	"testing"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

// Estimates of any size are times as people write them.
func TestPlansSayTimesInWords(t *testing.T) {
	for seconds, want := range map[float64]string{0: "about 1µs\n", 4e-7: "about 1µs\n", 0.0123456: "about 12.3ms\n", 4.3: "about 4.3s\n", 3725.4: "about 1h2m5s\n"} {
		if got := planText(&mecha.PlanReport{Seconds: seconds}); !strings.Contains(got, want) {
			t.Errorf("%g seconds:\n%s", seconds, got)
		}
	}
}
