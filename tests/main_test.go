package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// childVar names the environment variable that makes the test binary one of its children
// instead of running tests. Its value says which.
const childVar = "MECHA_TEST_CHILD"

// children are what the test binary does with its arguments if it is a child.
var children = map[string]func(args []string) error{"measure": measureChild, "doomed": doomedChild, "gpu": gpuChild}

func TestMain(m *testing.M) {
	if name := os.Getenv(childVar); name != "" {
		if err := children[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// child returns a command that runs this test binary as a child.
func child(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), childVar+"="+name)
	return cmd
}

// built is the program, built once for all tests, without the race detector, as users
// build it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// program returns the path of the built program.
func program(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "mecha-gpu-test-"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, "mecha-gpu"), "../cmd/mecha-gpu").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("building the program: %w\n%s", err, out)
		}
	})
	check(t, built.err)
	return filepath.Join(built.dir, "mecha-gpu")
}

// measured is how a run of the program went.
type measured struct {
	Exit int   `json:"exit"`
	RSS  int64 `json:"rss"` // most resident memory in bytes, as the system counted

	stderr string
}

// measure runs the program. Linux starts the count of a process with the memory of its
// parent, so that a fresh child of the test is in between.
func measure(t testing.TB, args ...string) measured {
	t.Helper()
	cmd := child(t, "measure", append([]string{program(t)}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var m measured
	check(t, json.Unmarshal(out, &m))
	m.stderr = stderr.String()
	return m
}

// measureChild runs a command and prints how it went.
func measureChild(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(measured{Exit: cmd.ProcessState.ExitCode(), RSS: peakRSS(cmd.ProcessState)})
}
