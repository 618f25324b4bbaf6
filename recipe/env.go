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

	line int // of a text, for the nodes that are made
}

// At returns e, so that the nodes made with it are named by a line of a text in messages.
func (e Env) At(line int) Env { e.line = line; return e }

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
