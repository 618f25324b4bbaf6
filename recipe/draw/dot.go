package draw

import (
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/recipe"
)

// dotStyle are the attributes of boxes by the kind of node.
var dotStyle = map[recipe.Kind]string{
	recipe.ModelNode:   `style="filled,rounded", fillcolor="#dbe9f6"`,
	recipe.LiteralNode: `style="filled", fillcolor="#f3efe0"`,
	recipe.MergeNode:   `style="filled", fillcolor="#ffffff"`,
}

// DOT returns the picture in the language of Graphviz. Edges have the names of parameters.
func DOT(g *recipe.Graph) string {
	var b strings.Builder
	b.WriteString("digraph recipe {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"monospace\", fontsize=11];\n\tedge [fontname=\"monospace\", fontsize=9];\n")
	list := boxes(g)
	for i, x := range list {
		lines := []string{x.title}
		for _, r := range x.rows {
			if r.from < 0 {
				lines = append(lines, r.text)
			}
		}
		style := dotStyle[x.kind]
		if i == len(list)-1 {
			style += ", penwidth=2"
		}
		fmt.Fprintf(&b, "\tn%d [label=\"%s\", %s];\n", i, dotText(strings.Join(lines, "\n")), style)
	}
	for i, x := range list {
		for _, e := range edgesInto(x) {
			fmt.Fprintf(&b, "\tn%d -> n%d [label=\"%s\"];\n", e.from, i, dotText(e.text))
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// edgesInto returns the edges into a box, one for each box that it uses, labelled with the names
// of all its rows.
func edgesInto(x box) []row {
	var edges []row
	at := map[int]int{}
	for _, r := range x.rows {
		if r.from < 0 {
			continue
		}
		if i, ok := at[r.from]; ok {
			edges[i].text += ", " + r.text
			continue
		}
		at[r.from] = len(edges)
		edges = append(edges, r)
	}
	return edges
}

var dotEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// dotText escapes a text in quotes. Other control characters have no place in a label.
func dotText(s string) string { return dotEscaper.Replace(printable(s)) }

// printable replaces control characters except line feeds, and what is no text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (r < ' ' || r == 0x7f || r >= 0xfffe && r <= 0xffff) {
			return '\ufffd'
		}
		return r
	}, s)
}
