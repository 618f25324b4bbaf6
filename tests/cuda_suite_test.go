package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/cuda"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// suiteVariable names the library of the CUDA driver on which the tests of this package run
// their merges, if they do not say on what; "system" is that of a real GPU.
const suiteVariable = "MECHA_TEST_CUDA"

// onSuiteDevice completes options whose merge may run on any device.
func onSuiteDevice(o mecha.Options) mecha.Options {
	if lib := os.Getenv(suiteVariable); lib != "" && o.Devices == nil {
		o.Devices, o.OnDeviceError = cudaDevices(lib), mecha.StopOnDeviceError
	}
	return o
}

// cudaDevices opens the GPUs of a driver, and nothing else.
func cudaDevices(lib string) []device.Opener {
	return []device.Opener{cuda.Opener(cuda.Options{Library: strings.TrimPrefix(lib, "system"), Poison: true})}
}

// suite are the tests that say nothing about the device, and so have to pass on every one.
const suite = "Conformance|TestRow|BadInput|Cancelled|InputThatChanges|Casts|Converted|VAE|AreTheFilesOfSingle|" +
	"OutputsHave|PartsOf|LoRAsAre|Extracted|FormOf|Products|Strict|TestReport|Shapes|Computed|Half|KeyThat|NaN|ASweep|ModelThat"

// runSuite runs the suite on the driver with some knobs, in a process of its own because a
// driver reads its knobs once.
func runSuite(t *testing.T, dir, which string, knobs ...string) {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	log := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(self, "-test.run", which)
	cmd.Env = append(softcuda.Env(dir, append(knobs, "SOFTCUDA_LOG="+log)...), suiteVariable+"="+filepath.Join(dir, softcuda.Library))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", knobs, err, out)
	}
	l := softcuda.ReadLog(t, log)
	l.Clean(t)
	if l.Count("cuLaunchKernel") == 0 {
		t.Error("the suite did not reach the GPU")
	}
}

// onSuite skips a test in a process that runs the suite.
func onSuite(t *testing.T) {
	if os.Getenv(suiteVariable) != "" {
		t.Skip("this is the suite")
	}
}

// seedsVariable is the number of seeds of random delays. It also asks for the whole suite with
// every setting, which takes minutes: make soft sets it to 20.
const seedsVariable = "MECHA_TEST_SEEDS"

// seeds returns how many seeds are asked for, 0 if nothing is.
func seeds(t *testing.T) (n int) {
	if text := os.Getenv(seedsVariable); text != "" {
		_, err := fmt.Sscan(text, &n)
		check(t, err)
	}
	return n
}

func TestTheSuitePassesOnCUDA(t *testing.T) {
	onSuite(t)
	dir := softcuda.Build(t)
	settings := [][]string{{"SOFTCUDA_MEMORY=32M", "SOFTCUDA_DEVICES=2"}, {"SOFTCUDA_DEVICES=1"}, {"SOFTCUDA_DEVICES=2"}, {"SOFTCUDA_LATE=1"}}
	which := suite
	if seeds(t) == 0 {
		settings, which = settings[:1], "Conformance|TestRow|Casts|Converted|LoRAsAre|Extracted|Products|Strict|TestReport|Computed|NaNThatIsRefused|ASweep"
	}
	for _, knobs := range settings {
		t.Run(strings.Join(knobs, " "), func(t *testing.T) { runSuite(t, dir, which, knobs...) })
	}
}

// With delays at random places, and blocks and threads in another order, no byte changes.
func TestNoByteDependsOnTheOrderOfAsynchronousWork(t *testing.T) {
	onSuite(t)
	dir := softcuda.Build(t)
	for seed := range max(seeds(t), 1) {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			runSuite(t, dir, "Conformance|Row4|Row19|Casts", fmt.Sprint("SOFTCUDA_DELAY_SEED=", seed+1), "SOFTCUDA_DEVICES=2")
		})
	}
}
