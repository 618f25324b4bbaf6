//go:build cgo && (linux || windows) && (amd64 || arm64)

package driver_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/cuda/driver/drivertest"
	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// open opens the driver that the environment names, and otherwise the software driver.
func open(t *testing.T) func() (driver.API, error) {
	t.Helper()
	path := os.Getenv(driver.EnvLibrary)
	if path == "" {
		path = filepath.Join(softcuda.Build(t), softcuda.Library)
	}
	return func() (driver.API, error) { return driver.Open(path) }
}

func TestDriver(t *testing.T) { drivertest.Run(t, open(t)) }

// again runs one of the tests below in a process of its own, where the driver reads its
// environment anew, and returns what it printed.
func again(t *testing.T, test string, env ...string) []byte {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v", "-test.count=1")
	cmd.Env = append(append(os.Environ(), "MECHA_GPU_TEST_CHILD="+test), env...)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+test)) {
		t.Errorf("%s with %q: %v\n%s", test, env, err, out)
	}
	return out
}

// child reports whether this process was started by again for this test.
func child(t *testing.T) bool { return os.Getenv("MECHA_GPU_TEST_CHILD") == t.Name() }

func TestKernelThatCrashesLosesTheContext(t *testing.T) {
	if child(t) {
		drivertest.Crash(t, open(t))
		return
	}
	open(t) // builds it, or skips
	again(t, t.Name())
}

// needSoftware skips a test of what only the software driver can be told.
func needSoftware(t *testing.T) {
	t.Helper()
	if path := os.Getenv(driver.EnvLibrary); path != "" {
		t.Skipf("%s names a driver: %s", driver.EnvLibrary, path)
	}
	open(t)
}

// intended are what the tests do wrong on purpose, as the software driver reports it.
var intended = []string{"the module cannot be loaded: ", "launch of nothing: "}

func TestDriverOnTwoDevicesWithRandomDelays(t *testing.T) {
	needSoftware(t)
	for seed := range 3 {
		file := filepath.Join(t.TempDir(), "log")
		again(t, "TestDriver", "SOFTCUDA_DEVICES=2", "SOFTCUDA_DELAY_SEED="+strconv.Itoa(seed), "SOFTCUDA_LOG="+file)
		log := softcuda.ReadLog(t, file)
		var wrong []string
		for _, v := range log.Violations {
			if !strings.HasPrefix(v, intended[0]) && !strings.HasPrefix(v, intended[1]) {
				wrong = append(wrong, v)
			}
		}
		log.Violations = wrong
		log.Clean(t)
		if log.Count("cuLaunchKernel") < 100 {
			t.Errorf("seed %d: the log has %d launches", seed, log.Count("cuLaunchKernel"))
		}
	}
}

func TestDriverHonoursVisibleDevices(t *testing.T) {
	if child(t) {
		api, err := open(t)()
		if err != nil {
			t.Fatal(err)
		}
		n, err := api.DeviceCount()
		t.Logf("devices: %d, %v", n, err)
		return
	}
	needSoftware(t)
	out := again(t, t.Name(), "SOFTCUDA_DEVICES=3", "CUDA_VISIBLE_DEVICES=2,0")
	if !bytes.Contains(out, []byte("devices: 2, <nil>")) {
		t.Errorf("got\n%s", out)
	}
}

func TestFailureOfTheDriverIsTold(t *testing.T) {
	if child(t) {
		api, err := open(t)()
		if err != nil {
			t.Fatal(err)
		}
		d, err := api.DeviceGet(0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = api.PrimaryCtxRetain(d)
		t.Logf("failure: %v", err)
		return
	}
	needSoftware(t)
	out := again(t, t.Name(), "SOFTCUDA_FAIL=cuDevicePrimaryCtxRetain:1:2")
	if !bytes.Contains(out, []byte("failure: cuDevicePrimaryCtxRetain on device 0: out of memory (CUDA_ERROR_OUT_OF_MEMORY, 2)")) {
		t.Errorf("got\n%s", out)
	}
}

// BenchmarkCall measures what a call costs on this side of the driver, with a question that
// the software driver answers at once.
func BenchmarkCall(b *testing.B) {
	api, err := driver.Open(filepath.Join(softcuda.Build(b), softcuda.Library))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := api.DeviceAttribute(0, driver.AttrWarpSize); err != nil {
			b.Fatal(err)
		}
	}
}
