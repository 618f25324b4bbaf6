package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// suiteVariable names the library of the CUDA driver on which the tests of the command run, if
// they do not say on what; "system" is that of a real GPU.
const suiteVariable = "MECHA_TEST_CUDA"

// suiteEnv is the environment of a run in the suite.
func suiteEnv(name string) string {
	if name == libcudaVariable {
		return strings.TrimPrefix(os.Getenv(suiteVariable), "system")
	}
	return ""
}

// onSuiteDevice makes a command that computes do so on the GPU.
func onSuiteDevice(args []string) []string {
	computes := len(args) > 0 && slices.Contains([]string{"merge", "apply", "convert", "plan"}, args[0])
	if os.Getenv(suiteVariable) == "" || !computes || slices.Contains(args, "--device") || slices.Contains(args, "--help") {
		return args
	}
	return append(slices.Clone(args), "--device", "cuda")
}

// aboutTheCPU are the tests that are not of the suite, because they name the CPU.
const aboutTheCPU = "BenchSavesRates|MergeInJSONEnds|DefaultsOfMerge|TheCommandPasses"

// suiteSettings are the knobs of the software GPU with which the suite runs: the first two always,
// and all, with a number of seeds of random delays, if MECHA_TEST_SEEDS asks for them.
func suiteSettings(t *testing.T) [][]string {
	all := [][]string{{"SOFTCUDA_DEVICES=1"}, {"SOFTCUDA_DEVICES=2", "SOFTCUDA_MEMORY=32M", "SOFTCUDA_DELAY_SEED=1"}}
	text := os.Getenv("MECHA_TEST_SEEDS")
	if text == "" {
		return all
	}
	seeds, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, []string{"SOFTCUDA_DEVICES=2"}, []string{"SOFTCUDA_DEVICES=1", "SOFTCUDA_MEMORY=32M"}, []string{"SOFTCUDA_LATE=1"})
	for seed := 2; seed <= seeds; seed++ {
		all = append(all, []string{fmt.Sprint("SOFTCUDA_DEVICES=", 1+seed%2), "SOFTCUDA_MEMORY=32M", fmt.Sprint("SOFTCUDA_DELAY_SEED=", seed)})
	}
	return all
}

// All tests of the command pass on the software GPU, with one device and with two, with little
// memory and with delays at random places.
func TestTheCommandPassesOnCUDA(t *testing.T) {
	if os.Getenv(suiteVariable) != "" {
		t.Skip("this is the suite")
	}
	dir := softcuda.Build(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, knobs := range suiteSettings(t) {
		t.Run(strings.Join(knobs, " "), func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			cmd := exec.Command(self, "-test.skip", aboutTheCPU)
			cmd.Env = append(softcuda.Env(dir, append(knobs, "SOFTCUDA_LOG="+log)...), suiteVariable+"="+filepath.Join(dir, softcuda.Library))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			l := softcuda.ReadLog(t, log)
			l.Clean(t)
			if l.Count("cuLaunchKernel") == 0 {
				t.Error("no command reached the GPU")
			}
		})
	}
}
