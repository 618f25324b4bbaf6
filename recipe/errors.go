package recipe

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// ParseError is an error in the text of a recipe, with its position.
type ParseError struct {
	File    string // "" if the text has no name
	Line    int    // of the file, from 1
	Column  int    // in characters, from 1
	Command string // of the instruction: "merge"; "" if there is none
	Arg     int    // number of the argument, from 0; -1 if the error is about none
	Text    string // the line
	Err     error
}

// ErrorClass returns ClassRecipe, or what failed instead where the recipe is right: a program reads
// the keys of models that it converts.
func (e *ParseError) ErrorClass() tensor.Class {
	switch c := tensor.ClassOf(e.Err); c {
	case tensor.ClassInput, tensor.ClassFit, tensor.ClassIO, tensor.ClassInterrupted:
		return c
	}
	return tensor.ClassRecipe
}

// Unwrap returns the underlying error.
func (e *ParseError) Unwrap() error { return e.Err }

// Error returns position, instruction and failure, then the line, and below it a caret that
// points at the error.
func (e *ParseError) Error() string {
	var b strings.Builder
	if e.File != "" {
		fmt.Fprintf(&b, "%s:", e.File)
	} else {
		b.WriteString("line ")
	}
	fmt.Fprintf(&b, "%d:%d: ", e.Line, e.Column)
	if e.Command != "" {
		b.WriteString(e.Command)
		if e.Arg >= 0 {
			b.WriteString(", argument " + strconv.Itoa(e.Arg))
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Err.Error())
	if e.Text != "" {
		b.WriteString(place{e.Line, e.Column, e.Text}.excerpt())
	}
	return b.String()
}

// pointed is an error with the line that it is about, and a caret below it.
type pointed struct {
	err error
	at  place
}

func (e *pointed) Unwrap() error { return e.err }

func (e *pointed) Error() string { return e.err.Error() + e.at.excerpt() }

// excerpt is the line, and below it a caret that points at the column.
func (p place) excerpt() string {
	line, pad := excerpt(p.text, p.column)
	return "\n\t" + line + "\n\t" + pad + "^"
}

// excerptRunes is how much of a long line is shown.
const excerptRunes = 100

// excerpt returns the part of a line around a column, and blanks that reach to the column.
// Tabs stay tabs, and wide characters are as wide, so that the caret stands where it should.
func excerpt(text string, column int) (line, pad string) {
	r := []rune(printable(text))
	at := min(max(column-1, 0), len(r))
	first, last := 0, len(r)
	if len(r) > excerptRunes {
		first = max(0, min(at-excerptRunes/2, len(r)-excerptRunes))
		last = first + excerptRunes
	}
	var b strings.Builder
	if first > 0 {
		b.WriteString("   ")
	}
	for _, c := range r[first:at] {
		if c == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteString(strings.Repeat(" ", tensor.Columns(string(c))))
		}
	}
	line = string(r[first:last])
	if first > 0 {
		line = "..." + line
	}
	if last < len(r) {
		line += "..."
	}
	return line, b.String()
}

// printable replaces what would disturb a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// ParseErrors is all that is wrong with the text of a recipe, in order of position.
type ParseErrors struct {
	List []*ParseError
	More int // errors that are not in the list, because it became too long
}

// ErrorClass returns ClassRecipe.
func (e *ParseErrors) ErrorClass() tensor.Class { return tensor.ClassRecipe }

// Error returns all errors, one after the other.
func (e *ParseErrors) Error() string {
	parts := make([]string, 0, len(e.List)+1)
	for _, p := range e.List {
		parts = append(parts, p.Error())
	}
	if e.More > 0 {
		parts = append(parts, "and "+tensor.Count(e.More, "more error"))
	}
	return strings.Join(parts, "\n")
}

// Unwrap returns the errors.
func (e *ParseErrors) Unwrap() []error {
	errs := make([]error, len(e.List))
	for i, p := range e.List {
		errs[i] = p
	}
	return errs
}

func (e *ParseErrors) sort() {
	slices.SortStableFunc(e.List, func(a, b *ParseError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// column converts an offset in bytes to a column in characters.
func column(line string, offset int) int {
	return utf8.RuneCountInString(line[:min(offset, len(line))]) + 1
}

// maxErrors is how many errors Solve reports of one kind: explaining one takes time.
const maxErrors = 20

// errorList collects errors up to a limit.
type errorList struct {
	errs []error
	more int
}

// full reports whether no more errors are needed; it counts one that is left out.
func (l *errorList) full() bool {
	if len(l.errs) < maxErrors {
		return false
	}
	l.more++
	return true
}

func (l *errorList) add(err error) {
	if err != nil && !l.full() {
		l.errs = append(l.errs, err)
	}
}

// join returns all errors as one; nil if there are none.
func (l *errorList) join() error {
	if l.more > 0 {
		return errors.Join(append(l.errs, tensor.Errorf(tensor.ClassRecipe, "and %s", tensor.Count(l.more, "more error")))...)
	}
	return errors.Join(l.errs...)
}
