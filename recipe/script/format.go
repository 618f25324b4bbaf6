package script

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Format writes a recipe as a program without loops: a line for each model and merge, values in
// the lines that use them, defaults left out. Running the program gives the same graph; Format
// has tried it. It fails on a recipe that no program within the limits makes.
func Format(g *recipe.Graph) ([]byte, error) {
	w := &programWriter{names: map[recipe.Digest]string{}, used: map[string]int{}, hidden: map[string]bool{}}
	m, err := newMachine(nil, "", g.Env(), Options{})
	if err != nil {
		return nil, err
	}
	w.taken = map[string]bool{result: true, entry: true}
	for name := range m.names {
		w.taken[name] = true
	}
	for name := range starlark.Universe {
		w.taken[name] = true
	}
	for _, x := range wrappers() {
		w.hidden[x.ID] = true
	}
	for _, n := range needed(g) {
		w.statement(n)
	}
	fmt.Fprintf(&w.b, "%s = %s\n", result, w.ref(g.Root()))
	again, err := Run([]byte(w.b.String()), "program", g.Env(), Options{})
	if err == nil && !again.Equal(g) {
		err = errors.New("the program that was tried makes another recipe")
	}
	if err != nil {
		return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("the recipe cannot be written as a program: %w", err)}
	}
	return []byte(w.b.String()), nil
}

type programWriter struct {
	b      strings.Builder
	names  map[recipe.Digest]string // variables
	taken  map[string]bool
	used   map[string]int  // numbers that names have had; names need no search then
	hidden map[string]bool // methods whose name is that of a wrapper
}

// statement writes the line of a node, unless it is written where it is used.
func (w *programWriter) statement(n *recipe.Expr) {
	var name, text string
	switch n.Kind() {
	case recipe.ModelNode:
		name, text = stem(n.Path()), "model("+quoted(n.Path())+hintArguments(n.Hints(), methods.Weight)+")"
	case recipe.LiteralNode:
		if n.Hints() == (recipe.Hints{}) {
			return
		}
		name, text = "values", "literal("+w.dict(n.Entries())+hintArguments(n.Hints(), "")+")"
	default:
		if value(n) {
			return
		}
		name, text = "x", w.call(n)
	}
	name = w.variable(name)
	w.names[n.Digest()] = name
	w.b.WriteString(name + " = " + text + "\n")
}

// value reports whether a node is one value for all keys, which is written where it is used.
func value(n *recipe.Expr) bool {
	if !broadcast(n) || n.Args()[0][0].Kind() != recipe.LiteralNode || n.Args()[0][0].Hints().Config != config.SingletonID {
		return false
	}
	x := n.Args()[0][0].Entries()
	return len(x) == 1 && x[0].Key == config.SingletonKey && x[0].Node == nil
}

// needed returns the nodes that have a line of their own, or none because they are values or
// dicts: all but the state dicts that only values are made of.
func needed(g *recipe.Graph) []*recipe.Expr {
	used := map[recipe.Digest]bool{g.Root().Digest(): true}
	for _, n := range g.Nodes() {
		if value(n) {
			continue
		}
		for _, x := range n.Entries() {
			if x.Node != nil {
				used[x.Node.Digest()] = true
			}
		}
		for _, list := range n.Args() {
			for _, a := range list {
				used[a.Digest()] = true
			}
		}
	}
	return slices.DeleteFunc(g.Nodes(), func(n *recipe.Expr) bool { return !used[n.Digest()] })
}

// variable returns a name that is not taken.
func (w *programWriter) variable(name string) string {
	try := name
	for w.taken[try] {
		w.used[name]++
		try = name + "_" + strconv.Itoa(w.used[name]+1)
	}
	w.taken[try] = true
	return try
}

