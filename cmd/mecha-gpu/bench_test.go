package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bench --save keeps what it measured, and the next plan estimates with it.
func TestBenchSavesRatesForPlans(t *testing.T) {
	cache, dir := t.TempDir(), twoModels(t)
	env := map[string]string{"XDG_CACHE_HOME": cache, simdVariable: "portable"}
	bench := cli{env: env}
	bench.want(t, bench.run("bench", "--device", "cpu", "--threads", "1", "--bytes", "256K", "--repeat", "1", "--save", "--json"), 0)
	r := bench.lines(t)[0]
	result := r["result"].(map[string]any)
	if r["type"] != "bench" || !strings.HasPrefix(r["device"].(string), "cpu (portable") || result["lerp"].(float64) <= 0 || result["read"].(float64) <= 0 {
		t.Errorf("bench says %v", r)
	}
	path := filepath.Join(cache, "mecha-gpu", "rates.json")
	if r["saved"] != path {
		t.Errorf("saved in %v, want %s", r["saved"], path)
	}
	// With rates that are known to be slow, the estimate is slow: 48 bytes are read, 32 written.
	slow := `{"schema":1,"rates":{"` + r["device"].(string) + `":{"Read":1,"Write":1,"Compute":1}}}`
	if err := os.WriteFile(path, []byte(slow), 0o600); err != nil {
		t.Fatal(err)
	}
	c := cli{lib: facade{}, env: env}
	c.want(t, c.run("plan", filepath.Join(dir, "r.mecha"), "--json", "--threads", "1"), 0)
	if s := c.lines(t)[0]["estimated_seconds"]; s != 48.0+80+32 {
		t.Errorf("%v seconds", s)
	}
}

func TestBenchIsForPeopleToo(t *testing.T) {
	c := cli{}
	c.want(t, c.run("bench", "--device", "cpu", "--bytes", "256K", "--repeat", "1"), 0)
	for _, want := range []string{"cpu (", "lerp of float16", "of clearing memory"} {
		if !strings.Contains(c.stdout.String(), want) {
			t.Errorf("no %q in:\n%s", want, &c.stdout)
		}
	}
}

// Without a driver all that there is is measured, and what is not there has its reason.
func TestBenchSaysWhatIsNotThere(t *testing.T) {
	c := cli{env: map[string]string{libcudaVariable: filepath.Join(t.TempDir(), "libcuda.so.1")}}
	c.want(t, c.run("bench", "--bytes", "64K", "--repeat", "1", "--json"), 0)
	lines := c.lines(t)
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	reason, _ := lines[0]["reason"].(string)
	if lines[0]["device"] != "cuda" || !strings.Contains(reason, "no CUDA driver") || lines[0]["result"] != nil || lines[1]["result"] == nil {
		t.Errorf("bench says %v", lines)
	}
}

func TestBenchRefusesSizesThatFillTheDisk(t *testing.T) {
	c := cli{}
	c.want(t, c.run("bench", "--device", "cpu", "--bytes", "16T"), 2, "--bytes 16.0 TiB: expected at most 1.0 GiB")
}

func TestUnreadableRatesAreLeftAlone(t *testing.T) {
	a := &app{env: func(string) string { return "" }, userCache: func() string { return t.TempDir() }}
	if r := a.loadRates(); r != nil {
		t.Errorf("rates %v from an empty folder", r)
	}
	a.userCache = nil
	if _, err := a.saveRates("x", a.loadRates()["x"]); err == nil {
		t.Error("rates were saved nowhere")
	}
}
