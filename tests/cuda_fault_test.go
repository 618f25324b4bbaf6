package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// gpuRecipe has elementwise work, and work in two sweeps on tensors that stay on the device.
const gpuRecipe = `merge "slerp" &0 &1 alpha=0.3
merge "weighted_sum" &2 &0 alpha=0.25`

// gpuFolder writes two models with small and large keys, and the recipe.
func gpuFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for seed, name := range []string{"a", "b"} {
		d := memory.Dict{"large": weights(uint64(seed), tensor.F16, 300, 70), "larger": weights(uint64(seed+9), tensor.F32, 200, 90)}
		for i := range 12 {
			d[fmt.Sprint("small", i)] = weights(uint64(seed+20+i), tensor.BF16, 40)
		}
		check(t, os.WriteFile(filepath.Join(dir, name), encode(t, d, nil), 0o600))
	}
	check(t, os.WriteFile(filepath.Join(dir, "r.mecha"), []byte(recipeFor("ab", strings.Split(gpuRecipe, "\n")...)), 0o600))
	return dir
}

// gpuChild merges in a folder: its arguments are the folder, the device and the policy for its
// errors.
func gpuChild(args []string) error {
	o := mecha.Options{ModelDirs: args[:1], Threads: 1, UnitBytes: 32 << 10, MaxRAM: 64 << 20}
	if args[1] == "cuda" {
		o.Devices = cudaDevices(os.Getenv("MECHA_GPU_LIBCUDA"))
	}
	if args[2] == "fail" {
		o.OnDeviceError = mecha.StopOnDeviceError
	}
	r, err := mecha.LoadRecipe(context.Background(), filepath.Join(args[0], "r.mecha"), o)
	if err != nil {
		return err
	}
	rep, err := mecha.Merge(context.Background(), r, filepath.Join(args[0], "out"), o)
	if err != nil {
		return fmt.Errorf("class %v: %w", tensor.ClassOf(err), err)
	}
	fmt.Printf("errors %d: %q\n", rep.DeviceErrors.Count, rep.DeviceErrors.Names)
	return nil
}

// gpuRun merges in a folder and returns what came out, nil if nothing did, with what was printed.
func gpuRun(t *testing.T, dir, device, policy string, knobs ...string) (out []byte, text string, ok bool) {
	t.Helper()
	cmd := child(t, "gpu", dir, device, policy)
	if device == "cuda" {
		cmd.Env = append(softcuda.Env(softcuda.Build(t), knobs...), childVar+"=gpu")
	}
	printed, err := cmd.CombinedOutput()
	out, rerr := os.ReadFile(filepath.Join(dir, "out"))
	if rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		t.Fatal(rerr)
	}
	if rerr == nil {
		check(t, os.Remove(filepath.Join(dir, "out")))
	}
	left, lerr := filepath.Glob(filepath.Join(dir, ".*"))
	if lerr != nil || len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	return out, string(printed), err == nil
}

// failureCodes are results of driver calls: an ordinary refusal, memory that is used up, and a
// device that is lost.
var failureCodes = []int{1, 2, 719}

// A failure of any call of the driver, whichever it is, leaves the right output or, if the policy
// is to fail, none; nothing crashes, nothing is left, and nothing is leaked.
func TestFailureOfEveryCallOfTheDriver(t *testing.T) {
	onSuite(t)
	dir := gpuFolder(t)
	want, text, ok := gpuRun(t, dir, "cpu", "fail")
	if !ok || want == nil {
		t.Fatal(text)
	}
	log := filepath.Join(t.TempDir(), "log")
	got, text, ok := gpuRun(t, dir, "cuda", "fail", "SOFTCUDA_LOG="+log)
	if !ok || !bytes.Equal(got, want) {
		t.Fatalf("without a failure: equal bytes %v, %s", bytes.Equal(got, want), text)
	}
	calls := 0
	for _, c := range softcuda.ReadLog(t, log).Calls {
		if !strings.HasPrefix(c.Name, "cuGetError") && !strings.HasPrefix(c.Name, "cuCtxSetCurrent") && !strings.HasPrefix(c.Name, "cuCtxGetCurrent") {
			calls++
		}
	}
	step := 1
	if seeds(t) == 0 { // make soft takes them all
		step = max(calls/12, 1)
	}
	t.Logf("%d calls", calls)
	for n := 1; n <= calls; n += step {
		for k, code := range failureCodes {
			if seeds(t) == 0 && k != n%len(failureCodes) {
				continue
			}
			for _, policy := range []string{"cpu", "fail"} {
				failAt(t, dir, want, policy, n, code)
			}
		}
	}
}

// failAt lets one call fail.
func failAt(t *testing.T, dir string, want []byte, policy string, n, code int) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	got, text, ok := gpuRun(t, dir, "cuda", policy, fmt.Sprintf("SOFTCUDA_FAIL=any:%d:%d", n, code), "SOFTCUDA_LOG="+log)
	l := softcuda.ReadLog(t, log)
	where := fmt.Sprintf("call %d fails with %d, policy %s", n, code, policy)
	if n <= len(l.Calls) {
		where += " (" + firstFailed(l) + ")"
	}
	switch {
	case got != nil && !bytes.Equal(got, want):
		t.Errorf("%s: a wrong output", where)
	case ok && got == nil:
		t.Errorf("%s: success without an output", where)
	case !ok && !strings.Contains(text, "class device"):
		t.Errorf("%s: %s", where, text)
	case !ok && got != nil:
		t.Errorf("%s: an output with the failure %s", where, text)
	case !ok && policy == "cpu" && strings.Contains(text, "cuEventSynchronize"):
		t.Errorf("%s: not rescued: %s", where, text)
	}
	for _, v := range l.Violations {
		t.Errorf("%s: %s", where, v)
	}
	if kinds := l.Kinds(); code != 719 && len(kinds) > 0 || kinds["context"] > 0 {
		t.Errorf("%s: leaks %v", where, kinds)
	}
}

func firstFailed(l softcuda.Log) string {
	for _, c := range l.Calls {
		if c.Result != 0 {
			return c.Name
		}
	}
	return "no call failed"
}
