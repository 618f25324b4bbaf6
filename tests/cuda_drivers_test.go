package tests

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// A driver whose calls fail is no reason for devices and bench to say nothing of the CPU.
func TestDriversThatFailAreListed(t *testing.T) {
	onSuite(t)
	lib := softcuda.Build(t)
	for _, c := range []struct {
		fail string
		args []string
	}{
		{"cuDeviceGetName:1", []string{"devices"}},
		{"cuDevicePrimaryCtxRetain:1", []string{"bench", "--bytes", "64K", "--repeat", "1"}},
	} {
		stdout, stderr, exit := runProgram(t, program(t), softcuda.Env(lib, "SOFTCUDA_FAIL="+c.fail), c.args...)
		if exit != 0 || !strings.Contains(stdout, "none: ") || !strings.Contains(stdout, "CUDA_ERROR_UNKNOWN") || !strings.Contains(stdout, "cpu") {
			t.Errorf("%q: exit %d, %s%s", c.args, exit, stdout, stderr)
		}
	}
}

// Where there is a driver but no GPU to use, a merge says why and takes the CPU; one that asks
// for a GPU ends with the reason, a code and no file.
func TestDriversWithoutAUsableGPU(t *testing.T) {
	onSuite(t)
	lib, dir := softcuda.Build(t), gpuFolder(t)
	out := filepath.Join(dir, "out")
	merge := func(env []string, device string) (stderr string, exit int) {
		_, stderr, exit = runProgram(t, program(t), env, "merge", filepath.Join(dir, "r.mecha"), "-o", out, "--device", device)
		return stderr, exit
	}
	if stderr, exit := merge(noDriver(t), "cpu"); exit != 0 {
		t.Fatal(stderr)
	}
	want, err := os.ReadFile(out)
	check(t, err)
	for _, c := range []struct{ name, knob, why string }{
		{"no device", "SOFTCUDA_DEVICES=0", "no CUDA device"},
		{"hidden devices", "CUDA_VISIBLE_DEVICES=", `CUDA_VISIBLE_DEVICES="", which may hide them`},
		{"devices that are not there", "CUDA_VISIBLE_DEVICES=5", `CUDA_VISIBLE_DEVICES="5", which may hide them`},
		{"old devices", "SOFTCUDA_CC=6.1", "compute capability 6.1, at least 7.0 is needed"},
		{"an old driver", "SOFTCUDA_VERSION=10020", "supports CUDA 10.2, 11.0 is needed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, os.Remove(out))
			env := append(softcuda.Env(lib, c.knob), "XDG_CACHE_HOME="+t.TempDir())
			for _, device := range []string{"cuda", "cuda:0"} {
				stderr, exit := merge(env, device)
				if _, err := os.Stat(out); exit != 7 || err == nil || !strings.Contains(stderr, c.why) {
					t.Errorf("--device %s: exit %d, %s", device, exit, stderr)
				}
			}
			if stdout, stderr, exit := runProgram(t, program(t), env, "devices"); exit != 0 || !strings.Contains(stdout, c.why) {
				t.Errorf("devices: exit %d, %s%s", exit, stdout, stderr)
			}
			stderr, exit := merge(env, "auto")
			got, err := os.ReadFile(out)
			if err != nil || exit != 0 || !bytes.Equal(got, want) || !strings.Contains(stderr, c.why) {
				t.Errorf("--device auto: exit %d, %v, %s", exit, err, stderr)
			}
		})
	}
}
