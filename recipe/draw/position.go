package draw

import "github.com/mecha-gpu/mecha-gpu/tensor"

// Measures of the picture in pixels. A character of a monospaced font of 12 pixels is 7.2 wide in
// all common fonts.
const (
	charWidth = 7.25
	rowHeight = 16
	padding   = 8  // inside boxes
	boxGap    = 16 // between boxes of a layer
	bendGap   = 8  // around bends
	layerGap  = 48 // between layers, at least
	linkGap   = 1  // more for each piece of an edge between two layers, so that they can be told apart
	wideGap   = 160
	margin    = 20 // around everything
)

// gapBefore is the width between layer k and the one before.
func (l *layout) gapBefore(k int) float64 {
	n := 0
	for i := range l.layers[k] {
		n += len(l.layers[k][i].in)
	}
	return min(layerGap+linkGap*float64(n), wideGap)
}

// height is that of the title and the rows.
func (b *box) height() float64 { return float64(rowHeight*(1+len(b.rows)) + padding) }

func (b *box) width() float64 {
	n := tensor.Columns(b.title)
	for _, r := range b.rows {
		n = max(n, tensor.Columns(r.text))
	}
	return float64(n)*charWidth + 2*padding
}

// port is the height of a row in its box; that of the title is port(-1).
func (b *box) port(row int) float64 { return padding/2 + rowHeight*(float64(row)+1.5) }

// relaxations is how often positions are improved in each direction.
const relaxations = 12

// position gives every place its height in the picture, and every layer its width.
func (l *layout) position() {
	l.widths = make([]float64, len(l.layers))
	for k, layer := range l.layers {
		y := 0.0
		for i := range layer {
			p := &layer[i]
			if !p.bend {
				l.widths[k] = max(l.widths[k], l.boxes[p.box].width())
			}
			p.y = y
			y += p.h + gap(layer, i)
		}
	}
	for range relaxations {
		for k := 1; k < len(l.layers); k++ {
			l.relax(k, true)
		}
		for k := len(l.layers) - 2; k >= 0; k-- {
			l.relax(k, false)
		}
	}
	l.raise()
}

// gap is the space below place i of a layer.
func gap(layer []place, i int) float64 {
	if i+1 == len(layer) || layer[i].bend || layer[i+1].bend {
		return bendGap
	}
	return boxGap
}

// relax moves the places of a layer to where their edges are straight, as far as their order and
// the space between them allow: the positions with the least sum of squared distances from the
// wanted ones (pool adjacent violators).
func (l *layout) relax(k int, forward bool) {
	layer := l.layers[k]
	type pool struct {
		sum    float64 // of the wanted positions, relative to the start of the pool
		n, len float64 // places, and the height that they take
	}
	var pools []pool
	sizes := make([]float64, len(layer))
	for i := range layer {
		sizes[i] = layer[i].h + gap(layer, i)
		pools = append(pools, pool{l.wanted(k, i, forward), 1, sizes[i]})
		for len(pools) > 1 {
			a, b := pools[len(pools)-2], pools[len(pools)-1]
			if a.sum/a.n+a.len <= b.sum/b.n {
				break
			}
			pools = append(pools[:len(pools)-2], pool{a.sum + b.sum - b.n*a.len, a.n + b.n, a.len + b.len})
		}
	}
	i := 0
	for _, p := range pools {
		y := p.sum / p.n
		for range int(p.n) {
			layer[i].y = y
			y += sizes[i]
			i++
		}
	}
}

// wanted is where a place would be if its edges to one neighbouring layer were straight.
func (l *layout) wanted(k, i int, forward bool) float64 {
	p := &l.layers[k][i]
	sum, n := 0.0, 0.0
	if forward {
		for _, in := range p.in {
			sum, n = sum+l.exit(k-1, in.at)-l.entry(p, in.port), n+1
		}
	} else {
		for _, out := range p.out {
			q := &l.layers[k+1][out.at]
			sum, n = sum+q.y+l.entry(q, out.port)-(l.exit(k, i)-p.y), n+1
		}
	}
	if n == 0 {
		return p.y
	}
	return sum / n
}

// exit is the height at which edges leave a place.
func (l *layout) exit(k, i int) float64 {
	p := &l.layers[k][i]
	if p.bend {
		return p.y
	}
	return p.y + l.boxes[p.box].port(-1)
}

// entry is the height, in a place, at which an edge enters.
func (l *layout) entry(p *place, port int) float64 {
	if p.bend {
		return 0
	}
	return l.boxes[p.box].port(port)
}

// raise moves everything so that the topmost place is at the margin.
func (l *layout) raise() {
	top := l.layers[0][0].y
	for _, layer := range l.layers {
		for i := range layer {
			top = min(top, layer[i].y)
		}
	}
	for _, layer := range l.layers {
		for i := range layer {
			layer[i].y += margin - top
		}
	}
}
