package main

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// fullReport has something in every field.
func fullReport() *mecha.Report {
	return &mecha.Report{
		Type: "report", Schema: 1, Output: "out.safetensors", Device: "cpu (avx2, 2 threads)", Why: "asked for",
		Models:        []mecha.ModelReport{{Path: "a.safetensors", File: "models/a.safetensors", Keys: 7, Used: 6}},
		Keys:          mecha.KeyReport{Written: 9, Computed: 4, Copied: 2, Integers: 1, FellBack: 2, Omitted: 1},
		OmittedInputs: mecha.NameList{Count: 7, Names: []string{"k1", "k2", "k3", "k4", "k5", "k6"}},
		Dropped:       mecha.NameList{Count: 1, Names: []string{"dropped\x1b[2J"}},
		NonFinite:     mecha.CountList{Keys: 1, Elements: 3, First: []mecha.KeyCount{{Key: "nan", Elements: 3}}},
		Lossy:         mecha.CountList{Keys: 2, Elements: 5, First: []mecha.KeyCount{{Key: "big", Elements: 4}, {Key: "small", Elements: 1}}},
		Mismatched:    mecha.NameList{Count: 1, Names: []string{"shape"}},
		Missing:       mecha.NameList{Count: 1, Names: []string{"gone"}},
		BytesRead:     3 << 20, BytesWritten: 1 << 20, MaxRAM: 64 << 20, PlannedRAM: 16 << 20, PeakRAM: 8 << 20,
		Workers: 2, Units: 5, UnitBytes: 1 << 19, Programs: 1, Time: mecha.TimeReport{Total: 1500 * time.Millisecond},
		DeviceErrors: mecha.NameList{Count: 2, Names: []string{"cuda:0: it smokes"}}, PlannedVRAM: 9 << 20, PeakVRAM: 7 << 20,
		Warnings: []string{"look out"},
	}
}

func TestFlagsBecomeOptions(t *testing.T) {
	lib := &fakeLibrary{report: fullReport()}
	c := cli{lib: lib}
	c.want(t, c.run("merge", "r.mecha", "-o", "out", "--model-dir", "m,1", "--model-dir", "m2", "--device", "cpu", "--max-vram", "3G", "--on-device-error", "fail", "--merge-dtype", "fp64",
		"--output-dtype", "bf16", "--max-ram", "1GiB", "--threads", "3", "--merge-space", "delta", "--fallback", "f.safetensors",
		"--strict-keys", "--extra-keys", "drop", "--non-finite", "error", "--on-shape-mismatch", "first", "--strict",
		"--compat", "sd-mecha-1.1.5", "--mkdir", "--unit-bytes", "64K"), 0)
	if len(lib.options.Devices) != 1 || lib.options.Devices[0].Kind != "cpu" {
		t.Errorf("devices %v, want the CPU", lib.options.Devices)
	}
	got := lib.options
	got.Devices, got.Progress, got.Heap = nil, nil, nil
	want := mecha.Options{ModelDirs: []string{"m,1", "m2"}, MaxRAM: 1 << 30, ProgramRAM: programBytes, MaxVRAM: 3 << 30, OnDeviceError: mecha.StopOnDeviceError, Threads: 3, UnitBytes: 1 << 16, MergeDType: tensor.F64,
		OutputDType: tensor.BF16, MergeSpace: "delta", Fallback: "f.safetensors", StrictKeys: true, ExtraKeys: mecha.DropExtra,
		NonFinite: mecha.RefuseNonFinite, OnShapeMismatch: mecha.FirstShape, Strict: true, Compat: "sd-mecha-1.1.5", MakeDirs: true}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if lib.in.path != "r.mecha" || lib.output != "out" || c.budget != 1<<30 {
		t.Errorf("recipe %q, output %q, budget %d", lib.in.path, lib.output, c.budget)
	}
}

