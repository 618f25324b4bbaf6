package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// named is a value of a closed set and how the command line calls it.
type named[T any] struct {
	name  string
	value T
}

// choice is a flag with a closed set of values. The first one is the default.
type choice[T any] struct {
	all []named[T]
	at  int
}

// oneOf returns a choice among the given values.
func oneOf[T any](all ...named[T]) choice[T] { return choice[T]{all: all} }

// value returns what was chosen.
func (c *choice[T]) value() T { return c.all[c.at].value }

// names lists the accepted words.
func (c *choice[T]) names() []string {
	names := make([]string, len(c.all))
	for i := range c.all {
		names[i] = c.all[i].name
	}
	return names
}

// Set chooses by name; pflag calls it.
func (c *choice[T]) Set(name string) error {
	i := slices.IndexFunc(c.all, func(n named[T]) bool { return n.name == name })
	if i < 0 {
		return notOneOf(name, c.names())
	}
	c.at = i
	return nil
}

// Type shows the accepted words in the help.
func (c *choice[T]) Type() string { return strings.Join(c.names(), "|") }

// String returns the chosen word.
func (c *choice[T]) String() string {
	if c.at >= len(c.all) {
		return ""
	}
	return c.all[c.at].name
}

// notOneOf is the error for a word outside a closed set.
func notOneOf(word string, accepted []string) error {
	return fmt.Errorf("%q is not one of %s%s", word, strings.Join(accepted, ", "), meant(word, accepted))
}

// dtypeFlag is a flag that names an element type as recipes do, short names included.
type dtypeFlag struct {
	value    tensor.DType
	none     string // the word for InvalidDType; "" if there is none
	accepted []tensor.DType
}

// names lists the accepted long names.
func (d *dtypeFlag) names() []string {
	var names []string
	if d.none != "" {
		names = append(names, d.none)
	}
	for _, t := range d.accepted {
		names = append(names, t.RecipeName())
	}
	return names
}

// Set parses an element type; pflag calls it.
func (d *dtypeFlag) Set(name string) error {
	if d.none != "" && name == d.none {
		d.value = tensor.InvalidDType
		return nil
	}
	t, err := tensor.ParseRecipeDType(name)
	if err != nil || !slices.Contains(d.accepted, t) {
		return notOneOf(name, d.names())
	}
	d.value = t
	return nil
}

// Type names the value in the help.
func (d *dtypeFlag) Type() string { return "DTYPE" }

// String returns the chosen name.
func (d *dtypeFlag) String() string {
	if d.value == tensor.InvalidDType {
		return d.none
	}
	return d.value.RecipeName()
}
