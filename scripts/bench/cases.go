package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/scripts/internal/sample"
)

// gib is a GiB in bytes.
const gib = 1 << 30

// kase is a measurement. Limits that are 0 are not checked.
type kase struct {
	name   string
	folder string                                    // where its files are
	files  [][]sample.Tensor                         // a.safetensors, b.safetensors, ...
	recipe string                                    // lines after the models; "" if nothing is merged
	flags  []string                                  // more flags of merge
	args   []string                                  // arguments of the program if nothing is merged
	sweep  []string                                  // values of x, which the recipe has: a file for each
	floor  func(files []string, out string) []string // nil if there is none
	times  int                                       // runs for each run that was asked for; 0 means 1

	maxRatio  float64 // of the wall time
	maxMillis float64 // wall time
	maxUser   float64 // seconds of user time per GiB of output
	maxRSS    int64   // bytes
}

// The recipes that are measured. They follow the lines of the models, which are numbered
// from 0.
const (
	lerp       = `merge "weighted_sum" &0 &1 alpha=0.3`
	difference = "merge \"subtract\" &1 &2\nmerge \"add_difference\" &0 &3 alpha=0.5"
	slerp      = `merge "slerp" &0 &1 alpha=0.3`
	ortho      = `merge "perpendicular_component" &0 &1`
)

// The expressions that are swept, over models a and b.
const (
	swept      = "weighted_sum(a, b, alpha=x)"
	sweptSlerp = "slerp(a, b, alpha=x)"
)

var alphas = []string{"0.1", "0.2", "0.3", "0.4", "0.5"}

// cases lists everything that is measured.
func cases(c config) []kase {
	const mib = 1 << 20
	memory, disk := filepath.Join(c.memory, "mecha-gpu-bench"), filepath.Join(c.disk, "bench-files")
	large := func(n int, dtype string, size int64) [][]sample.Tensor {
		return repeat(n, sample.Layers(32, size/32, dtype))
	}
	list := []kase{
		{name: "lerp f16", folder: memory, files: large(2, "F16", c.size), recipe: lerp, floor: catAndCopy, maxRatio: 0.9, maxUser: 0.15, maxRSS: 64 * mib},
		{name: "lerp bf16", folder: memory, files: large(2, "BF16", c.size), recipe: lerp, floor: catAndCopy, maxRatio: 0.9, maxUser: 0.15, maxRSS: 64 * mib},
		{name: "a+0.5(b-c) f16", folder: memory, files: large(3, "F16", c.size), recipe: difference, floor: catAndCopy, maxRatio: 0.9, maxUser: 0.15, maxRSS: 64 * mib},
		{name: "average of 10 f16", folder: memory, files: large(10, "F16", c.size/2), recipe: average(10), floor: catAndCopy, maxRatio: 0.9, maxRSS: 64 * mib},
		{name: "lerp f16 on disk", folder: disk, files: large(2, "F16", c.size), recipe: lerp, floor: catCopyAndSync, maxRatio: 0.9},
		{name: fmt.Sprintf("%d keys x 3", c.keys), folder: memory, files: repeat(3, sample.Tiny(c.keys, "F16")), recipe: average(3),
			flags: []string{"--max-ram", "64MiB"}, floor: headersFloor, maxRatio: 3, maxRSS: 80 * mib},
		{name: "sweep of 5 f16", folder: memory, files: large(2, "F16", c.size), recipe: swept, sweep: alphas, floor: singles(c), maxRatio: 1, maxRSS: 64 * mib},
		{name: "sweep of 5 slerps f16", folder: memory, files: large(2, "F16", c.size), recipe: sweptSlerp, sweep: alphas, floor: singles(c), maxRatio: 0.7},
		{name: "version", args: []string{"version"}, times: 10, maxMillis: 20},
	}
	for _, m := range []struct{ name, recipe string }{{"lerp", lerp}, {"slerp", slerp}, {"perpendicular", ortho}} {
		list = append(list, kase{name: m.name + " of one tensor, 64MiB", folder: memory, files: repeat(2, oneTensor(c.size+c.size/2)),
			recipe: m.recipe, flags: []string{"--max-ram", "64MiB", "--merge-space", "any"}, maxRSS: 80 * mib})
	}
	return list
}

