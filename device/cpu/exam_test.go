package cpu_test

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/device/exam"
)

func TestEveryTierPassesTheExam(t *testing.T) {
	for _, tier := range cpu.Tiers() {
		t.Run(tier, func(t *testing.T) {
			exam.Run(t, func() device.Device { return open(t, tier) })
		})
	}
}
