package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// engineLine is a result of `go test -bench`: its name and its numbers by unit.
type engineLine struct {
	Name    string             `json:"name"`
	Numbers map[string]float64 `json:"numbers"`
}

// enginePackages hold the benchmarks of the engine alone: from memory to memory.
var enginePackages = []string{".", "./device/cpu"}

// runEngine runs the benchmarks of the engine and keeps their results.
func (r *results) runEngine(config) error {
	fmt.Fprintln(os.Stderr, "bench: engine alone")
	cmd := exec.Command("go", append([]string{"test", "-run", "^$", "-bench", ".", "-timeout", "30m"}, enginePackages...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	r.Engine = parseBench(string(out))
	return nil
}

// benchLine matches "BenchmarkName-2   100   123 ns/op   456 MB/s ...".
var benchLine = regexp.MustCompile(`^Benchmark(\S+)\s+\d+\s+(.*)$`)

// parseBench reads the output of go test -bench.
func parseBench(text string) []engineLine {
	var list []engineLine
	for line := range strings.Lines(text) {
		m := benchLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		e := engineLine{m[1], map[string]float64{}}
		fields := strings.Fields(m[2])
		for i := 0; i+1 < len(fields); i += 2 {
			if x, err := strconv.ParseFloat(fields[i], 64); err == nil {
				e.Numbers[fields[i+1]] = x
			}
		}
		list = append(list, e)
	}
	return list
}
