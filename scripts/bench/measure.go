package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// sampleRun is what one run of a command took.
type sampleRun struct {
	Wall float64 `json:"wall_s"`
	User float64 `json:"user_s"`
	Sys  float64 `json:"system_s"`
	RSS  int64   `json:"peak_rss_bytes"`
}

// measureWord makes the program run one command and print what it took.
const measureWord = "measure"

// measure runs a command in a fresh copy of this program. The peak memory that Linux
// reports for a process starts with that of its parent, because it counts what it was
// before exec; a fresh copy takes a few MiB, however large the bench has become.
func measure(command []string) (sampleRun, error) {
	self, err := os.Executable()
	if err != nil {
		return sampleRun{}, err
	}
	cmd := exec.Command(self, append([]string{measureWord}, command...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return sampleRun{}, err
	}
	var s sampleRun
	return s, json.Unmarshal(out, &s)
}

// measureChild runs a command and prints what it took.
func measureChild(command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return fmt.Errorf("%q: %w", command, err)
	}
	p := cmd.ProcessState
	s := sampleRun{Wall: wall.Seconds(), User: p.UserTime().Seconds(), Sys: p.SystemTime().Seconds(), RSS: peakRSS(p)}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// run measures a case: the floor and the program in turn, the first run not counted.
func (r *results) run(c config, k kase) error {
	fmt.Fprintf(os.Stderr, "bench: %s\n", k.name)
	files, err := k.prepare()
	if err != nil {
		return err
	}
	if k.folder != "" {
		defer os.RemoveAll(k.folder)
	}
	res := result{Name: k.name, limits: k, outputGiB: k.outputGiB()}
	out := k.folder + "/out.safetensors"
	for i := range 1 + c.runs*max(1, k.times) {
		if k.floor != nil {
			floor := k.floor(files, out)
			if k.sweep != nil {
				floor = append(floor, k.recipe) // $0 of the shell
			}
			s, err := measureFresh(floor, out)
			if err != nil {
				return err
			}
			res.Floor = appendAfterFirst(res.Floor, s, i)
		}
		s, err := measureFresh(k.command(c, out), out)
		if err != nil {
			return err
		}
		res.Program = appendAfterFirst(res.Program, s, i)
	}
	r.Cases = append(r.Cases, res)
	return nil
}

// appendAfterFirst appends s unless it is of the first run, which warms the page cache.
func appendAfterFirst(list []sampleRun, s sampleRun, i int) []sampleRun {
	if i == 0 {
		return list
	}
	return append(list, s)
}

// measureFresh measures a command that writes out, and files that are called so with something
// added, none of which exist before, nor after.
func measureFresh(command []string, out string) (sampleRun, error) {
	removeAll(out)
	defer removeAll(out)
	return measure(command)
}

func removeAll(out string) {
	files, _ := filepath.Glob(out + "*") // it fails only for a wrong pattern
	for _, f := range files {
		os.Remove(f)
	}
}

// outputGiB returns the size of the output in GiB.
func (k *kase) outputGiB() float64 {
	if len(k.files) == 0 {
		return 0
	}
	info, err := os.Stat(k.folder + "/a.safetensors")
	if err != nil {
		return 0
	}
	return float64(info.Size()) / gib * float64(max(len(k.sweep), 1))
}
