package main

import (
	"bytes"
	"strings"
	"testing"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

// steps10 is a merge of 1000 steps.
func steps10() []mecha.Progress {
	list := []mecha.Progress{{Stage: "plan"}}
	for i := range 1001 {
		list = append(list, mecha.Progress{Stage: "merge", KeysDone: i / 10, Keys: 100, BytesDone: int64(i) << 20, BytesTotal: 1000 << 20})
	}
	return append(list, mecha.Progress{Stage: "publish", KeysDone: 100, Keys: 100, BytesDone: 1000 << 20, BytesTotal: 1000 << 20})
}

func TestProgressWithoutATerminalIsALineForEachTenth(t *testing.T) {
	c := cli{lib: &fakeLibrary{report: fullReport(), steps: steps10()}}
	c.want(t, c.run("merge", "r", "-o", "x"), 0, "plan\nmerge: 0%, 0 B of 1000 MiB, 0 of 100 keys\nmerge: 10%, 100 MiB of 1000 MiB, 10 of 100 keys\n",
		"merge: 100%, 1000 MiB of 1000 MiB, 100 of 100 keys\npublish: 100%")
	if n := strings.Count(c.stderr.String(), "merge: "); n != 11 {
		t.Errorf("%d lines, want 11:\n%s", n, &c.stderr)
	}
	if strings.ContainsAny(c.stderr.String(), "\r\x1b") {
		t.Error("lines steer a terminal")
	}
}

func TestProgressInJSONIsALineForEachPercent(t *testing.T) {
	c := cli{lib: &fakeLibrary{report: fullReport(), steps: steps10()}, terminal: true}
	c.want(t, c.run("merge", "r", "-o", "x", "--json"), 0)
	lines := c.lines(t)
	if len(lines) != 1+101+1+1 {
		t.Fatalf("%d lines", len(lines))
	}
	last := int64(0)
	for _, l := range lines[:len(lines)-1] {
		if l["type"] != "progress" || l["schema"] != 1.0 || int64(l["bytes_done"].(float64)) < last {
			t.Errorf("line %v after %d bytes", l, last)
		}
		last = int64(l["bytes_done"].(float64))
	}
	if lines[len(lines)-1]["type"] != "report" {
		t.Errorf("last line %v", lines[len(lines)-1])
	}
	if c.stderr.Len() != 0 {
		t.Errorf("stderr %q", &c.stderr)
	}
}

func TestProgressOnATerminalIsABarWithBytes(t *testing.T) {
	var b bytes.Buffer
	bar := &barProgress{w: &b}
	for _, p := range steps10() {
		bar.update(p)
	}
	bar.end()
	if !strings.Contains(b.String(), "\r") || !strings.Contains(b.String(), "/1000 MiB") || !strings.Contains(b.String(), "merge") {
		t.Errorf("bar %q", &b)
	}
	if strings.Contains(b.String(), "\x1b[3") {
		t.Error("the bar has colours")
	}
}

func TestProgressWithoutBytesOrWithTooManyDoesNotFail(t *testing.T) {
	for _, p := range []progress{&lineProgress{w: &bytes.Buffer{}}, &barProgress{w: &bytes.Buffer{}}} {
		for _, s := range []mecha.Progress{{}, {Stage: "merge", BytesTotal: 10, BytesDone: 20}, {Stage: "merge", BytesTotal: 0, BytesDone: 5}, {Stage: "x", BytesTotal: 10, BytesDone: 3}} {
			p.update(s)
		}
		p.end()
	}
}
