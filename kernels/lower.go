package kernels

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Lowerer cuts expressions into Programs and keeps what it made: an expression with the
// same structure as an earlier one costs a look-up. It is used by one goroutine.
type Lowerer struct {
	known map[string]*Lowered
	progs map[string]*Program
	buf   []byte
	nums  []int
	order order
}

// NewLowerer returns a Lowerer that knows nothing yet.
func NewLowerer() *Lowerer {
	return &Lowerer{known: map[string]*Lowered{}, progs: map[string]*Program{}}
}

// Programs returns the number of distinct Programs made so far.
func (l *Lowerer) Programs() int { return len(l.progs) }

// Output is an expression and the element type under which it is stored.
type Output struct {
	Root  T
	DType tensor.DType
}

// Part makes a range of the elements of one output, or of several that are computed
// together. Elements of its domains are numbered from 0.
type Part struct {
	First, N int64 // range of the elements of the first of its outputs; others start at First too
	Outs     []int // which of the outputs it makes, in the order of Lowered.Outs
	Inst     Instance
}

// Lower cuts the expression root, stored as out, into sweeps. Where it joins tensors
// (Concat, Stack) there is a part for each.
func (l *Lowerer) Lower(root T, out tensor.DType) ([]Part, error) {
	return l.LowerInto(nil, []Output{{root, out}})
}

// LowerInto lowers outputs of one trace, which are computed together as far as that is
// possible: what they share is read and computed once. It uses the memory of parts again,
// which must not be used after that.
func (l *Lowerer) LowerInto(parts []Part, outs []Output) ([]Part, error) {
	t := outs[0].Root.t
	if t.err != nil {
		return nil, t.err
	}
	parts = parts[:0]
	if !t.joined {
		return l.together(parts, group{n: outs[0].Root.Shape().N(), outs: outs, nums: l.all(len(outs))})
	}
	groups, err := t.groups(outs)
	for i := 0; i < len(groups) && err == nil; i++ {
		parts, err = l.together(parts, groups[i])
	}
	return parts, err
}

// all returns the numbers from 0 to n-1.
func (l *Lowerer) all(n int) []int {
	for i := len(l.nums); i < n; i++ {
		l.nums = append(l.nums, i)
	}
	return l.nums[:n:n]
}

// part appends the instance of a group of outputs without joins.
func (l *Lowerer) part(parts []Part, g group) ([]Part, error) {
	low, err := l.lower(g.outs)
	if err != nil {
		return nil, err
	}
	if n := len(parts); n < cap(parts) {
		parts = parts[:n+1]
	} else {
		parts = append(parts, Part{})
	}
	p := &parts[len(parts)-1]
	p.First, p.N = g.first, g.n
	p.Outs = append(p.Outs[:0], g.nums...)
	l.order.instance(&p.Inst, g.outs[0].Root.t, low)
	return parts, nil
}

// lower returns the Lowered of expressions without joins, and leaves their order behind.
func (l *Lowerer) lower(outs []Output) (*Lowered, error) {
	t := outs[0].Root.t
	o := &l.order
	o.visit(t, outs)
	l.buf = o.key(l.buf[:0], t)
	low, ok := l.known[string(l.buf)]
	if !ok {
		var err error
		if low, err = l.build(outs); err != nil {
			return nil, err
		}
		l.known[string(l.buf)] = low
	}
	return low, nil
}

// order numbers the nodes that expressions reach, arguments first, so that equal
// structures have equal numbers whatever else the trace holds.
type order struct {
	ids    []int32 // trace nodes in order
	num    []int32 // by trace node: its number + 1; 0 if not reached
	leaves []int32 // trace nodes of the leaves, in order
	consts []int32
	guards []int32
	shapes []tensor.Shape // distinct shapes in order of appearance
	shape  []int32        // by number: index in shapes
	roots  []int32        // by output: number of its root
	dtypes []tensor.DType // by output
}

// visit finds what is reached and numbers it. Nodes are made after their arguments, so that
// one pass down and one pass up do it: expressions may be deep.
func (o *order) visit(t *Trace, outs []Output) {
	o.ids, o.leaves, o.consts, o.guards = o.ids[:0], o.leaves[:0], o.consts[:0], o.guards[:0]
	o.shapes, o.shape = o.shapes[:0], o.shape[:0]
	o.roots, o.dtypes = o.roots[:0], o.dtypes[:0]
	last := int32(0)
	for i := range outs {
		last = max(last, outs[i].Root.id)
	}
	n := int(last) + 1
	if cap(o.num) < n {
		o.num = make([]int32, 2*n)
	}
	o.num = o.num[:n]
	clear(o.num)
	for i := range outs {
		o.num[outs[i].Root.id] = 1
	}
	for id := last; id >= 0; id-- {
		if o.num[id] != 0 {
			for _, a := range t.nodes[id].args() {
				o.num[a] = 1
			}
		}
	}
	for id := range o.num {
		if o.num[id] != 0 {
			o.number(t, int32(id))
		}
	}
	for i := range outs {
		o.roots = append(o.roots, o.num[outs[i].Root.id]-1)
		o.dtypes = append(o.dtypes, outs[i].DType)
	}
}

