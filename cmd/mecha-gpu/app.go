package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// app is what one run of the program touches. Tests make their own.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(name string) string
	terminal       bool // standard error is a terminal that moves its cursor
	outTerminal    bool // standard output is a terminal
	limitMemory    func(bytes int64)
	userCache      func() string // folder for what can be measured again; "" if there is none
	lib            library

	json  bool // --json was given
	quiet bool // --quiet was given
}

// newApp returns the app of the process.
func newApp() *app {
	return &app{
		stdin:       os.Stdin,
		stdout:      os.Stdout,
		stderr:      os.Stderr,
		env:         os.Getenv,
		terminal:    term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb",
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		limitMemory: limitMemory,
		userCache:   userCache,
		lib:         facade{},
	}
}

// userCache returns the cache folder of the user, or "".
func userCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return dir
}

// run runs the program with the given arguments and returns its exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := newRootCommand(a)
	a.json = asksForJSON(args)
	err := checkCommandName(root, args)
	if err == nil {
		err = a.addMethodCommand(root, args)
	}
	if err == nil {
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return 0
	}
	return a.fail(ctx, err)
}

// asksForJSON reports whether --json is among the arguments. It is looked up before the
// flags are parsed, because wrong flags are reported in JSON too.
func asksForJSON(args []string) bool {
	for _, arg := range args {
		switch arg {
		case "--json", "--json=true":
			return true
		case "--":
			return false
		}
	}
	return false
}

// printJSON writes v as one line of standard output.
func (a *app) printJSON(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a result: %w", err)
	}
	return a.print(string(line) + "\n")
}

// print writes text to standard output.
func (a *app) print(text string) error {
	if _, err := io.WriteString(a.stdout, text); err != nil {
		return &tensor.Error{Class: tensor.ClassIO, Path: "standard output", Err: err}
	}
	return nil
}
