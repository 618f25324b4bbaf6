package kernels

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Lowerer cuts expressions into Programs and keeps what it made: an expression with the
// same structure as an earlier one costs a look-up. It is used by one goroutine.
type Lowerer struct {
	known map[string]*Lowered
	progs map[string]*Program
	buf   []byte
	order order
}

// NewLowerer returns a Lowerer that knows nothing yet.
func NewLowerer() *Lowerer {
	return &Lowerer{known: map[string]*Lowered{}, progs: map[string]*Program{}}
}

// Programs returns the number of distinct Programs made so far.
func (l *Lowerer) Programs() int { return len(l.progs) }

// Part is a range of the elements of an output, with its expression. Elements of its
// domains are numbered from 0.
type Part struct {
	First, N int64
	Inst     Instance
}

// Lower cuts the expression root, stored as out, into sweeps. Where it joins tensors
// (Concat, Stack) there is a part for each.
func (l *Lowerer) Lower(root T, out tensor.DType) ([]Part, error) {
	if err := root.t.err; err != nil {
		return nil, err
	}
	cuts, err := root.t.segments(root)
	if err != nil {
		return nil, err
	}
	parts := make([]Part, len(cuts))
	for i, c := range cuts {
		inst, err := l.lower(c.root, out)
		if err != nil {
			return nil, err
		}
		parts[i] = Part{First: c.first, N: c.n, Inst: inst}
	}
	return parts, nil
}

// lower makes the instance of an expression without joins.
func (l *Lowerer) lower(root T, out tensor.DType) (Instance, error) {
	t := root.t
	o := &l.order
	o.visit(t, root.id)
	l.buf = o.key(l.buf[:0], t, out)
	low, ok := l.known[string(l.buf)]
	if !ok {
		var err error
		if low, err = l.build(root, out); err != nil {
			return Instance{}, err
		}
		l.known[string(l.buf)] = low
	}
	return o.instance(t, low), nil
}

// order numbers the nodes that an expression reaches, arguments first, so that equal
// structures have equal numbers whatever else the trace holds.
type order struct {
	ids    []int32 // trace nodes in order
	num    []int32 // by trace node: its number + 1; 0 if not reached
	leaves []int32 // trace nodes of the leaves, in order
	consts []int32
	guards []int32
	shapes []tensor.Shape // distinct shapes in order of appearance
	shape  []int32        // by number: index in shapes
	root   int32
}

func (o *order) visit(t *Trace, root int32) {
	o.ids, o.leaves, o.consts, o.guards = o.ids[:0], o.leaves[:0], o.consts[:0], o.guards[:0]
	o.shapes, o.shape = o.shapes[:0], o.shape[:0]
	if cap(o.num) < len(t.nodes) {
		o.num = make([]int32, 2*len(t.nodes))
	}
	o.num = o.num[:len(t.nodes)]
	clear(o.num)
	o.walk(t, root)
	o.root = o.num[root] - 1
}

func (o *order) walk(t *Trace, id int32) {
	if o.num[id] != 0 {
		return
	}
	n := &t.nodes[id]
	for _, a := range n.args() {
		o.walk(t, a)
	}
	o.ids = append(o.ids, id)
	o.num[id] = int32(len(o.ids))
	o.shape = append(o.shape, o.shapeIndex(n.shape))
	switch n.kind {
	case nLeaf:
		o.leaves = append(o.leaves, id)
	case nConst:
		o.consts = append(o.consts, id)
	case nGuard:
		o.guards = append(o.guards, id)
	}
}

func (o *order) shapeIndex(s tensor.Shape) int32 {
	for i := range o.shapes {
		if o.shapes[i].Equal(s) {
			return int32(i)
		}
	}
	o.shapes = append(o.shapes, s)
	return int32(len(o.shapes) - 1)
}

// args returns the arguments of a node.
func (n *node) args() []int32 {
	switch n.kind {
	case nOp:
		return (*[3]int32)(unsafe.Pointer(&n.a))[:n.op.Arity()]
	case nMacro, nReduce:
		if n.a == n.b {
			return (*[3]int32)(unsafe.Pointer(&n.a))[:1]
		}
		return (*[3]int32)(unsafe.Pointer(&n.a))[:2]
	case nGuard, nOut:
		return (*[3]int32)(unsafe.Pointer(&n.a))[:1]
	case nHost, nCall, nConcat, nChoose:
		return n.list
	}
	return nil
}

// key appends a text that is equal for expressions that lower to the same thing.
func (o *order) key(b []byte, t *Trace, out tensor.DType) []byte {
	b = append(b, byte(t.compute), byte(out))
	for i, id := range o.ids {
		n := &t.nodes[id]
		b = append(b, byte(n.kind), byte(n.op), byte(n.dtype), byte(o.shape[i]))
		for _, a := range n.args() {
			b = binary.AppendUvarint(b, uint64(o.num[a]))
		}
		switch n.kind {
		case nLit, nMacro, nReduce, nOut:
			b = binary.AppendUvarint(b, n.imm)
		case nHost:
			b = binary.AppendUvarint(b, uint64(uintptr(unsafe.Pointer(n.fn))))
		case nCall:
			b = binary.AppendUvarint(b, uint64(uintptr(unsafe.Pointer(n.goFn))))
		}
		b = append(b, 0xff)
	}
	for i, s := range o.shapes {
		b = append(b, byte(min(len(s), 2)), byte(min(s.N(), 2)))
		for k := range o.shapes {
			f, ok := FormOf(s, o.shapes[k])
			if k != i && ok {
				b = append(b, byte(k), byte(f))
			}
		}
		b = append(b, 0xff)
	}
	return b
}

