package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// suiteVariable names the library of the CUDA driver on which the tests of the command run, if
// they do not say on what.
const suiteVariable = "MECHA_TEST_CUDA"

// suiteEnv is the environment of a run in the suite.
func suiteEnv(name string) string {
	if name == libcudaVariable {
		return os.Getenv(suiteVariable)
	}
	return ""
}

// onSuiteDevice makes a command that computes do so on the GPU.
func onSuiteDevice(args []string) []string {
	computes := len(args) > 0 && slices.Contains([]string{"merge", "apply", "plan"}, args[0])
	if os.Getenv(suiteVariable) == "" || !computes || slices.Contains(args, "--device") || slices.Contains(args, "--help") {
		return args
	}
	return append(slices.Clone(args), "--device", "cuda")
}

// The tests of the command that merge, on the software GPU, with one device and with two of
// 32 MiB.
func TestTheCommandPassesOnCUDA(t *testing.T) {
	if os.Getenv(suiteVariable) != "" {
		t.Skip("this is the suite")
	}
	dir := softcuda.Build(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, knobs := range [][]string{{"SOFTCUDA_DEVICES=1"}, {"SOFTCUDA_DEVICES=2", "SOFTCUDA_MEMORY=32M", "SOFTCUDA_DELAY_SEED=1"}} {
		t.Run(strings.Join(knobs, " "), func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			cmd := exec.Command(self, "-test.run", "Merge|Output|Recipe|Compat|Mkdir|Plan|Script|Apply|Sweep|Bad|Model",
				"-test.skip", "BenchSavesRates|MergeInJSONEnds|DefaultsOfMerge") // they are about the CPU
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
