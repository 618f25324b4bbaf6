package recipe

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Format writes a recipe in the text format 0.1.0, in the form in which sd-mecha writes it:
// arguments before users, defaults spelled out, equal lines once, no final line feed. The
// text reads back as the same graph. It fails on what the format cannot carry: NaN, line
// feeds, and names that are empty or hold "=".
func Format(g *Graph) ([]byte, error) { return g.format() }

// format writes the graph, with comments after the first line.
func (g *Graph) format(comments ...string) ([]byte, error) {
	w := &writer{refs: make(map[Digest]int, len(g.nodes)), lines: map[string]int{}, mixed: map[Digest]bool{}}
	w.buf.WriteString(header)
	for _, c := range comments {
		w.buf.WriteString("\n# " + c)
	}
	for _, n := range g.nodes {
		if err := w.node(n); err != nil {
			return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: err}
		}
	}
	return w.buf.Bytes(), nil
}

type writer struct {
	buf   bytes.Buffer
	refs  map[Digest]int  // result of a node
	lines map[string]int  // result of a line
	mixed map[Digest]bool // literals that cannot be an argument as a dict
}

// add writes a line, unless there is an equal one, and returns its result.
func (w *writer) add(line string) int {
	if i, ok := w.lines[line]; ok {
		return i
	}
	i := len(w.lines)
	w.lines[line] = i
	w.buf.WriteByte('\n')
	w.buf.WriteString(line)
	return i
}

// node writes a node whose children are written.
func (w *writer) node(n *Expr) (err error) {
	var line string
	switch n.kind {
	case ModelNode:
		if line, err = quote(n.path); err != nil {
			return err
		}
		line = "model " + line + hintText(n.hints)
	case LiteralNode:
		if line, err = w.dict(n.entries); err != nil {
			return err
		}
		w.mixed[n.digest] = n.hints == (Hints{}) && uniform(n.entries) != nil
		if n.hints != (Hints{}) {
			line = "literal &" + strconv.Itoa(w.add(line)) + hintText(n.hints)
		}
	case MergeNode:
		line = w.merge(n)
	}
	w.refs[n.digest] = w.add(line)
	return nil
}

func hintText(h Hints) string {
	text := func(s string) string {
		if s == "" {
			return "null"
		}
		return `"` + escaper.Replace(s) + `"`
	}
	return " " + configHint + "=" + text(h.Config) + " " + spaceHint + "=" + text(string(h.Space))
}

func (w *writer) dict(entries []Entry) (string, error) {
	var b strings.Builder
	b.WriteString("dict")
	for i := range entries {
		x := &entries[i]
		name, err := nameText(x.Key)
		if err != nil {
			return "", err
		}
		b.WriteString(" " + name + "=")
		if x.Node != nil {
			b.WriteString("&" + strconv.Itoa(w.entry(x.Node)))
			continue
		}
		v, err := valueText(x.Value)
		if err != nil {
			return "", &tensor.Error{Key: x.Key, Err: err}
		}
		b.WriteString(v)
	}
	return b.String(), nil
}

// entry returns the result of a node that is a value of a dict. A dict is none, so that
// literals without hints, which are written as dicts, need a line that makes them nodes.
func (w *writer) entry(n *Expr) int {
	i := w.refs[n.digest]
	if n.kind == LiteralNode && n.hints == (Hints{}) {
		return w.add("literal &" + strconv.Itoa(i) + hintText(n.hints))
	}
	return i
}

// argument returns the result of a node that is an argument of a merge: a dict may be one
// if its values are of one type.
func (w *writer) argument(n *Expr) int {
	if w.mixed[n.digest] {
		return w.entry(n)
	}
	return w.refs[n.digest]
}

func (w *writer) merge(n *Expr) string {
	var b strings.Builder
	b.WriteString(`merge "` + n.method.ID + `"`)
	for p, list := range n.args {
		for _, a := range list {
			b.WriteByte(' ')
			if n.method.Params[p].Keyword {
				b.WriteString(n.method.Params[p].Name + "=")
			}
			b.WriteString("&" + strconv.Itoa(w.argument(a)))
		}
	}
	return b.String()
}

// Errors of what the text format cannot carry.
var (
	errLineFeed = errors.New("a line feed cannot be written in a recipe")
	errName     = errors.New(`a name that is empty or holds "=" cannot be written in a recipe`)
	errNaN      = errors.New("NaN cannot be written in a recipe")
	errUTF8     = errors.New("text that is not UTF-8 cannot be written in a recipe")
)

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// nameEscaper also protects what separates tokens.
var nameEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, " ", `\ `, "\t", "\\\t")

func carries(s string) error {
	switch {
	case strings.Contains(s, "\n"):
		return errLineFeed
	case invalidUTF8(s) >= 0:
		return errUTF8
	}
	return nil
}

func quote(s string) (string, error) {
	if err := carries(s); err != nil {
		return "", &tensor.Error{Err: err, Got: strconv.Quote(clip(s))}
	}
	return `"` + escaper.Replace(s) + `"`, nil
}

func nameText(s string) (string, error) {
	err := carries(s)
	if err == nil && (s == "" || strings.Contains(s, "=")) {
		err = errName
	}
	if err != nil {
		return "", &tensor.Error{Err: err, Got: strconv.Quote(clip(s))}
	}
	return nameEscaper.Replace(s), nil
}

// valueText writes a value of a dict.
func valueText(v methods.Value) (string, error) {
	switch v.Kind {
	case methods.StringValue:
		return quote(v.S)
	case methods.BoolValue:
		return strconv.FormatBool(v.B), nil
	case methods.IntValue:
		return strconv.FormatInt(v.I, 10), nil
	case methods.BigIntValue:
		return v.S, nil
	case methods.FloatValue:
		switch {
		case math.IsNaN(v.F):
			return "", errNaN
		case math.IsInf(v.F, 1):
			return "1e999", nil // inf is not read by the reference
		case math.IsInf(v.F, -1):
			return "-1e999", nil
		}
		return FormatFloat(v.F), nil
	}
	return "null", nil
}
