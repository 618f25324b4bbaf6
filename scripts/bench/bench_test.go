package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestSpreadIsTheMedianWithBothEnds(t *testing.T) {
	runs := []sampleRun{{Wall: 3}, {Wall: 1}, {Wall: 2}}
	if got := spreadOf(runs, wall); got != (spread{2, 1, 3}) {
		t.Errorf("three runs: %v", got)
	}
	if got := spreadOf(append(runs, sampleRun{Wall: 10}), wall); got != (spread{2.5, 1, 10}) {
		t.Errorf("four runs: %v", got)
	}
	if got := spreadOf(nil, wall); got != (spread{}) {
		t.Errorf("no run: %v", got)
	}
}

func TestLimitsThatAreExceededAreCountedAndMarked(t *testing.T) {
	r := results{Cases: []result{{
		Name:    "x",
		Floor:   []sampleRun{{Wall: 1}},
		Program: []sampleRun{{Wall: 0.95, User: 0.1, RSS: 70 << 20}},
		limits:  kase{maxRatio: 0.9, maxUser: 0.15, maxRSS: 64 << 20}, outputGiB: 1,
	}}}
	if got := r.over(); got != 2 {
		t.Errorf("%d limits exceeded, want those of the ratio and of the memory", got)
	}
	var b strings.Builder
	r.print(&b)
	for _, want := range []string{"ratio 0.95 (limit 0.9) OVER", "user s/GiB 0.1 (limit 0.15)  ", "RSS MiB 70 (limit 64) OVER"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("table lacks %q:\n%s", want, b.String())
		}
	}
}

func TestParseBenchReadsNamesAndNumbers(t *testing.T) {
	got := parseBench("goos: linux\nBenchmarkLerp/f16-2 \t 100\t 12345 ns/op\t 678.9 MB/s\t 0.81 memmove\nPASS\n")
	want := []engineLine{{"Lerp/f16-2", map[string]float64{"ns/op": 12345, "MB/s": 678.9, "memmove": 0.81}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
