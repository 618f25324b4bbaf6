package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// perBlock gives the parameters of a call block weights. A parameter is named as its flag or as
// the catalogue names it.
func (f *methodFlags) perBlock(c *call, weights map[string]mecha.BlockWeights) error {
	for name, w := range weights {
		p, i, ok := f.method.Param(strings.ReplaceAll(name, "-", "_"))
		switch {
		case !ok:
			var names []string
			for k := range f.method.Params {
				names = append(names, f.method.Params[k].Name)
			}
			return usage("--blocks %s: %s has no such parameter%s", name, f.method.ID, meant(name, names))
		case p.Variadic || byPosition(p) || p.Type == methods.Bool || p.Type == methods.String:
			return usage("--blocks %s: the parameter takes no weights", name)
		}
		if rest := c.args[i]; rest != nil {
			if _, ok := rest[0].value.Number(); !ok || rest[0].path != "" {
				return usage("--blocks %s: %s has a model, or no number, for the blocks that are not listed", name, f.values[i].name)
			}
		}
		if c.blocks == nil {
			c.blocks = map[string]mecha.BlockWeights{}
		}
		c.blocks[p.Name] = w
	}
	return nil
}

// expression makes the recipe of a call with block weights: an expression of which the weights
// are free names.
func (c *call) expression(ctx context.Context, o mecha.Options) (*mecha.Recipe, error) {
	s := mecha.ScriptOptions{Blocks: c.blocks, Set: map[string]string{}}
	var args []string
	for i, list := range c.args {
		p := &c.method.Params[i]
		prefix := p.Name + "="
		if p.Variadic || byPosition(p) {
			prefix = ""
		}
		if _, weights := c.blocks[p.Name]; weights {
			args = append(args, prefix+p.Name)
			if len(list) > 0 {
				s.Set[p.Name] = starlarkValue(list[0].value)
			}
			continue
		}
		for _, arg := range list {
			text := starlarkValue(arg.value)
			if arg.path != "" {
				text = fmt.Sprintf("model(%s, merge_space=%q)", quoted(arg.path), firstSpace(p))
			}
			args = append(args, prefix+text)
		}
	}
	r, err := mecha.ParseExprWith(ctx, fmt.Sprintf("method(%s)(%s)", quoted(c.method.ID), strings.Join(args, ", ")), s, o)
	var plain *tensor.Error
	if errors.As(err, &plain) { // without its place in an expression that nobody wrote
		return nil, plain
	}
	return r, err
}

// starlarkValue writes a value as an expression has it.
func starlarkValue(v methods.Value) string {
	switch v.Kind {
	case methods.NullValue:
		return "None"
	case methods.BoolValue:
		return map[bool]string{true: "True", false: "False"}[v.B]
	case methods.FloatValue:
		text := strconv.FormatFloat(v.F, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return text
	case methods.StringValue:
		return quoted(v.S)
	}
	return v.String()
}

// quoted writes a string as Starlark reads it: bytes that are not printable ASCII, and not part
// of a character, as octal escapes.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range []byte(s) {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\%03o", r)
		default:
			b.WriteByte(r)
		}
	}
	return b.String() + `"`
}