// instance fills in what belongs to one tensor.
func (o *order) instance(t *Trace, low *Lowered) Instance {
	in := Instance{Lowered: low}
	in.Leaves = make([]LeafRef, len(o.leaves))
	for i, id := range o.leaves {
		n := &t.nodes[id]
		in.Leaves[i] = LeafRef{Number: int(n.imm), Start: n.start, N: n.shape.N()}
	}
	if len(o.guards) > 0 {
		in.Guards = make([]int, len(o.guards))
		for i, id := range o.guards {
			in.Guards[i] = int(t.nodes[id].imm)
		}
	}
	if len(o.consts) > 0 {
		in.Consts = make([]float64, len(o.consts))
		for i, id := range o.consts {
			in.Consts[i] = t.nodes[id].value
		}
	}
	in.Domains = make([]Domain, len(o.shapes))
	for i, s := range o.shapes {
		d := Domain{N: s.N(), Cols: 1}
		if len(s) > 0 {
			d.Cols = s[len(s)-1]
		}
		in.Domains[i] = d
	}
	return in
}

// segment is a range of an output without joins.
type segment struct {
	first, n int64
	root     T
}

// segments cuts an expression at the boundaries of its joins.
func (t *Trace) segments(root T) ([]segment, error) {
	cuts, err := t.joins(root.id, root.Shape(), map[int32]bool{})
	if err != nil {
		return nil, err
	}
	n := root.Shape().N()
	if cuts == nil {
		return []segment{{0, n, root}}, nil
	}
	var segs []segment
	for i, first := range cuts {
		end := n
		if i+1 < len(cuts) {
			end = cuts[i+1]
		}
		if end > first {
			r := &rebuild{t: t, domain: root.Shape(), first: first, n: end - first, done: map[int32]T{}}
			part := r.node(root.id)
			segs = append(segs, segment{first, end - first, part})
		}
	}
	return segs, t.err
}

// joins returns where the elements of joined tensors start, ascending; nil without joins.
func (t *Trace) joins(id int32, domain tensor.Shape, seen map[int32]bool) ([]int64, error) {
	if seen[id] {
		return nil, nil
	}
	seen[id] = true
	n := &t.nodes[id]
	var cuts []int64
	for _, a := range n.args() {
		c, err := t.joins(a, domain, seen)
		if err != nil {
			return nil, err
		}
		cuts = mergeCuts(cuts, c)
	}
	switch {
	case n.kind == nConcat:
		if !n.shape.Equal(domain) {
			return nil, fmt.Errorf("a joined tensor of shape %v cannot be spread over %v yet", n.shape, domain)
		}
		at := int64(0)
		for _, p := range n.list {
			cuts = mergeCuts(cuts, []int64{at})
			at += t.nodes[p].shape.N()
		}
	case cuts != nil && n.kind != nOp && n.kind != nMacro && n.kind != nGuard:
		return nil, fmt.Errorf("a joined tensor can be used in elementwise arithmetic only, not under a reduction or a function")
	}
	return cuts, nil
}

// mergeCuts merges two ascending lists without repeats.
func mergeCuts(a, b []int64) []int64 {
	if len(a) == 0 || len(b) == 0 {
		return append(a, b...)
	}
	var out []int64
	for len(a) > 0 || len(b) > 0 {
		var x int64
		if len(b) == 0 || len(a) > 0 && a[0] <= b[0] {
			x, a = a[0], a[1:]
		} else {
			x, b = b[0], b[1:]
		}
		if len(out) == 0 || out[len(out)-1] != x {
			out = append(out, x)
		}
	}
	return out
}

// rebuild copies an expression for a range of its elements, with joins replaced by the
// part that holds the range.
type rebuild struct {
	t        *Trace
	domain   tensor.Shape
	first, n int64
	done     map[int32]T
}

func (r *rebuild) node(id int32) T {
	if v, ok := r.done[id]; ok {
		return v
	}
	v := r.copy(id, r.t.nodes[id])
	r.done[id] = v
	return v
}

func (r *rebuild) copy(id int32, n node) T {
	dense := n.shape.Equal(r.domain)
	shape := tensor.Shape{r.n}
	switch n.kind {
	case nConcat:
		at := int64(0)
		for _, p := range n.list {
			size := r.t.nodes[p].shape.N()
			if r.first < at+size {
				sub := &rebuild{t: r.t, domain: r.t.nodes[p].shape, first: r.first - at, n: r.n, done: map[int32]T{}}
				return sub.node(p)
			}
			at += size
		}
	case nLeaf:
		if dense {
			k := n.nodeKey
			k.start += r.first
			return r.t.add(k, shape, 0)
		}
	case nConst, nLit:
		if dense {
			v := r.t.number(n.kind, n.value, shape)
			return v
		}
	case nOp, nMacro, nGuard:
		k := n.nodeKey
		for i, a := range n.args() {
			v := r.node(a)
			switch i {
			case 0:
				k.a = v.id
				if n.kind == nMacro && n.a == n.b {
					k.b = v.id
				}
			case 1:
				k.b = v.id
			case 2:
				k.c = v.id
			}
		}
		s := n.shape
		if dense {
			s = shape
		}
		v := r.t.add(k, s, n.level)
		r.t.nodes[v.id].isM = n.isM
		return v
	}
	if !dense && n.shape.N() != 1 {
		r.t.fail("a tensor of shape %v cannot be spread over a part of a joined tensor yet", n.shape)
	}
	return T{r.t, id}
}
