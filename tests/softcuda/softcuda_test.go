package softcuda

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// scratch is a folder that lives as long as the test binary; TestMain makes it.
var scratch string

// checker is the program of testdata/check, compiled once.
var checker = sync.OnceValues(func() (string, error) {
	program := filepath.Join(scratch, "check")
	sources, err := filepath.Glob("testdata/check/*.cpp")
	if err != nil {
		return "", err
	}
	args := append([]string{"-std=c++17", "-Wall", "-Wextra", "-Werror", "-Isrc", "-o", program}, sources...)
	if out, err := exec.Command(compiler(), append(args, "-ldl")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
})

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "softcuda")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// run runs a scenario with knobs and returns what it has printed, its exit code, and the log.
func run(t *testing.T, scenario string, knobs ...string) (stdout, stderr string, code int, log Log) {
	t.Helper()
	dir := Build(t)
	program, err := checker()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(program, filepath.Join(dir, Library), "testdata/probe.ptx", scenario)
	cmd.Env = Env(dir, append([]string{"SOFTCUDA_LOG=" + file}, knobs...)...)
	var out, messages strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hang := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer hang.Stop()
	cmd.Wait()
	return out.String(), messages.String(), cmd.ProcessState.ExitCode(), ReadLog(t, file)
}

// Each scenario of testdata/check is a promise; a text is what the driver says of the mistake.
func TestScenarios(t *testing.T) {
	for _, test := range []struct{ scenario, promise, knobs, mistake string }{
		{"order", "pinned copies and launches of a stream run later and in order", "SOFTCUDA_LATE=1", ""},
		{"changed", "pinned memory that changes before its copy runs", "SOFTCUDA_LATE=1", `h2d of 4 bytes: pinned 1 was changed`},
		{"pageable", "pageable memory may change and go at once", "SOFTCUDA_LATE=1", ""},
		{"registered", "registered memory is copied later", "SOFTCUDA_LATE=1", ""},
		{"event", "a stream waits for an event of another", "SOFTCUDA_LATE=1", ""},
		{"event", "a stream waits for a delayed event of another", "SOFTCUDA_DELAY=h2d=5ms", ""},
		{"missing_event", "a missing wait shows poison", "SOFTCUDA_LATE=1", ""},
		{"default_stream", "the default stream and blocking streams order each other", "SOFTCUDA_LATE=1", ""},
		{"default_stream", "also with delays", "SOFTCUDA_DELAY_SEED=3", ""},
		{"synchronous", "calls without a stream are over when they return", "SOFTCUDA_LATE=1", ""},
		{"two_devices", "devices have memory and streams of their own", "SOFTCUDA_DEVICES=2", `cuMemsetD8Async: alloc 1 is of another device`},
		{"two_devices", "events order streams of two devices", "SOFTCUDA_DEVICES=2 SOFTCUDA_LATE=1", `stream 1 is of another device`},
		{"bounds", "a range outside of an allocation is refused", "", `1001 bytes at 0x\w+ \(0 bytes after the start of alloc 1 of 1000 bytes\) are outside`},
		{"uninitialised", "fresh memory is NaN", "", ""},
		{"freed_early", "pinned memory that is freed before its copy runs", "SOFTCUDA_LATE=1", `pinned 1 was freed before the copy ran`},
		{"memory", "memory is limited and comes back", "SOFTCUDA_MEMORY=1M", ""},
		{"handles", "destroyed handles are refused", "", `event 0x\w+ was never made or is destroyed`},
		{"compute", "kernels compute with barriers, shuffles, shared memory and atomics", "", ""},
		{"compute", "and on one host thread", "SOFTCUDA_THREADS=1", ""},
		{"compute", "and backward", "SOFTCUDA_DELAY_SEED=2", ""},
		{"overrun", "a store beyond an allocation loses the context", "", `probe_store, block 0: .* \(512 bytes after the start, beyond the end, of alloc 1 of 512 bytes\)`},
		{"underrun", "a store before an allocation loses the context until it is released", "", `\(1 bytes before the start of alloc 2 of 512 bytes\)`},
		{"padding", "a store into padding is found at the free", "", `alloc 1 \(500 bytes\) was written 3 bytes after its end`},
		{"after_free", "freed memory is never given again", "", `alloc 1 of 512 bytes, freed`},
		{"deadlock", "a barrier that not all reach is reported", "", `probe_deadlock, block 0: deadlock: of 64 threads 32 wait at __syncthreads and 32 at a warp`},
		{"stack", "a stack that is full is reported", "", `probe_stack, block 0: illegal address 0x\w+ \(the thread's stack is full\)`},
		{"divide", "a division by zero is reported", "", `probe_divide, block 0: Floating point exception`},
		{"trap", "a trap names kernel and block", "", `probe_trap, block 3: trap`},
		{"race", "a missing barrier gives different results", "SOFTCUDA_DELAY_SEED=1", ""},
		{"limits", "launches have limits", "", `probe_reverse: the block has too many threads`},
		{"mismatch", "PTX has to declare what was compiled in", "", `parameter 0 has 16 bytes aligned to 4 in the PTX, 12 aligned to 4 in the host build`},
	} {
		t.Run(test.scenario+"/"+test.promise, func(t *testing.T) {
			t.Parallel()
			out, messages, code, log := run(t, test.scenario, strings.Fields(test.knobs)...)
			if code != 0 {
				t.Errorf("exit code %d\n%s%s", code, out, messages)
			}
			said := strings.Join(log.Violations, "\n")
			if test.mistake == "" && (said != "" || messages != "") {
				t.Errorf("no mistake was made, but the driver said\n%s%s", said, messages)
			}
			mistake := regexp.MustCompile(test.mistake)
			if !mistake.MatchString(said) || !mistake.MatchString(messages) {
				t.Errorf("log and standard error lack %q:\n%s\n%s", test.mistake, said, messages)
			}
		})
	}
}

