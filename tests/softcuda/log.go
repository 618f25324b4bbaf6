package softcuda

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Call is one call of the driver, in the order in which they returned.
type Call struct {
	Name   string // as exported: "cuMemAlloc_v2"
	Result int    // CUresult
}

// Op is one operation that a stream has carried out.
type Op struct {
	Stream, N int    // numbers from 1: of the stream in the process, of the operation in it
	Kind      string // h2d, d2h, d2d, memset, kernel
	Bytes     int64  // of a copy or memset
	Delay     int    // microseconds, random and fixed
}

// Thing is what a program acquires and has to release.
type Thing struct {
	Kind string // alloc, pinned, registered, stream, event, module, context
	ID   int    // number from 1, for each kind; of a context the device
}

// Log is what the driver has written. Lines of several processes are put together.
type Log struct {
	Calls      []Call
	Ops        []Op
	Violations []string
	Leaks      []Thing // what was never released, or only with its context, sorted
}

// ReadLog reads the file that SOFTCUDA_LOG named; if no driver was opened there is none, and
// the Log is empty.
func ReadLog(t testing.TB, path string) Log {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	log, err := ParseLog(string(text))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return log
}

// Clean fails the test if the log has violations or leaks.
func (l Log) Clean(t testing.TB) {
	t.Helper()
	for _, v := range l.Violations {
		t.Errorf("the software CUDA driver: %s", v)
	}
	for _, x := range l.Leaks {
		t.Errorf("the software CUDA driver: %s %d was not released", x.Kind, x.ID)
	}
}

// Count is how often a function was called; the name may lack its _v2.
func (l Log) Count(name string) int {
	n := 0
	for _, c := range l.Calls {
		if c.Name == name || c.Name == name+"_v2" {
			n++
		}
	}
	return n
}

// ParseLog reads the text of a log. A line that is none of the driver's is an error.
func ParseLog(text string) (Log, error) {
	var log Log
	live := map[Thing]int{}
	for n, line := range strings.Split(text, "\n") {
		verb, rest, _ := strings.Cut(line, " ")
		f := fields(rest)
		thing := Thing{f["kind"], int(f.number("id"))}
		switch verb {
		case "":
		case "call":
			log.Calls = append(log.Calls, Call{f["name"], int(f.number("result"))})
		case "op":
			log.Ops = append(log.Ops, Op{int(f.number("stream")), int(f.number("n")), f["kind"], f.number("bytes"), int(f.number("delay"))})
		case "violation":
			log.Violations = append(log.Violations, rest)
		case "acquire":
			live[thing]++
		case "release":
			live[thing]--
		case "leak": // it stays in live
		default:
			return Log{}, fmt.Errorf("line %d: %q is no line of the driver's log", n+1, line)
		}
	}
	for thing, count := range live {
		if count < 0 {
			return Log{}, fmt.Errorf("%s %d was released more often than acquired", thing.Kind, thing.ID)
		}
		for range count {
			log.Leaks = append(log.Leaks, thing)
		}
	}
	slices.SortFunc(log.Leaks, func(a, b Thing) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	return log, nil
}

// Kinds counts the leaks of each kind, for messages and comparisons.
func (l Log) Kinds() map[string]int {
	kinds := map[string]int{}
	for _, x := range l.Leaks {
		kinds[x.Kind]++
	}
	return kinds
}

// words are the name=value pairs of a line.
type words map[string]string

func fields(text string) words {
	w := words{}
	for _, f := range strings.Fields(text) {
		if name, value, ok := strings.Cut(f, "="); ok {
			w[name] = value
		}
	}
	return w
}

// number is the value of a name, 0 if it has none.
func (w words) number(name string) int64 {
	n, _ := strconv.ParseInt(w[name], 10, 64)
	return n
}
