package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestWrongUsageSaysWhatIsAcceptedAndWhatWasMeant(t *testing.T) {
	for _, c := range []struct {
		args string
		want []string
	}{
		{"mrege r.mecha", []string{`unknown command "mrege"; did you mean "merge"?`}},
		{"mrege r.mecha -o x", []string{`unknown command "mrege"; did you mean "merge"?`}},
		{"frobnicate", []string{`unknown command "frobnicate"`}},
		{"--bogus", []string{"unknown flag: --bogus"}},
		{"merge", []string{"merge needs RECIPE"}},
		{"merge r.mecha", []string{"merge needs -o OUT"}},
		{"merge r.mecha -o -", []string{"cannot be a pipe"}},
		{"merge r.mecha s.mecha -o x", []string{"would be one file, x; put {recipe} into it"}},
		{"vet r.mecha s.mecha", []string{`unexpected argument "s.mecha"`}},
		{"merge r.mecha -o x --max-rma 1G", []string{"unknown flag: --max-rma of command merge", `did you mean "--max-ram"?`}},
		{"merge r.mecha -o x --max-ram lots", []string{`"lots" is not a size`, "512MiB"}},
		{"merge r.mecha -o x --max-ram 0", []string{`"0" is not a size`}},
		{"merge r.mecha -o x --max-ram 1MB", []string{"write 1MiB"}},
		{"merge r.mecha -o x --threads 0", []string{"--threads 0: expected at least 1"}},
		{"merge r.mecha -o x --threads=-2", []string{"--threads -2: expected at least 1"}},
		{"merge r.mecha -o x --threads two", []string{"--threads"}},
		{"merge r.mecha -o x --device gpu", []string{`"gpu" is not one of auto, cpu, cuda, cuda:1, cuda:0,1`}},
		{"merge r.mecha -o x --device cpu:1", []string{"only cuda devices have numbers"}},
		{"merge r.mecha -o x --device cuda:", []string{"expected numbers such as cuda:0,1"}},
		{"merge r.mecha -o x --device cuda:0,x", []string{"expected numbers such as cuda:0,1"}},
		{"merge r.mecha -o x --device cuda:-1", []string{"expected numbers such as cuda:0,1"}},
		{"merge r.mecha -o x --on-device-error retry", []string{`"retry" is not one of cpu, fail`}},
		{"merge r.mecha -o x --max-vram lots", []string{`"lots" is not a size`}},
		{"merge r.mecha -o x --merge-dtype float8_e4m3fn", []string{`"float8_e4m3fn" is not one of float64, float32, bfloat16, float16`}},
		{"merge r.mecha -o x --merge-dtype flaot32", []string{`did you mean "float32"?`}},
		{"merge r.mecha -o x --output-dtype int64", []string{`"int64" is not one of keep, float64, float32, bfloat16, float16, `}},
		{"merge r.mecha -o x --extra-keys keeep", []string{`"keeep" is not one of keep, drop, error; did you mean "keep"?`}},
		{"merge r.mecha -o x --non-finite drop", []string{`"drop" is not one of omit, keep, error`}},
		{"merge r.mecha -o x --on-shape-mismatch last", []string{`"last" is not one of error, first`}},
		{"merge r.mecha -o x --merge-space wieght", []string{`"wieght" is not one of weight, delta, param, any; did you mean "weight"?`}},
		{"merge r.mecha -o x --compat sd-mecha", []string{`"sd-mecha" is not one of none, sd-mecha-1.1.5`}},
		{"merge r.mecha -o x --compat sd-mecha-1.1.5 --output-dtype keep", []string{"--output-dtype keep cannot be had with --compat sd-mecha-1.1.5"}},
		{"plan", []string{"plan needs RECIPE"}},
		{"vet a b", []string{`unexpected argument "b"`}},
		{"inspect", []string{"inspect needs PATH"}},
		{"methods wieghted_sum", []string{`unknown method "wieghted_sum"; did you mean "weighted_sum"?`}},
		{"completion tcsh", []string{`"tcsh" is not one of bash, zsh, fish, powershell`}},
		{"version now", []string{`unexpected argument "now"`}},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := cli{lib: &fakeLibrary{}}
			r.want(t, r.run(strings.Fields(c.args)...), 2, c.want...)
			if r.stdout.Len() != 0 {
				t.Errorf("stdout is for data, found %q", &r.stdout)
			}
			for line := range strings.Lines(r.stderr.String()) {
				if !strings.HasPrefix(line, "mecha-gpu: ") {
					t.Errorf("line %q does not start with the name of the program", line)
				}
			}
		})
	}
}

