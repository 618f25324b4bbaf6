package main

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// library is what the commands call. The program calls package mecha; tests of flags,
// progress and printing put something in its place that answers as they need.
type library interface {
	Vet(ctx context.Context, in input, o mecha.Options) (*mecha.VetReport, error)
	PlanMerge(ctx context.Context, ins []input, o mecha.Options) (*mecha.PlanReport, error)
	Merge(ctx context.Context, ins []input, outputs []string, o mecha.Options) (*mecha.Report, error)
	Inspect(ctx context.Context, path string, o mecha.Options) (*mecha.Inspection, error)
	Methods(o mecha.Options) (methods.Set, error)
	Configs(o mecha.Options) (config.Registry, error)
	DetectConfig(ctx context.Context, path string, o mecha.Options) (*mecha.Detection, error)
	NewConfig(ctx context.Context, id, path string, o mecha.Options) (string, error)
	Show(ctx context.Context, in input, form showForm, o mecha.Options) (string, error)
	ScriptParams(ctx context.Context, path string) ([]mecha.ScriptParam, error)
}

// input is where a recipe comes from: a path, text that was read from standard input, an
// expression, or a method and its arguments.
type input struct {
	path   string
	text   []byte // used if path is "-"
	expr   string // used if path is ""
	script mecha.ScriptOptions
	label  string // what one of several outputs is made of: "mix alpha=0.1"
	call   *call  // not nil: the recipe is one method

	convert *conversion // not nil: the recipe converts a model
}

// stdinName is what messages call standard input.
const stdinName = "standard input"

// program reports whether the input is a Starlark program. Text from standard input is one
// unless its first word is one of .mecha text.
func (in *input) program() bool {
	if in.path != "-" {
		return mecha.IsScript(in.path)
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(bytes.TrimPrefix(in.text, []byte("\ufeff"))), []byte("\n"))
	words := strings.Fields(string(line[:min(len(line), 100)]))
	if len(words) == 0 || slices.Contains([]string{"version", "dict", "literal", "model", "merge"}, words[0]) {
		return len(words) > 1 && words[1] == "="
	}
	return true
}

// maxRecipeBytes is the most text that is read from standard input.
const maxRecipeBytes = 64 << 20

// readInput returns the recipe that the argument of a command names.
func (a *app) readInput(arg string) (input, error) {
	if arg != "-" {
		return input{path: arg}, nil
	}
	text, err := io.ReadAll(io.LimitReader(a.stdin, maxRecipeBytes+1))
	if err != nil {
		return input{}, &tensor.Error{Class: tensor.ClassIO, Path: stdinName, Err: err}
	}
	if len(text) > maxRecipeBytes {
		return input{}, tensor.Errorf(tensor.ClassRecipe, "standard input holds more than %d bytes; a recipe is text", maxRecipeBytes)
	}
	return input{path: arg, text: text}, nil
}
