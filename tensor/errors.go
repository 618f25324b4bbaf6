package tensor

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Class says what kind of failure an error is. Every class has one exit code.
type Class uint8

const (
	ClassOther  Class = iota
	ClassUsage        // wrong flags or options
	ClassRecipe       // the recipe is wrong: text, graph, merge spaces, parameters
	ClassInput        // an input is wrong: missing, corrupt, keys, shapes
	ClassFit          // it does not fit: memory, disk
	ClassIO           // reading or writing failed
	ClassDevice       // a device failed
	ClassStrict       // done, but a strict check that was asked for failed
	ClassInterrupted
	numClasses
)

type classInfo struct {
	name string
	exit int
	doc  string
}

// classes is the one table from classes of error to exit codes.
var classes = [numClasses]classInfo{
	ClassOther:       {"failure", 1, "other failure"},
	ClassUsage:       {"usage", 2, "wrong usage (flags)"},
	ClassRecipe:      {"recipe", 3, "the recipe is wrong (text, graph, merge spaces, parameters)"},
	ClassInput:       {"input", 4, "an input is wrong (missing, corrupt, keys, shapes)"},
	ClassFit:         {"fit", 5, "it does not fit (memory, disk)"},
	ClassIO:          {"io", 6, "reading or writing failed"},
	ClassDevice:      {"device", 7, "a device failed"},
	ClassStrict:      {"strict", 8, "done, but a strict check that was asked for failed"},
	ClassInterrupted: {"interrupted", 130, "interrupted"},
}

// Classes lists all classes in the order of their exit codes.
func Classes() []Class {
	all := make([]Class, 0, numClasses)
	for c := ClassOther; c < numClasses; c++ {
		all = append(all, c)
	}
	return all
}

// String returns the short name of the class, such as "recipe".
func (c Class) String() string { return classes[c].name }

// ExitCode returns the exit code of a command that fails with this class.
func (c Class) ExitCode() int { return classes[c].exit }

// Doc describes the class in a few words.
func (c Class) Doc() string { return classes[c].doc }

// Error is a failure with its class and with what it is about. Fields that do not
// apply are empty. Packages with more to say define their own type and give it a
// method `Class() Class`.
type Error struct {
	Class Class
	Path  string // file or folder
	Key   string // key of a state dict
	Want  string // what was expected
	Got   string // what was found
	Hint  string // what to do about it
	Err   error
}

// Error returns path, key, the failure, what was found and expected, and the hint.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		fmt.Fprintf(&b, "%s: ", e.Path)
	}
	if e.Key != "" {
		fmt.Fprintf(&b, "key %q: ", e.Key)
	}
	if e.Err != nil {
		b.WriteString(e.Err.Error())
	}
	switch {
	case e.Got != "" && e.Want != "":
		fmt.Fprintf(&b, ": found %s, expected %s", e.Got, e.Want)
	case e.Got != "":
		fmt.Fprintf(&b, ": found %s", e.Got)
	case e.Want != "":
		fmt.Fprintf(&b, ": expected %s", e.Want)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// ErrorClass returns the class, for ClassOf.
func (e *Error) ErrorClass() Class { return e.Class }

// ClassOf returns the class of err: that of the outermost error in its tree that
// has one. A cancelled context is ClassInterrupted.
func ClassOf(err error) Class {
	var c interface{ ErrorClass() Class }
	switch {
	case errors.As(err, &c):
		return c.ErrorClass()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ClassInterrupted
	}
	return ClassOther
}

// Errorf makes an Error of class c from a format, as fmt.Errorf does.
func Errorf(c Class, format string, args ...any) error {
	return &Error{Class: c, Err: fmt.Errorf(format, args...)}
}