func TestDevicesAreThoseThatAreVisible(t *testing.T) {
	const uuid2 = "GPU-736f6674-6375-6461-2d64-657669636502"
	for _, test := range []struct{ visible, want string }{
		{"", "0: 0 sm_90 1 sm_90 2 sm_90"},
		{"CUDA_VISIBLE_DEVICES=2,0", "0: 2 sm_90 0 sm_90"},
		{"CUDA_VISIBLE_DEVICES=" + uuid2, "0: 2 sm_90"},
		{"CUDA_VISIBLE_DEVICES=1,7,0", "0: 1 sm_90"},
		{"CUDA_VISIBLE_DEVICES=1,1", "100:"},
		{"CUDA_VISIBLE_DEVICES=-1", "100:"},
		{"CUDA_VISIBLE_DEVICES=", "100:"},
		{"SOFTCUDA_DEVICES=0", "100:"},
		{"SOFTCUDA_DEVICES=many", "1:"},
		{"SOFTCUDA_FAIL=cuInit:1:803", "803:"},
	} {
		out, messages, code, _ := run(t, "devices", "SOFTCUDA_DEVICES=3", "SOFTCUDA_CC=9.0", test.visible)
		if out != test.want+"\n" || code != 0 {
			t.Errorf("%s: got %q (exit code %d), want %q\n%s", test.visible, out, code, test.want, messages)
		}
	}
}

func TestWhatIsNotReleasedIsInTheLog(t *testing.T) {
	_, _, code, log := run(t, "leak")
	want := map[string]int{"alloc": 1, "pinned": 1, "stream": 1, "event": 1, "module": 1, "context": 1}
	if kinds := log.Kinds(); code != 0 || !reflect.DeepEqual(kinds, want) {
		t.Errorf("exit code %d, leaks %v, want %v", code, kinds, want)
	}
	_, _, _, log = run(t, "work")
	log.Clean(t)
}

// A call that fails leaves the program with that failure, and with nothing that it cannot
// release; the last calls of a program are releases, which are carried out all the same.
func TestAnyCallCanFail(t *testing.T) {
	_, _, _, log := run(t, "work")
	calls := len(log.Calls)
	if calls < 50 {
		t.Fatalf("the program makes only %d calls", calls)
	}
	for _, code := range []string{"2", "719"} {
		for n := 1; n <= calls; n++ {
			fail := fmt.Sprintf("SOFTCUDA_FAIL=any:%d:%s", n, code)
			out, messages, exit, log := run(t, "work", fail)
			if out != code+"\n" || exit != 0 {
				t.Errorf("%s: result %q, exit code %d\n%s", fail, out, exit, messages)
			}
			log.Clean(t)
		}
	}
}

func TestOneFunctionFailsAtItsNthCall(t *testing.T) {
	for _, test := range []struct {
		fail string
		want int
		call string // that has to be the failing one
	}{
		{"cuMemAlloc:2:2", 2, "cuMemAlloc_v2"},
		{"cuMemcpyDtoHAsync_v2:4", 999, "cuMemcpyDtoHAsync_v2"},
		{"cuStreamSynchronize:1:214", 214, "cuStreamSynchronize"},
		{"cuEventRecord:9", 0, ""}, // there are only six
	} {
		out, _, code, log := run(t, "work", "SOFTCUDA_FAIL="+test.fail)
		first := ""
		for _, c := range log.Calls {
			if c.Result != 0 && first == "" {
				first = c.Name
			}
		}
		if out != fmt.Sprintln(test.want) || code != 0 || first != test.call {
			t.Errorf("%s: result %q, failing call %q; want %d, %q", test.fail, out, first, test.want, test.call)
		}
		log.Clean(t)
	}
}

func TestWorkCanFailLater(t *testing.T) {
	out, _, _, log := run(t, "work", "SOFTCUDA_FAIL=cuLaunchKernel:2:700:later", "SOFTCUDA_LATE=1")
	if out != "700\n" {
		t.Errorf("result %q, want 700", out)
	}
	for _, c := range log.Calls {
		if c.Name == "cuLaunchKernel" && c.Result != 0 {
			t.Errorf("the launch itself failed with %d", c.Result)
		}
		if c.Name == "cuEventSynchronize" && c.Result == 700 {
			return
		}
	}
	t.Error("no wait has reported the failure")
}

func TestDelaysAreAFunctionOfTheSeed(t *testing.T) {
	delays := func(seed string) map[[2]int]int {
		_, _, _, log := run(t, "work", seed)
		byOp := map[[2]int]int{}
		for _, op := range log.Ops {
			byOp[[2]int{op.Stream, op.N}] = op.Delay
		}
		if len(byOp) != 18 {
			t.Errorf("%s: %d operations, want 6 rounds of 3", seed, len(byOp))
		}
		return byOp
	}
	one := delays("SOFTCUDA_DELAY_SEED=1")
	if again := delays("SOFTCUDA_DELAY_SEED=1"); !reflect.DeepEqual(one, again) {
		t.Errorf("seed 1 gave %v, then %v", one, again)
	}
	if two := delays("SOFTCUDA_DELAY_SEED=2"); reflect.DeepEqual(one, two) {
		t.Errorf("seeds 1 and 2 gave the same delays: %v", one)
	}
	for op, delay := range delays("SOFTCUDA_DELAY=h2d=100us,d2h=100us,kernel=100us") {
		if delay != 100 {
			t.Errorf("operation %v was delayed by %d microseconds, want 100", op, delay)
		}
	}
}
