package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// failure is the last line of standard output if a command with --json fails.
type failure struct {
	Type    string `json:"type"` // "error"
	Schema  int    `json:"schema"`
	Class   string `json:"class"`
	Exit    int    `json:"exit"`
	Message string `json:"message"`
}

// fail reports err and returns the exit code of its class. Whatever fails after an
// interruption is a consequence of it.
func (a *app) fail(ctx context.Context, err error) int {
	class := tensor.ClassOf(err)
	lines := messages(err)
	if ctx.Err() != nil && class != tensor.ClassStrict {
		class, lines = tensor.ClassInterrupted, []string{"interrupted; no output was written"}
	}
	for _, line := range lines {
		fmt.Fprintf(a.stderr, "mecha-gpu: %s\n", printable(line))
	}
	if class == tensor.ClassUsage {
		fmt.Fprintln(a.stderr, "mecha-gpu: see `mecha-gpu help` for commands and flags")
	}
	if a.json {
		f := failure{Type: "error", Schema: 1, Class: class.String(), Exit: class.ExitCode(),
			Message: strings.Join(lines, "\n")}
		if err := a.printJSON(f); err != nil {
			fmt.Fprintf(a.stderr, "mecha-gpu: %s\n", printable(err.Error()))
		}
	}
	return class.ExitCode()
}

// messages returns the text of err; a list of errors gives one text for each.
func messages(err error) []string {
	var list interface{ Unwrap() []error }
	if l, ok := err.(interface{ Unwrap() []error }); ok {
		list = l
	}
	if list == nil {
		return []string{err.Error()}
	}
	var all []string
	for _, e := range list.Unwrap() {
		all = append(all, messages(e)...)
	}
	return all
}

// printable replaces what could steer a terminal: keys and paths come from files that the
// user did not write. Line ends and tabs stay, for the source lines of recipe errors.
func printable(s string) string {
	ok := func(r rune) bool {
		return r == '\n' || r == '\t' || (unicode.IsPrint(r) && r != unicode.ReplacementChar)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !ok(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if ok(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(fmt.Sprintf("%+q", r), "'"))
		}
	}
	return b.String()
}

// usage makes an error of class usage.
func usage(format string, args ...any) error {
	return tensor.Errorf(tensor.ClassUsage, format, args...)
}

// asUsage gives err the class usage, unless it has a class already.
func asUsage(err error) error {
	var classed interface{ ErrorClass() tensor.Class }
	if err == nil || errors.As(err, &classed) {
		return err
	}
	return &tensor.Error{Class: tensor.ClassUsage, Err: err}
}

// meant returns " (did you mean X?)" for the candidate nearest to name, or "".
func meant(name string, candidates []string) string {
	if near := tensor.Nearest(name, candidates, 1); len(near) > 0 {
		return fmt.Sprintf("; did you mean %q?", near[0])
	}
	return ""
}
