package driver_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/cuda/driver/drivertest"
)

// needDriver skips a test where there is no driver and none was named.
func needDriver(t *testing.T) {
	t.Helper()
	if _, err := driver.Open(""); errors.Is(err, driver.ErrNoDriver) && os.Getenv(driver.EnvLibrary) == "" {
		t.Skip(err)
	}
}

func TestDriver(t *testing.T) {
	needDriver(t)
	drivertest.Run(t, func() (driver.API, error) { return driver.Open("") })
}

func TestKernelThatCrashesLosesTheContext(t *testing.T) {
	needDriver(t)
	if os.Getenv("MECHA_GPU_CRASH") != "" {
		drivertest.Crash(t, func() (driver.API, error) { return driver.Open("") })
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "MECHA_GPU_CRASH=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
}
