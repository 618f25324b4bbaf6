package main

import (
	"strings"
	"testing"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

// Planning opens no driver, whatever the merge would do.
func TestPlansSayWhyTheyAreForTheCPU(t *testing.T) {
	t.Chdir(sweepFolder(t))
	c := cli{lib: facade{}}
	c.want(t, c.run("plan", "one.mecha", "--device", "auto"), 0)
	if out := c.stdout.String(); !strings.Contains(out, "plan opens no GPU unless --device asks for one; merge may choose one") {
		t.Error(out)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("plan", "one.mecha", "--device", "cpu"), 0)
	if out := c.stdout.String(); !strings.Contains(out, "it is the only device that was asked for") {
		t.Error(out)
	}
}

// Errors of a key say the place in the program, as others do.
func TestErrorsOfKeysHaveLineAndColumn(t *testing.T) {
	dir := folder(t, map[string][]byte{"a": model{"w": vec(1, 2)}.encode(t), "b": model{"w": vec(1)}.encode(t),
		"mix.star": []byte("a, b = model('a'), model('b')\nout = weighted_sum(a, b)\n")})
	t.Chdir(dir)
	c := cli{lib: facade{}}
	c.want(t, c.run("plan", "mix.star"), 4, `mix.star:2:7: key "w": weighted_sum: shapes differ`)
}

// Estimates of any size are times as people write them.
func TestPlansSayTimesInWords(t *testing.T) {
	for seconds, want := range map[float64]string{0: "about 1µs\n", 4e-7: "about 1µs\n", 0.0123456: "about 12.3ms\n", 4.3: "about 4.3s\n", 3725.4: "about 1h2m5s\n"} {
		if got := planText(&mecha.PlanReport{Seconds: seconds}); !strings.Contains(got, want) {
			t.Errorf("%g seconds:\n%s", seconds, got)
		}
	}
}
