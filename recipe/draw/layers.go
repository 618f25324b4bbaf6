package draw

import (
	"cmp"
	"slices"
)

// place is a box, or a bend of the edges from a box, in a layer.
type place struct {
	box  int // that it is, or whose edges bend here
	bend bool
	in   []link // places in the layer before
	out  []link // places in the layer after
	y    float64
	h    float64 // height
}

// link is a piece of an edge between neighbouring layers.
type link struct {
	at   int // place in the other layer
	port int // row of the box that the edge ends at; -1 at a bend
}

// layout is where everything is.
type layout struct {
	boxes  []box
	layer  []int     // of each box
	layers [][]place // from left to right; the order in a layer is that from top to bottom
	widths []float64 // of layers
}

// sweeps is how often the order of layers is improved in each direction. Pictures of a hundred
// nodes do not change after four or five.
const sweeps = 8

// arrange makes the layout of boxes.
func arrange(list []box) *layout {
	l := &layout{boxes: list}
	l.assign()
	l.connect()
	for range sweeps {
		l.sort(true)
		l.sort(false)
	}
	l.sort(true)
	l.position()
	return l
}

// assign gives every box the layer after the last one of those that it uses; a box that uses
// none, such as a model, stands in the layer before the first one that uses it.
func (l *layout) assign() {
	l.layer = make([]int, len(l.boxes))
	first := make([]int, len(l.boxes)) // layer of the first user
	for i, x := range l.boxes {
		for _, r := range x.rows {
			if r.from >= 0 {
				l.layer[i] = max(l.layer[i], l.layer[r.from]+1)
			}
		}
	}
	for i, x := range l.boxes {
		for _, r := range x.rows {
			if r.from >= 0 && (first[r.from] == 0 || l.layer[i] < first[r.from]) {
				first[r.from] = l.layer[i]
			}
		}
	}
	for i, x := range l.boxes {
		if len(edgesInto(x)) == 0 && first[i] > 0 {
			l.layer[i] = first[i] - 1
		}
	}
}

// bends counts the bends that a layout would have.
func (l *layout) bends() int {
	last := make([]int, len(l.boxes))
	for i, x := range l.boxes {
		for _, r := range x.rows {
			if r.from >= 0 {
				last[r.from] = max(last[r.from], l.layer[i])
			}
		}
	}
	n := 0
	for i := range last {
		n += max(0, last[i]-l.layer[i]-1)
	}
	return n
}

// connect puts boxes and bends into layers and links them.
func (l *layout) connect() {
	depth := 0
	for _, k := range l.layer {
		depth = max(depth, k+1)
	}
	l.layers = make([][]place, depth)
	at := make([][]int, len(l.boxes)) // places of a box and its bends, from its layer on
	add := func(k int, p place) int {
		l.layers[k] = append(l.layers[k], p)
		return len(l.layers[k]) - 1
	}
	for i := range l.boxes {
		at[i] = []int{add(l.layer[i], place{box: i, h: l.boxes[i].height()})}
		for port, r := range l.boxes[i].rows {
			if r.from < 0 {
				continue
			}
			f := r.from
			for k := l.layer[f] + len(at[f]); k < l.layer[i]; k++ {
				before := at[f][len(at[f])-1]
				at[f] = append(at[f], add(k, place{box: f, bend: true, in: []link{{before, -1}}}))
				l.layers[k-1][before].out = append(l.layers[k-1][before].out, link{len(l.layers[k]) - 1, -1})
			}
			before := at[f][l.layer[i]-1-l.layer[f]]
			p := &l.layers[l.layer[i]][at[i][0]]
			p.in = append(p.in, link{before, port})
			q := &l.layers[l.layer[i]-1][before]
			q.out = append(q.out, link{at[i][0], port})
		}
	}
}

// sort orders each layer by the mean position of the neighbours in the layer before (forward) or
// after, which leaves few crossings. Places without neighbours keep theirs.
func (l *layout) sort(forward bool) {
	for i := range l.layers {
		k := i
		if !forward {
			k = len(l.layers) - 1 - i
		}
		layer := l.layers[k]
		key := make([]float64, len(layer))
		for j := range layer {
			key[j] = layer[j].barycentre(forward, float64(j))
		}
		order := make([]int, len(layer))
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(key[a], key[b]) })
		l.permute(k, order)
	}
}

// barycentre is the mean position of neighbours, in which the port of an edge counts a little,
// so that what goes to the first row comes first.
func (p *place) barycentre(forward bool, def float64) float64 {
	sum, n := 0.0, 0.0
	if forward {
		for _, in := range p.in {
			sum, n = sum+float64(in.at), n+1
		}
	} else {
		for _, to := range p.out {
			sum, n = sum+float64(to.at)+float64(to.port+1)/64, n+1
		}
	}
	if n == 0 {
		return def
	}
	return sum / n
}

// permute brings a layer into an order: order[i] is the place that comes to i.
func (l *layout) permute(k int, order []int) {
	to := make([]int, len(order))
	sorted := make([]place, len(order))
	for i, from := range order {
		to[from], sorted[i] = i, l.layers[k][from]
	}
	l.layers[k] = sorted
	if k > 0 {
		for j := range l.layers[k-1] {
			for i, o := range l.layers[k-1][j].out {
				l.layers[k-1][j].out[i].at = to[o.at]
			}
		}
	}
	if k+1 < len(l.layers) {
		for j := range l.layers[k+1] {
			for i, in := range l.layers[k+1][j].in {
				l.layers[k+1][j].in[i].at = to[in.at]
			}
		}
	}
}
