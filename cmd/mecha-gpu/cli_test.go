package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"testing"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
)

// fakeLibrary answers as a test needs and keeps what it was asked.
type fakeLibrary struct {
	report  *mecha.Report
	plan    *mecha.PlanReport
	vet     *mecha.VetReport
	inspect *mecha.Inspection
	err     error
	steps   []mecha.Progress // shown by Merge

	in      input   // the last one
	ins     []input // all of Merge and PlanMerge
	output  string  // the first one
	outputs []string
	options mecha.Options
}

func (f *fakeLibrary) Vet(_ context.Context, in input, o mecha.Options) (*mecha.VetReport, error) {
	f.in, f.options = in, o
	return f.vet, f.err
}

func (f *fakeLibrary) PlanMerge(_ context.Context, ins []input, o mecha.Options) (*mecha.PlanReport, error) {
	f.in, f.ins, f.options = ins[len(ins)-1], ins, o
	return f.plan, f.err
}

func (f *fakeLibrary) Merge(_ context.Context, ins []input, outputs []string, o mecha.Options) (*mecha.Report, error) {
	f.in, f.ins, f.output, f.outputs, f.options = ins[len(ins)-1], ins, outputs[0], outputs, o
	for _, p := range f.steps {
		o.Progress(p)
	}
	return f.report, f.err
}

func (f *fakeLibrary) Inspect(_ context.Context, path string, o mecha.Options) (*mecha.Inspection, error) {
	f.in, f.options = input{path: path}, o
	return f.inspect, f.err
}

func (f *fakeLibrary) Methods(mecha.Options) (methods.Set, error) { return methods.Builtin(), f.err }

func (f *fakeLibrary) Configs(mecha.Options) (config.Registry, error) { return config.Builtin(), f.err }

func (f *fakeLibrary) DetectConfig(context.Context, string, mecha.Options) (*mecha.Detection, error) {
	return &mecha.Detection{}, f.err
}

func (f *fakeLibrary) NewConfig(context.Context, string, string, mecha.Options) (string, error) {
	return "", f.err
}

func (f *fakeLibrary) Show(_ context.Context, in input, _ showForm, _ mecha.Options) (string, error) {
	f.in = in
	return "version 0.1.0", f.err
}

func (f *fakeLibrary) ScriptParams(context.Context, string) ([]mecha.ScriptParam, error) {
	return nil, f.err
}

// cli is a run of the program in a test.
type cli struct {
	lib      library
	stdin    string
	env      map[string]string
	terminal bool
	ctx      context.Context

	stdout, stderr bytes.Buffer
	budget         int64 // what limitMemory was called with
}

// run runs the program and returns its exit code.
func (c *cli) run(args ...string) int {
	ctx := c.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	a := &app{
		stdin: strings.NewReader(c.stdin), stdout: &c.stdout, stderr: &c.stderr,
		env:         func(name string) string { return cmp.Or(c.env[name], suiteEnv(name)) },
		terminal:    c.terminal,
		outTerminal: c.terminal,
		limitMemory: func(n int64) { c.budget = n },
		lib:         c.lib,
	}
	return a.run(ctx, onSuiteDevice(args))
}

// want checks the exit code and that stderr holds all the given texts.
func (c *cli) want(t *testing.T, code, wantCode int, texts ...string) {
	t.Helper()
	if code != wantCode {
		t.Errorf("exit code %d, want %d; stderr:\n%s", code, wantCode, &c.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(c.stderr.String(), text) {
			t.Errorf("stderr does not hold %q:\n%s", text, &c.stderr)
		}
	}
}

// lines parses each line of stdout as a JSON object.
func (c *cli) lines(t *testing.T) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(c.stdout.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		list = append(list, m)
	}
	return list
}
