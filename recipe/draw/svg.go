package draw

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// What a picture may have. A thousand boxes are some square metres of paper.
const (
	maxBoxes = 5_000
	maxBends = 100_000
)

// colours are those of boxes by the kind of node.
var colours = map[recipe.Kind]string{recipe.ModelNode: "#dbe9f6", recipe.LiteralNode: "#f3efe0", recipe.MergeNode: "#ffffff"}

// SVG returns the picture as an SVG file. It fails with an error of class usage if the recipe is
// too large to be looked at.
func SVG(g *recipe.Graph) (string, error) {
	list := boxes(g)
	l := &layout{boxes: list}
	l.assign()
	if bends := l.bends(); len(list) > maxBoxes || bends > maxBends {
		return "", &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("a picture of %d boxes is too large", len(list)),
			Want: fmt.Sprintf("at most %d", maxBoxes), Hint: "DOT has no limit"}
	}
	return arrange(list).svg(), nil
}

func (l *layout) svg() string {
	x := make([]float64, len(l.layers))
	bottom, right := 0.0, float64(margin)
	for k, layer := range l.layers {
		if x[k] = right; k > 0 {
			x[k] += l.gapBefore(k)
		}
		right = x[k] + l.widths[k]
		for i := range layer {
			bottom = max(bottom, layer[i].y+layer[i].h)
		}
	}
	var b strings.Builder
	width, height := right+margin, bottom+margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="monospace" font-size="12">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="#ffffff"/>`+"\n", width, height)
	b.WriteString(`<g fill="none" stroke="#7a8794" stroke-width="1.2">` + "\n")
	for k := range l.layers {
		for i := range l.layers[k] {
			l.edges(&b, x, k, i)
		}
	}
	b.WriteString("</g>\n")
	for k := range l.layers {
		for i := range l.layers[k] {
			if p := &l.layers[k][i]; !p.bend {
				l.drawBox(&b, x[k], p)
			}
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// edges draws the pieces of edges that end at a place, and a bend's way through its layer.
func (l *layout) edges(b *strings.Builder, x []float64, k, i int) {
	p := &l.layers[k][i]
	for _, in := range p.in {
		q := &l.layers[k-1][in.at]
		x1, y1 := x[k-1]+l.widths[k-1], l.exit(k-1, in.at)
		if !q.bend {
			x1 = x[k-1] + l.boxes[q.box].width()
		}
		x2, y2 := x[k], p.y+l.entry(p, in.port)
		start := x[k-1] + l.widths[k-1]
		middle := (start + x2) / 2
		fmt.Fprintf(b, `<path d="M%.1f %.1fH%.1fC%.1f %.1f %.1f %.1f %.1f %.1f`, x1, y1, start, middle, y1, middle, y2, x2, y2)
		if p.bend {
			fmt.Fprintf(b, `H%.1f`, x[k]+l.widths[k])
		}
		b.WriteString("\"/>\n")
	}
}

func (l *layout) drawBox(b *strings.Builder, x float64, p *place) {
	q := &l.boxes[p.box]
	stroke, weight, radius := "#33475b", "normal", 2
	if q.kind == recipe.ModelNode {
		radius = 8
	}
	if q.kind == recipe.MergeNode {
		weight = "bold"
	}
	thick := 1.0
	if p.box == len(l.boxes)-1 {
		thick = 2.5
	}
	fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%d" fill="%s" stroke="%s" stroke-width="%.1f"/>`+"\n",
		x, p.y, q.width(), q.height(), radius, colours[q.kind], stroke, thick)
	text(b, x+padding, p.y+q.port(-1)+4, weight, "#16202b", q.title)
	for i, r := range q.rows {
		text(b, x+padding, p.y+q.port(i)+4, "normal", "#4a5b6c", r.text)
		if r.from >= 0 {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"/>`+"\n", x, p.y+q.port(i), stroke)
		}
	}
}

func text(b *strings.Builder, x, y float64, weight, colour, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" font-weight="%s" fill="%s" xml:space="preserve">`, x, y, weight, colour)
	_ = xml.EscapeText(b, []byte(printable(s))) // a Builder does not fail
	b.WriteString("</text>\n")
}
