package cuda_test

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/exam"
)

func TestTheGPUPassesTheExam(t *testing.T) {
	exam.Run(t, func() device.Device { return open(t) })
}