func TestWrongUsageIsReportedInJSONToo(t *testing.T) {
	r := cli{lib: &fakeLibrary{}}
	r.want(t, r.run("merge", "r.mecha", "--bogus", "--json"), 2, "--bogus")
	lines := r.lines(t)
	if len(lines) != 1 || lines[0]["type"] != "error" || lines[0]["class"] != "usage" || lines[0]["exit"] != 2.0 || lines[0]["schema"] != 1.0 {
		t.Errorf("stdout %v", lines)
	}
}

func TestUnknownTierInTheEnvironmentIsWrongUsage(t *testing.T) {
	for _, command := range []string{"merge r.mecha -o x", "plan r.mecha", "version"} {
		r := cli{lib: &fakeLibrary{}, env: map[string]string{simdVariable: "sse9"}}
		r.want(t, r.run(strings.Fields(command)...), 2, "MECHA_GPU_SIMD", `"sse9"`, "avx2 or portable")
	}
}

func TestHelpListsCommandsAndExitCodes(t *testing.T) {
	for _, args := range [][]string{nil, {"help"}, {"--help"}, {"-h"}} {
		r := cli{lib: &fakeLibrary{}}
		r.want(t, r.run(args...), 0)
		help := r.stdout.String()
		for _, c := range tensor.Classes() {
			if !strings.Contains(help, fmt.Sprintf("%3d  %s", c.ExitCode(), c.Doc())) {
				t.Errorf("help of %q does not hold exit code %d", args, c.ExitCode())
			}
		}
		for _, command := range []string{"merge", "vet", "plan", "recipe", "inspect", "methods", "version", "completion"} {
			if !strings.Contains(help, "\n  "+command+" ") {
				t.Errorf("help of %q does not list %s", args, command)
			}
		}
	}
}

func TestHelpOfEveryCommandFitsATerminal(t *testing.T) {
	for _, command := range []string{"", "merge", "apply weighted_sum", "vet", "plan", "recipe", "inspect", "methods", "version", "completion"} {
		r := cli{lib: &fakeLibrary{}}
		r.want(t, r.run(strings.Fields(command+" --help")...), 0)
		for line := range strings.Lines(r.stdout.String()) {
			if len(line) > 101 {
				t.Errorf("help of %q has a line of %d characters: %s", command, len(line), line)
			}
		}
	}
}

func TestHiddenFlagsAreNotInTheHelp(t *testing.T) {
	r := cli{lib: &fakeLibrary{}}
	r.want(t, r.run("merge", "--help"), 0)
	if strings.Contains(r.stdout.String(), "unit-bytes") {
		t.Error("--unit-bytes is for tests")
	}
}

func TestCompletionScriptsAreMade(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		r := cli{lib: &fakeLibrary{}}
		r.want(t, r.run("completion", shell), 0)
		if !strings.Contains(r.stdout.String(), "mecha-gpu") {
			t.Errorf("%s: no script", shell)
		}
	}
}

func TestShellsCanCompleteCommands(t *testing.T) {
	r := cli{lib: &fakeLibrary{}}
	r.want(t, r.run("__complete", "me"), 0)
	for _, want := range []string{"merge", "methods"} {
		if !strings.Contains(r.stdout.String(), want) {
			t.Errorf("completions of \"me\" lack %s: %s", want, &r.stdout)
		}
	}
}