func TestDefaultsOfMerge(t *testing.T) {
	lib := &fakeLibrary{report: fullReport()}
	c := cli{lib: lib}
	c.want(t, c.run("merge", "r.mecha", "-o", "out"), 0)
	got := lib.options
	got.Devices, got.Progress, got.Heap = nil, nil, nil
	if want := (mecha.Options{ProgramRAM: programBytes, MergeDType: tensor.F32, MergeSpace: "weight", FastestDevice: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRecipeFromStandardInput(t *testing.T) {
	lib := &fakeLibrary{report: fullReport()}
	c := cli{lib: lib, stdin: "version 0.1.0\n"}
	c.want(t, c.run("merge", "-", "-o", "x"), 0)
	if string(lib.in.text) != "version 0.1.0\n" {
		t.Errorf("text %q", lib.in.text)
	}
}

func TestReportForPeopleNamesEverythingThatHappened(t *testing.T) {
	c := cli{lib: &fakeLibrary{report: fullReport()}}
	c.want(t, c.run("merge", "r", "-o", "x"), 0, "Wrote out.safetensors: 9 keys, 1.0 MiB, in 1.5s.", "cpu (avx2, 2 threads): asked for",
		"a.safetensors = models/a.safetensors: 7 keys, 6 used", "4 computed, 2 copied, 1 of them integers, 2 from a fallback, 1 omitted",
		"7 keys, NaN or infinite elements: k1, k2, k3, k4, k5 and 2 more", `dropped\x1b[2J`, "3 elements in 1 key: nan (3)",
		"5 elements in 2 keys: big (4), small (1)", "gone", "shape", "8.0 MiB of 64.0 MiB (planned 16.0 MiB)", "7.0 MiB (planned 9.0 MiB)", "2 times, done again on the CPU: cuda:0: it smokes and 1 more", "look out")
	if strings.Contains(c.stderr.String(), "\x1b") {
		t.Error("a key can steer the terminal")
	}
	if c.stdout.Len() != 0 {
		t.Errorf("stdout %q", &c.stdout)
	}
}

func TestQuietMergeIsSilent(t *testing.T) {
	c := cli{lib: &fakeLibrary{report: fullReport(), steps: steps10()}, terminal: true}
	c.want(t, c.run("merge", "r", "-o", "x", "--quiet"), 0)
	if c.stdout.Len()+c.stderr.Len() != 0 {
		t.Errorf("stdout %q, stderr %q", &c.stdout, &c.stderr)
	}
}

func TestFailedStrictCheckStillHasItsReport(t *testing.T) {
	lib := &fakeLibrary{report: fullReport(), err: tensor.Errorf(tensor.ClassStrict, "3 non-finite elements")}
	c := cli{lib: lib}
	c.want(t, c.run("merge", "r", "-o", "x"), 8, "Wrote out.safetensors", "mecha-gpu: 3 non-finite elements")
	c = cli{lib: lib}
	c.want(t, c.run("merge", "r", "-o", "x", "--json"), 8)
	lines := c.lines(t)
	if len(lines) != 2 || lines[0]["type"] != "report" || lines[1]["type"] != "error" || lines[1]["class"] != "strict" || lines[1]["exit"] != 8.0 {
		t.Errorf("stdout %v", lines)
	}
}

func TestOtherFailuresHaveNoReport(t *testing.T) {
	c := cli{lib: &fakeLibrary{report: fullReport(), err: tensor.Errorf(tensor.ClassIO, "disk on fire")}}
	c.want(t, c.run("merge", "r", "-o", "x"), 6, "mecha-gpu: disk on fire")
	if strings.Contains(c.stderr.String(), "Wrote") {
		t.Errorf("it says that it wrote something:\n%s", &c.stderr)
	}
}

func TestEveryErrorOfAListHasItsLine(t *testing.T) {
	err := errors.Join(tensor.Errorf(tensor.ClassInput, "first"), errors.Join(tensor.Errorf(tensor.ClassInput, "second"), errors.New("third")))
	c := cli{lib: &fakeLibrary{err: err}}
	c.want(t, c.run("plan", "r"), 4, "mecha-gpu: first\nmecha-gpu: second\nmecha-gpu: third\n")
}

func TestWhatFailsAfterAnInterruptIsTheInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c := cli{ctx: ctx, lib: &fakeLibrary{err: tensor.Errorf(tensor.ClassIO, "read: closed")}}
	c.want(t, c.run("merge", "r", "-o", "x", "--json"), 130, "interrupted")
	if l := c.lines(t); len(l) != 1 || l[0]["class"] != "interrupted" || l[0]["exit"] != 130.0 {
		t.Errorf("stdout %v", l)
	}
}
