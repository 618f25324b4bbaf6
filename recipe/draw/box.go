package draw

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// box is a node of the picture.
type box struct {
	kind  recipe.Kind
	title string
	rows  []row
}

// row is a line of a box.
type row struct {
	text string // "a", "alpha = 0.5"
	from int    // the box whose result it takes; -1 if it is a value or a remark
}

// Sizes of labels.
const (
	maxText    = 40 // characters of a row
	maxEntries = 8  // entries of a literal that have a row of their own
	fewValues  = 3  // values of a merge that are all shown; of more, those that are not defaults
)

// boxes makes the boxes of a recipe, those that are used before those that use them. The last
// one is the result.
func boxes(g *recipe.Graph) []box {
	nodes := g.Nodes()
	b := builder{index: map[recipe.Digest]int{}}
	for i, n := range nodes {
		if folded(n) && i < len(nodes)-1 {
			continue
		}
		b.index[n.Digest()] = len(b.list)
		b.list = append(b.list, b.box(n))
	}
	return b.list
}

type builder struct {
	list  []box
	index map[recipe.Digest]int
}

// folded reports whether a node is shown as a value of what uses it.
func folded(n *recipe.Expr) bool {
	switch n.Kind() {
	case recipe.MergeNode:
		_, ok := constant(n)
		return ok
	case recipe.LiteralNode:
		for _, x := range n.Entries() {
			if x.Node != nil {
				return false
			}
		}
		return true
	}
	return false
}

// constant returns the value of a node that is one value for all keys.
func constant(n *recipe.Expr) (methods.Value, bool) {
	if n.Kind() != recipe.MergeNode || !n.Method().Broadcast || len(n.Args()) != 1 || len(n.Args()[0]) != 1 {
		return methods.Value{}, false
	}
	x := n.Args()[0][0].Entries()
	if len(x) != 1 || x[0].Key != config.SingletonKey || x[0].Node != nil {
		return methods.Value{}, false
	}
	return x[0].Value, true
}

func (b *builder) box(n *recipe.Expr) box {
	switch n.Kind() {
	case recipe.ModelNode:
		return box{kind: n.Kind(), title: clipStart(n.Path()), rows: hintRows(n.Hints())}
	case recipe.LiteralNode:
		return box{kind: n.Kind(), title: "literal", rows: append(b.entryRows(n.Entries()), hintRows(n.Hints())...)}
	}
	if v, ok := constant(n); ok {
		return box{kind: n.Kind(), title: clip(short(v))}
	}
	return box{kind: n.Kind(), title: clip(n.Method().ID), rows: b.argumentRows(n)}
}

// hintRows show the hints that say more than that a model is a model.
func hintRows(h recipe.Hints) []row {
	var rows []row
	if h.Config != "" {
		rows = append(rows, row{clip("config " + h.Config), -1})
	}
	if h.Space != "" && h.Space != methods.Weight {
		rows = append(rows, row{clip("space " + string(h.Space)), -1})
	}
	return rows
}

// argumentRows have a line for each argument that is a box, then for values.
func (b *builder) argumentRows(n *recipe.Expr) []row {
	var edges, values, changed []row
	args, params := n.Args(), n.Method().Params
	for p := range params {
		for i, a := range args[p] {
			name := params[p].Name
			if params[p].Variadic && len(args[p]) > 1 {
				name += " " + strconv.Itoa(i+1)
			}
			if !folded(a) {
				edges = append(edges, row{clip(name), b.index[a.Digest()]})
				continue
			}
			r := row{clip(name + " = " + valueText(a)), -1}
			values = append(values, r)
			if v, ok := constant(a); !ok || params[p].Default == nil || v != *params[p].Default {
				changed = append(changed, r)
			}
		}
	}
	if len(values) > fewValues {
		values = changed
	}
	return append(edges, values...)
}

// valueText writes a folded node.
func valueText(n *recipe.Expr) string {
	if v, ok := constant(n); ok {
		return short(v)
	}
	entries := n.Entries()
	var parts []string
	for i, x := range entries {
		if i == fewValues && len(entries) > fewValues+1 {
			parts = append(parts, fmt.Sprintf("%d more", len(entries)-i))
			break
		}
		parts = append(parts, x.Key+": "+short(x.Value))
	}
	text := "{" + strings.Join(parts, ", ") + "}"
	if len([]rune(text)) > maxText/2 {
		text = "{" + tensor.Count(len(entries), "key") + "}"
	}
	return text
}

// short writes a value with six digits.
func short(v methods.Value) string {
	if v.Kind == methods.FloatValue {
		return strconv.FormatFloat(v.F, 'g', 6, 64)
	}
	return v.String()
}

// entryRows have a line for each of the first entries, and one for each node that others use.
func (b *builder) entryRows(entries []recipe.Entry) []row {
	var rows []row
	more := map[int]int{} // entries by box
	var order []int
	for i, x := range entries {
		from := -1
		if x.Node != nil && !folded(x.Node) {
			from = b.index[x.Node.Digest()]
		}
		switch {
		case i >= maxEntries:
			if more[from] == 0 {
				order = append(order, from)
			}
			more[from]++
		case from >= 0:
			rows = append(rows, row{clip(x.Key), from})
		case x.Node != nil:
			rows = append(rows, row{clip(x.Key + " = " + valueText(x.Node)), -1})
		default:
			rows = append(rows, row{clip(x.Key + " = " + short(x.Value)), -1})
		}
	}
	for _, from := range order {
		rows = append(rows, row{fmt.Sprintf("%d more", more[from]), from})
	}
	return rows
}

// clip shortens a text at its end.
func clip(s string) string {
	if r := []rune(s); len(r) > maxText {
		return string(r[:maxText-1]) + "…"
	}
	return s
}

// clipStart shortens a path at its start, because its end says more.
func clipStart(s string) string {
	if r := []rune(s); len(r) > maxText {
		return "…" + string(r[len(r)-maxText+1:])
	}
	return s
}
