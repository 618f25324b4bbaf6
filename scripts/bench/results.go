package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// results are all measurements of a call.
type results struct {
	Date   string       `json:"date"`
	Go     string       `json:"go"`
	System string       `json:"system"`
	CPU    string       `json:"cpu"`
	CPUs   int          `json:"cpus"`
	Cases  []result     `json:"cases"`
	Engine []engineLine `json:"engine,omitempty"`
}

// result is a measured case.
type result struct {
	Name    string      `json:"name"`
	Floor   []sampleRun `json:"floor,omitempty"`
	Program []sampleRun `json:"program"`

	limits    kase
	outputGiB float64
}

// newResults describes the machine.
func newResults() *results {
	return &results{Date: time.Now().UTC().Format(time.DateOnly), Go: runtime.Version(),
		System: runtime.GOOS + "/" + runtime.GOARCH, CPU: cpuName(), CPUs: runtime.NumCPU()}
}

// cpuName returns the name of the processor, or "".
func cpuName() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// spread is the median of some numbers, and the smallest and the largest.
type spread struct{ median, low, high float64 }

// spreadOf returns the spread of a number of each run.
func spreadOf(runs []sampleRun, f func(sampleRun) float64) spread {
	if len(runs) == 0 {
		return spread{}
	}
	var xs []float64
	for _, r := range runs {
		xs = append(xs, f(r))
	}
	slices.Sort(xs)
	m := xs[len(xs)/2]
	if len(xs)%2 == 0 {
		m = (xs[len(xs)/2-1] + m) / 2
	}
	return spread{m, xs[0], xs[len(xs)-1]}
}

// millis shows a spread of times in milliseconds.
func (s spread) millis() string {
	return fmt.Sprintf("%.0f (%.0f-%.0f)", s.median*1e3, s.low*1e3, s.high*1e3)
}

func wall(s sampleRun) float64 { return s.Wall }
func user(s sampleRun) float64 { return s.User }
func rss(s sampleRun) float64  { return float64(s.RSS) }

// number is a figure of a case and its limit.
type number struct {
	name         string
	value, limit float64
}

// numbers returns the figures of a case that say something.
func (r *result) numbers() []number {
	var list []number
	if len(r.Floor) > 0 {
		list = append(list, number{"ratio", spreadOf(r.Program, wall).median / spreadOf(r.Floor, wall).median, r.limits.maxRatio})
	}
	if r.limits.maxMillis > 0 {
		list = append(list, number{"ms", spreadOf(r.Program, wall).median * 1e3, r.limits.maxMillis})
	}
	if r.outputGiB > 0.1 {
		list = append(list, number{"user s/GiB", spreadOf(r.Program, user).median / r.outputGiB, r.limits.maxUser})
	}
	return append(list, number{"RSS MiB", spreadOf(r.Program, rss).high / (1 << 20), float64(r.limits.maxRSS) / (1 << 20)})
}

// text shows a figure with its limit.
func (n number) text() string {
	s := fmt.Sprintf("%s %.3g", n.name, n.value)
	if n.limit > 0 {
		s += fmt.Sprintf(" (limit %.3g)", n.limit)
	}
	if n.over() {
		s += " OVER"
	}
	return s
}

func (n number) over() bool { return n.limit > 0 && n.value > n.limit }

// over counts the limits that are exceeded.
func (r *results) over() int {
	n := 0
	for i := range r.Cases {
		for _, x := range r.Cases[i].numbers() {
			if x.over() {
				n++
			}
		}
	}
	return n
}

// print prints the table.
func (r *results) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %d processors, %s, %s\n", r.CPU, r.CPUs, r.System, r.Go)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Cases) > 0 {
		fmt.Fprintln(t, "CASE\tFLOOR ms\tPROGRAM ms\t")
	}
	for i := range r.Cases {
		c := &r.Cases[i]
		cells := []string{c.Name, "-", spreadOf(c.Program, wall).millis()}
		if len(c.Floor) > 0 {
			cells[1] = spreadOf(c.Floor, wall).millis()
		}
		for _, n := range c.numbers() {
			cells = append(cells, n.text())
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	for _, e := range r.Engine {
		cells := []string{"engine: " + e.Name}
		for _, unit := range slices.Sorted(maps.Keys(e.Numbers)) {
			cells = append(cells, fmt.Sprintf("%.4g %s", e.Numbers[unit], unit))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	t.Flush()
}

// save writes all values as JSON.
func (r *results) save(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