// repeat returns n times the same layout.
func repeat(n int, layout []sample.Tensor) [][]sample.Tensor {
	list := make([][]sample.Tensor, n)
	for i := range list {
		list[i] = layout
	}
	return list
}

// oneTensor is a state dict that holds one F16 tensor of the given bytes.
func oneTensor(bytes int64) []sample.Tensor {
	return []sample.Tensor{{Key: "weight", DType: "F16", Shape: []int64{bytes / 2 / 1024, 1024}}}
}

// average is the recipe for the mean of n models.
func average(n int) string {
	var b strings.Builder
	b.WriteString(`merge "n_average"`)
	for i := range n {
		fmt.Fprintf(&b, " &%d", i)
	}
	return b.String()
}

// catAndCopy reads all files and copies one.
func catAndCopy(files []string, out string) []string {
	return []string{"sh", "-c", fmt.Sprintf("cat %s >/dev/null; cp --reflink=never %s %s", strings.Join(files, " "), files[0], out)}
}

// catCopyAndSync is catAndCopy with the copy forced to the disk, as the program does it.
func catCopyAndSync(files []string, out string) []string {
	cmd := catAndCopy(files, out)
	cmd[2] += "; sync " + out
	return cmd
}

// headersFloor parses the headers of all files with encoding/json.
func headersFloor(files []string, _ string) []string {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return append([]string{self, headersWord}, files...)
}

// singles makes the files of a sweep one after another.
func singles(c config) func(files []string, out string) []string {
	return func(files []string, out string) []string {
		var b strings.Builder
		for _, x := range alphas {
			fmt.Fprintf(&b, "%s merge -e \"$0\" -m a=%s -m b=%s --set x=%s -o %s-%s --quiet || exit 1\n", c.binary, files[0], files[1], x, out, x)
		}
		return []string{"sh", "-c", b.String()}
	}
}

// sweepCommand is the command line that makes all files of a sweep.
func (k *kase) sweepCommand(c config, out string) []string {
	model := func(name string) string { return name + "=" + filepath.Join(k.folder, name+".safetensors") }
	return []string{c.binary, "merge", "-e", k.recipe, "-m", model("a"), "-m", model("b"), "--sweep", "x=" + strings.Join(k.sweep, ","),
		"-o", out + "-{x}", "--quiet"}
}

// prepare writes the files and the recipe of a case, and returns the paths of the files.
func (k *kase) prepare() (files []string, err error) {
	if len(k.files) == 0 {
		return nil, nil
	}
	if err := os.MkdirAll(k.folder, 0o755); err != nil {
		return nil, err
	}
	var recipe strings.Builder
	recipe.WriteString("version 0.1.0\n")
	for i, layout := range k.files {
		name := string(rune('a'+i)) + ".safetensors"
		files = append(files, filepath.Join(k.folder, name))
		if err := sample.Write(files[i], layout, uint64(i)); err != nil {
			return nil, err
		}
		fmt.Fprintf(&recipe, "model %q\n", name)
	}
	recipe.WriteString(k.recipe + "\n")
	return files, os.WriteFile(filepath.Join(k.folder, "recipe.mecha"), []byte(recipe.String()), 0o644)
}

// command returns the command line of the program.
func (k *kase) command(c config, out string) []string {
	if len(k.files) == 0 {
		return append([]string{c.binary}, k.args...)
	}
	if k.sweep != nil {
		return k.sweepCommand(c, out)
	}
	args := []string{c.binary, "merge", filepath.Join(k.folder, "recipe.mecha"), "-o", out, "--model-dir", k.folder, "--quiet"}
	return append(args, k.flags...)
}
