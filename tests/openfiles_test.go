package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A sweep of more outputs than the system lets a process have open is refused before it writes
// anything, and one of just so many is done.
func TestASweepOfMoreOutputsThanOpenFilesIsRefused(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell that could set the limit")
	}
	dir := t.TempDir()
	for i, name := range []string{"a", "b"} {
		manyKeys(t, filepath.Join(dir, name), 3, byte(i))
	}
	const limit, others = 40, 2 + 16 // inputs, and what the program wants to spare
	for _, n := range []int{limit - others, limit - others + 1, 3 * limit} {
		cmd := exec.Command(sh, "-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, limit), "sh", program(t), "merge", "-e", "weighted_sum(a, b, alpha=x)",
			"-m", "a="+filepath.Join(dir, "a"), "-m", "b="+filepath.Join(dir, "b"), "--sweep", fmt.Sprintf("x=1:%d:1", n), "-o", filepath.Join(dir, "out-{x}"), "-q")
		text, err := cmd.CombinedOutput()
		outs, globErr := filepath.Glob(filepath.Join(dir, "*out-*"))
		check(t, globErr)
		if n == limit-others {
			if err != nil || len(outs) != n {
				t.Errorf("%d outputs: %v, %d files: %s", n, err, len(outs), text)
			}
			for _, path := range outs {
				check(t, os.Remove(path))
			}
			continue
		}
		want := fmt.Sprintf("found %d, expected at least %d", limit, n+others)
		if cmd.ProcessState.ExitCode() != 5 || !strings.Contains(string(text), want) || !strings.Contains(string(text), "ulimit -n") || len(outs) > 0 {
			t.Errorf("%d outputs: %v, %d files: %s", n, err, len(outs), text)
		}
	}
}
