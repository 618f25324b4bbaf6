package tests

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// runProgram runs a binary and returns what it printed, and its exit code.
func runProgram(t *testing.T, binary string, env []string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// noDriver is an environment in which no CUDA driver is found.
func noDriver(t *testing.T) []string {
	return append(os.Environ(), "MECHA_GPU_LIBCUDA="+filepath.Join(t.TempDir(), "libcuda.so.1"), "XDG_CACHE_HOME="+t.TempDir())
}

// The program as it is built for everybody is not linked against libcuda, starts without it, and
// says why the CPU is used; so does one that was built without cgo.
func TestTheProgramStartsWithoutADriver(t *testing.T) {
	onSuite(t)
	pure := filepath.Join(t.TempDir(), "pure")
	build := exec.Command("go", "build", "-o", pure, "../cmd/mecha-gpu")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir, env := gpuFolder(t), noDriver(t)
	var first []byte
	for _, c := range []struct{ binary, why string }{{program(t), "cannot open shared object file"}, {pure, "without cgo"}} {
		if runtime.GOOS != "linux" {
			c.why = "no CUDA driver"
		}
		if stdout, stderr, exit := runProgram(t, c.binary, env, "devices"); exit != 0 || !strings.Contains(stdout, c.why) || !strings.Contains(stdout, "no CUDA driver") {
			t.Errorf("devices: exit %d, %s%s", exit, stdout, stderr)
		}
		out := filepath.Join(dir, "out")
		_, stderr, exit := runProgram(t, c.binary, env, "merge", filepath.Join(dir, "r.mecha"), "-o", out)
		if exit != 0 || !strings.Contains(stderr, "cuda: no CUDA driver") || !strings.Contains(stderr, "cpu (") {
			t.Errorf("merge: exit %d, %s", exit, stderr)
		}
		got, err := os.ReadFile(out)
		check(t, err)
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Error("other bytes without cgo")
		}
		if _, stderr, exit := runProgram(t, c.binary, env, "merge", filepath.Join(dir, "r.mecha"), "-o", out, "--device", "cuda"); exit != 7 || !strings.Contains(stderr, "no CUDA driver") {
			t.Errorf("merge --device cuda: exit %d, %s", exit, stderr)
		}
	}
	if runtime.GOOS == "linux" {
		f, err := elf.Open(program(t))
		check(t, err)
		defer f.Close()
		libs, err := f.ImportedLibraries()
		check(t, err)
		for _, l := range libs {
			if strings.Contains(l, "cuda") {
				t.Errorf("the program is linked against %s", l)
			}
		}
	}
}

// The command on the software GPU: devices are listed, chosen and limited, and give the bytes of
// the CPU.
func TestTheProgramOnTheGPU(t *testing.T) {
	onSuite(t)
	lib, dir, log := softcuda.Build(t), gpuFolder(t), filepath.Join(t.TempDir(), "log")
	env := append(softcuda.Env(lib, "SOFTCUDA_DEVICES=2", "SOFTCUDA_MEMORY=32M", "SOFTCUDA_LOG="+log), "XDG_CACHE_HOME="+t.TempDir())
	stdout, stderr, exit := runProgram(t, program(t), env, "devices", "--json")
	var list struct {
		CUDA struct {
			Version string `json:"driver_version"`
			GPUs    []struct {
				Name, PCI string
				Memory    int64
			}
		}
	}
	check(t, json.Unmarshal([]byte(stdout), &list))
	if g := list.CUDA.GPUs; exit != 0 || len(g) != 2 || g[1].PCI == "" || g[1].Memory != 32<<20 || list.CUDA.Version != "12.4" {
		t.Errorf("devices: exit %d, %s%s", exit, stdout, stderr)
	}
	merge := func(args ...string) (out []byte, stderr string, exit int) {
		path := filepath.Join(dir, "out")
		_, stderr, exit = runProgram(t, program(t), env, append([]string{"merge", filepath.Join(dir, "r.mecha"), "-o", path}, args...)...)
		out, err := os.ReadFile(path)
		if err == nil {
			check(t, os.Remove(path))
		}
		return out, stderr, exit
	}
	want, stderr, exit := merge("--device", "cpu")
	if exit != 0 {
		t.Fatal(stderr)
	}
	for _, device := range []string{"cuda", "cuda:0", "cuda:1", "cuda:0,1", "auto"} {
		got, stderr, exit := merge("--device", device, "--max-vram", "20MiB")
		if exit != 0 || !bytes.Equal(got, want) {
			t.Errorf("--device %s: exit %d, equal bytes %v, %s", device, exit, bytes.Equal(got, want), stderr)
		}
		if device == "cuda:0,1" && !strings.Contains(stderr, "they are the only devices") {
			t.Errorf("--device %s: the report is %s", device, stderr)
		}
		if device == "cuda:1" && !strings.Contains(stderr, "cuda:1 (Software CUDA device 1") || device == "auto" && !strings.Contains(stderr, "against") {
			t.Errorf("--device %s: the report is %s", device, stderr)
		}
	}
	for _, c := range []struct {
		args []string
		exit int
		text string
	}{
		{[]string{"--device", "cuda:2"}, 2, "there is no device cuda:2"},
		{[]string{"--device", "cuda", "--max-vram", "1K"}, 5, "raise --max-vram"},
	} {
		if out, stderr, exit := merge(c.args...); exit != c.exit || out != nil || !strings.Contains(stderr, c.text) {
			t.Errorf("%q: exit %d, %s", c.args, exit, stderr)
		}
	}
	stdout, stderr, exit = runProgram(t, program(t), env, "bench", "--device", "cuda:0", "--bytes", "256K", "--repeat", "1", "--json")
	var bench struct{ Result map[string]float64 }
	if err := json.Unmarshal([]byte(stdout), &bench); err != nil || exit != 0 || bench.Result["upload"] <= 0 || bench.Result["load"] <= 0 || bench.Result["lerp"] <= 0 {
		t.Errorf("bench: exit %d, %v, %s%s", exit, err, stdout, stderr)
	}
	softcuda.ReadLog(t, log).Clean(t)
}

// The report says which work of which key a GPU failed at, and that it was done again.
func TestTheReportNamesWhatAGPUFailedAt(t *testing.T) {
	onSuite(t)
	dir := gpuFolder(t)
	want, text, ok := gpuRun(t, dir, "cpu", "fail")
	if !ok {
		t.Fatal(text)
	}
	got, text, ok := gpuRun(t, dir, "cuda", "cpu", "SOFTCUDA_FAIL=cuLaunchKernel:4:719:later")
	if !ok || !bytes.Equal(got, want) {
		t.Errorf("equal bytes %v: %s", bytes.Equal(got, want), text)
	}
	for _, word := range []string{"cuda:0", `key \"`, "elements [", " program [", "CUDA_ERROR_LAUNCH_FAILED", "the device is lost since"} {
		if !strings.Contains(text, word) {
			t.Errorf("no %q in %s", word, text)
		}
	}
	got, text, ok = gpuRun(t, dir, "cuda", "fail", "SOFTCUDA_FAIL=cuLaunchKernel:4:719:later")
	if ok || got != nil || !strings.Contains(text, "class device") || !strings.Contains(text, "CUDA_ERROR_LAUNCH_FAILED") {
		t.Errorf("policy fail: output %v, %s", got != nil, text)
	}
}
