package recipe

import (
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
)

// Env is what recipes may name. It is a value and holds no global state: a program's own
// methods, configs and spaces are seen by the recipes that it gives them to.
type Env struct {
	Methods methods.Set
	Configs config.Registry
	Spaces  methods.Spaces
	Limits  Limits

	at place // of the nodes that are made
}

// place is where a text has a node. The zero value is that of a node from no text.
type place struct {
	line   int    // from 1
	column int    // in characters, from 1; 0 if messages do not show the line
	text   string // the line, if column is not 0
}

// At returns e, so that messages about the nodes made with it show their place: a line of a
// text, and a column of it (both from 1).
func (e Env) At(line, column int, text string) Env { e.at = place{line, column, text}; return e }

// Builtin returns the methods, configs and spaces of sd-mecha 1.1.5.
func Builtin() Env {
	return Env{Methods: methods.Builtin(), Configs: config.Builtin(), Spaces: methods.BuiltinSpaces()}
}

// Limits bound the text of a recipe, so that reading it takes bounded time and memory. A
// limit of 0 is the default.
type Limits struct {
	Line         int // bytes in a line; default 16 MiB (a dict of 100,000 long keys)
	Instructions int // default 100,000
	Entries      int // entries of all dicts, copies counted; default 4,000,000
	Errors       int // errors that are reported; default 50
}

func (l Limits) orDefault() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{{&l.Line, 16 << 20}, {&l.Instructions, 100_000}, {&l.Entries, 4_000_000}, {&l.Errors, 50}} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return l
}

// Hints are what a recipe says about a model or a literal. "" means nothing.
type Hints struct {
	Config string        // identifier of a model config, or "infer"
	Space  methods.Space // merge space
}
