// Command bench measures the program against what the system itself needs: cat and cp of
// the same files, encoding/json of the same headers, copies in memory.
//
// Both sides run in turn, in one call, so that what else the machine does hits both. The
// table shows medians with the smallest and largest value; the JSON file has all values.
//
// Glossary:
//
//   - floor: the command that a merge is compared with.
//   - ratio: median time of the program over that of the floor.
//   - limit: what a number should not exceed; what does is marked, and makes the
//     exit code 1 with -enforce.
//
// Usage: go run ./scripts/bench -binary bin/mecha-gpu -json build/bench.json
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// config is what the flags say.
type config struct {
	binary, memory, disk, json string
	runs, keys                 int
	size                       int64
	only                       *regexp.Regexp
	engine, enforce            bool
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == measureWord {
		exit(measureChild(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == headersWord {
		exit(parseHeaders(os.Args[2:]))
	}
	c, err := parseFlags()
	if err == nil {
		err = bench(c)
	}
	exit(err)
}

// exit ends the program.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// parseFlags reads the flags.
func parseFlags() (c config, err error) {
	flag.StringVar(&c.binary, "binary", "bin/mecha-gpu", "the program")
	flag.StringVar(&c.memory, "memory", "/dev/shm", "folder in a memory file system")
	flag.StringVar(&c.disk, "disk", "build", "folder on a disk")
	flag.StringVar(&c.json, "json", "build/bench.json", "file for all values")
	flag.IntVar(&c.runs, "runs", 5, "runs of each side")
	flag.IntVar(&c.keys, "keys", 100_000, "keys of the state dicts with many keys")
	flag.Int64Var(&c.size, "size", 1<<30, "bytes of a large file; that of ten models is half of it")
	flag.BoolVar(&c.engine, "engine", true, "run the benchmarks of the root package as well")
	flag.BoolVar(&c.enforce, "enforce", false, "fail if a limit is exceeded")
	only := flag.String("only", "", "regular expression of the cases to run")
	flag.Parse()
	if c.only, err = regexp.Compile(*only); err != nil {
		return c, err
	}
	c.binary, err = filepath.Abs(c.binary)
	return c, err
}

// bench runs the cases that were asked for, prints the table and writes the JSON file.
func bench(c config) error {
	r := newResults()
	for _, k := range cases(c) {
		if !c.only.MatchString(k.name) {
			continue
		}
		if err := r.run(c, k); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	if c.engine && c.only.MatchString("engine") {
		if err := r.runEngine(c); err != nil {
			return err
		}
	}
	r.print(os.Stdout)
	if err := r.save(c.json); err != nil {
		return err
	}
	if over := r.over(); over > 0 && c.enforce {
		return fmt.Errorf("%d limits exceeded", over)
	}
	return nil
}