// number gives a node the next number.
func (o *order) number(t *Trace, id int32) {
	n := &t.nodes[id]
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
	case nProduct:
		return (*[3]int32)(unsafe.Pointer(&n.a))[:2]
	case nGuard, nOut:
		return (*[3]int32)(unsafe.Pointer(&n.a))[:1]
	case nHost, nCall, nConcat, nChoose:
		return n.list
	}
	return nil
}

// key appends a text that is equal for expressions that lower to the same thing, and for no
// others: everything that build looks at is in it, and every list in it has its length first.
func (o *order) key(b []byte, t *Trace) []byte {
	b = append(b, byte(t.compute))
	b = binary.AppendUvarint(b, uint64(len(o.roots)))
	for i := range o.roots {
		b = append(b, byte(o.dtypes[i]))
		b = binary.AppendUvarint(b, uint64(o.roots[i]))
	}
	b = binary.AppendUvarint(b, uint64(len(o.ids)))
	for i, id := range o.ids {
		n := &t.nodes[id]
		b = append(b, byte(n.kind), byte(n.op), byte(n.dtype))
		b = binary.AppendUvarint(b, uint64(o.shape[i]))
		args := n.args()
		b = binary.AppendUvarint(b, uint64(len(args)))
		for _, a := range args {
			b = binary.AppendUvarint(b, uint64(o.num[a]))
		}
		switch n.kind {
		case nLit:
			b = binary.LittleEndian.AppendUint64(b, n.imm)
		case nMacro, nReduce, nOut:
			b = binary.AppendUvarint(b, n.imm)
		case nHost:
			b = binary.AppendUvarint(b, uint64(uintptr(unsafe.Pointer(n.fn))))
		case nCall:
			b = binary.AppendUvarint(b, uint64(uintptr(unsafe.Pointer(n.goFn))))
		}
	}
	for i, s := range o.shapes {
		b = append(b, byte(min(len(s), 2)), byte(min(s.N(), 2)))
		for k := range o.shapes {
			if f, ok := FormOf(s, o.shapes[k]); ok && k != i {
				b = append(b, byte(f)+1)
			} else {
				b = append(b, 0)
			}
		}
	}
	return b
}

// instance fills in what belongs to one tensor.
func (o *order) instance(in *Instance, t *Trace, low *Lowered) {
	in.Lowered = low
	in.Leaves = slices.Grow(in.Leaves[:0], len(o.leaves))
	for _, id := range o.leaves {
		n := &t.nodes[id]
		in.Leaves = append(in.Leaves, t.leafRef(n))
	}
	in.Guards = slices.Grow(in.Guards[:0], len(o.guards))
	for _, id := range o.guards {
		in.Guards = append(in.Guards, int(t.nodes[id].imm))
	}
	in.Consts = slices.Grow(in.Consts[:0], len(o.consts))
	for _, id := range o.consts {
		in.Consts = append(in.Consts, t.nodes[id].value)
	}
	in.Domains = slices.Grow(in.Domains[:0], len(o.shapes))
	for _, s := range o.shapes {
		d := Domain{N: s.N(), Cols: 1}
		if len(s) > 0 {
			d.Cols = s[len(s)-1]
		}
		in.Domains = append(in.Domains, d)
	}
}

// Clone returns an instance that shares no memory with in but the Lowered.
func (in *Instance) Clone() Instance {
	return Instance{Lowered: in.Lowered, Leaves: slices.Clone(in.Leaves), Guards: slices.Clone(in.Guards),
		Consts: slices.Clone(in.Consts), Domains: slices.Clone(in.Domains)}
}

// Guards returns the numbers of the guards that outputs of one trace depend on.
func (l *Lowerer) Guards(outs []Output) []int {
	if len(outs) == 0 {
		return nil
	}
	t := outs[0].Root.t
	l.order.visit(t, outs)
	var list []int
	for _, id := range l.order.guards {
		list = append(list, int(t.nodes[id].imm))
	}
	return list
}