// stem makes a name of the last part of a path.
func stem(p string) string {
	base := path.Base(strings.ReplaceAll(p, `\`, "/"))
	if dot := strings.LastIndexByte(base, '.'); dot > 0 {
		base = base[:dot]
	}
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(nameRunes, r) {
			return r
		}
		return '_'
	}, base)
	if _, err := dialect.ParseExpr(sourceName, name, 0); err != nil || !identifier.MatchString(name) {
		name = "m_" + strings.TrimLeft(name, "_")
	}
	return name
}

// hintArguments writes the hints that are not the usual ones.
func hintArguments(h recipe.Hints, usual methods.Space) string {
	var s string
	if h.Config != "" {
		s += ", config=" + quoted(h.Config)
	}
	switch {
	case h.Space == usual:
	case h.Space == "":
		s += ", merge_space=None"
	default:
		s += ", merge_space=" + quoted(string(h.Space))
	}
	return s
}

// operatorText writes merges that have an operator.
var operatorText = map[string]string{"subtract": " - ", "fallback": " | ", "add_difference": " + "}

// call writes a merge: an operator between variables, or a call.
func (w *programWriter) call(n *recipe.Expr) string {
	m, args := n.Method(), n.Args()
	if op, ok := operatorText[m.ID]; ok && w.isVariable(args[0][0]) {
		if len(args) == 2 || isDefault(&m.Params[2], args[2]) {
			return w.ref(args[0][0]) + op + w.ref(args[1][0])
		}
	}
	name := m.ID
	if w.hidden[name] || !identifier.MatchString(name) {
		name = "method(" + quoted(name) + ")"
	}
	var parts []string
	for p := range m.Params {
		for _, a := range args[p] {
			switch {
			case isDefault(&m.Params[p], args[p]):
			case m.Params[p].Default != nil || m.Params[p].Keyword:
				parts = append(parts, m.Params[p].Name+"="+w.ref(a))
			default:
				parts = append(parts, w.ref(a))
			}
		}
	}
	return name + "(" + strings.Join(parts, ", ") + ")"
}

func (w *programWriter) isVariable(n *recipe.Expr) bool { return w.names[n.Digest()] != "" }

// isDefault reports whether an argument is what the parameter has without one.
func isDefault(p *methods.Param, args []*recipe.Expr) bool {
	if p.Default == nil || len(args) != 1 || !value(args[0]) {
		return false
	}
	lit := args[0].Args()[0][0]
	v := lit.Entries()[0].Value
	return lit.Hints().Space == "" && v == *p.Default && math.Signbit(v.F) == math.Signbit(p.Default.F)
}

// ref writes a node where it is used: its variable, or its value.
func (w *programWriter) ref(n *recipe.Expr) string {
	if name := w.names[n.Digest()]; name != "" {
		return name
	}
	if n.Kind() == recipe.LiteralNode {
		return w.dict(n.Entries())
	}
	lit := n.Args()[0][0]
	text := valueText(lit.Entries()[0].Value)
	if space := lit.Hints().Space; space != "" {
		return "literal(" + text + ", merge_space=" + quoted(string(space)) + ")"
	}
	return text
}

// longDict is how many bytes of entries are written as one line.
const longDict = 200

// dict writes a dict, a long one with a line for each entry: see checkSource.
func (w *programWriter) dict(entries []recipe.Entry) string {
	parts := make([]string, len(entries))
	length := 0
	for i, x := range entries {
		text := ""
		if x.Node == nil {
			text = valueText(x.Value)
		} else if text = w.ref(x.Node); !w.isVariable(x.Node) {
			text = "literal(" + text + ")" // a value would not be a node
		}
		parts[i] = quoted(x.Key) + ": " + text
		length += len(parts[i])
	}
	if length > longDict {
		return "{\n    " + strings.Join(parts, ",\n    ") + ",\n}"
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func quoted(s string) string { return starlark.String(s).String() }

func valueText(v methods.Value) string {
	switch v.Kind {
	case methods.NullValue:
		return "None"
	case methods.BoolValue:
		if v.B {
			return "True"
		}
		return "False"
	case methods.StringValue:
		return quoted(v.S)
	case methods.FloatValue:
		if math.IsInf(v.F, 0) {
			return `float("` + strings.ToLower(strconv.FormatFloat(v.F, 'f', -1, 64)) + `")`
		}
		return recipe.FormatFloat(v.F)
	}
	return v.String()
}
