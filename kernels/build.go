package kernels

import (
	"slices"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// maxBodies is the most alternatives that a sweep is made in. Of further choices, all
// alternatives are computed.
const maxBodies = 16

// build makes a Lowered from an expression in order.
type build struct {
	l       *Lowerer
	t       *Trace
	o       *order
	low     *Lowered
	slots   map[int32]int // by number of the node: its slot
	leafIdx map[int32]int // by number of the node: index of the leaf
	guards  map[int][]int // by leaf: indices of the guards that judge its stored bits
	copied  []bool        // by guard: only outputs that are not computed have it
	wide    []bool        // by guard: only outputs have it that are converted in F64, or not computed
	convert []bool        // by output: it is one conversion, which is done in F64
	checked map[int]bool  // guards whose flag every earlier run of the sweeps has computed
	specs   []sweepSpec
}

// sweepSpec is a sweep before its bodies are made.
type sweepSpec struct {
	level   int32
	shape   int32 // index in order.shapes
	reduces []reduceSpec
	hosts   []int32 // numbers of nHost nodes
	stores  []int   // outputs
}

type reduceSpec struct {
	num   int32 // number of the nReduce or nGuard node
	guard int   // -1 for an nReduce
}

func (l *Lowerer) build(outs []Output) (*Lowered, error) {
	o := &l.order
	b := &build{l: l, t: outs[0].Root.t, o: o, slots: map[int32]int{}, leafIdx: map[int32]int{}, guards: map[int][]int{},
		checked: map[int]bool{}, convert: make([]bool, len(outs))}
	b.low = &Lowered{Compute: b.t.compute, Consts: len(o.consts), Guards: len(o.guards)}
	for i, id := range o.leaves {
		b.leafIdx[o.num[id]-1] = i
		b.low.Leaves = append(b.low.Leaves, b.t.nodes[id].dtype)
	}
	b.leafGuards()
	for k := range outs {
		b.classify(k)
	}
	b.judges()
	b.assignSlots()
	b.collect()
	for i := range b.specs {
		s, err := b.sweep(&b.specs[i])
		if err != nil {
			return nil, err
		}
		b.low.Sweeps = append(b.low.Sweeps, s)
	}
	return b.low, nil
}

// at returns the node with a number.
func (b *build) at(num int32) *node { return &b.t.nodes[b.o.ids[num]] }

// number returns the number of a trace node.
func (b *build) number(id int32) int32 { return b.o.num[id] - 1 }

// leafGuards finds the guards that judge a leaf by its stored bits. Integers are always
// finite.
func (b *build) leafGuards() {
	for i, id := range b.o.guards {
		if leaf, ok := b.guarded(id); ok && b.low.Leaves[leaf].IsFloat() {
			b.guards[leaf] = append(b.guards[leaf], i)
		}
	}
}

// guarded returns the leaf that a guard protects, if it protects a leaf.
func (b *build) guarded(id int32) (leaf int, ok bool) {
	for b.t.nodes[id].kind == nGuard {
		id = b.t.nodes[id].a
	}
	if b.t.nodes[id].kind != nLeaf {
		return 0, false
	}
	return b.leafIdx[b.number(id)], true
}

// classify finds out how an output is made. If it is a leaf, copied or converted, no
// arithmetic happens, so the compute type must not round.
func (b *build) classify(k int) {
	out := b.o.dtypes[k]
	x := Out{DType: out, Domain: int(b.o.shape[b.o.roots[k]])}
	id := b.o.ids[b.o.roots[k]]
	kind, leaf, ok := b.t.stored(id, out)
	if ok {
		if x.Kind = kind; kind != Computed {
			x.Leaf = b.leafIdx[b.number(leaf)]
		}
		d := b.t.nodes[leaf].dtype
		b.convert[k] = kind == Computed && (d == tensor.F64 || d.IsInteger() && d.Bits() >= 32)
	}
	b.low.Outs = append(b.low.Outs, x)
}

// stored says how an expression without arithmetic, stored as out, is made from the leaf that
// it is. ok is false for all others.
func (t *Trace) stored(id int32, out tensor.DType) (kind OutKind, leaf int32, ok bool) {
	same, toOut := true, true // roundings so far are to the type of the leaf; to that of the output
	var d tensor.DType
	for {
		n := &t.nodes[id]
		if n.kind == nOp && n.op == OpRound {
			same = same && (!d.Valid() || n.dtype == d)
			d = n.dtype
			toOut = toOut && n.dtype == out
		} else if n.kind != nGuard {
			break
		}
		id = n.a
	}
	n := &t.nodes[id]
	if n.kind != nLeaf {
		return Computed, 0, false
	}
	switch same = same && (!d.Valid() || d == n.dtype); {
	case n.dtype == out && same:
		return Copied, id, true
	case n.dtype.IsInteger() && out.IsInteger() && toOut:
		return IntCast, id, true
	}
	return Computed, id, true
}

// judges says how guards are judged that no output with arithmetic has: by the stored bits of
// the leaf, also above a rounding that does nothing, or else as wide as the conversion is.
func (b *build) judges() {
	b.copied, b.wide = make([]bool, len(b.o.guards)), make([]bool, len(b.o.guards))
	if len(b.o.guards) == 0 {
		return
	}
	arithmetic := b.reached(func(k int) bool { return b.low.Outs[k].Kind == Computed && !b.convert[k] })
	converted := b.reached(func(k int) bool { return b.convert[k] })
	for i, id := range b.o.guards {
		num := b.number(id)
		b.wide[i] = converted[num] && !arithmetic[num]
		b.copied[i] = !converted[num] && !arithmetic[num]
	}
	for k := range b.low.Outs {
		x := &b.low.Outs[k]
		if x.Kind != Computed && b.low.Leaves[x.Leaf].IsFloat() {
			b.judge(b.o.ids[b.o.roots[k]], x.Leaf)
		}
	}
}

// reached marks, by number, the nodes that some outputs are made from.
func (b *build) reached(which func(k int) bool) []bool {
	seen := make([]bool, len(b.o.ids))
	for k, root := range b.o.roots {
		seen[root] = seen[root] || which(k)
	}
	for num := int32(len(seen)) - 1; num >= 0; num-- {
		if seen[num] {
			for _, a := range b.at(num).args() {
				seen[b.number(a)] = true
			}
		}
	}
	return seen
}

// judge makes the guards of an output that is a leaf guards of the leaf.
func (b *build) judge(id int32, leaf int) {
	for b.t.nodes[id].kind != nLeaf {
		if i := slices.Index(b.o.guards, id); i >= 0 && b.copied[i] && !slices.Contains(b.guards[leaf], i) {
			b.guards[leaf] = append(b.guards[leaf], i)
		}
		id = b.t.nodes[id].a
	}
}

// assignSlots numbers what programs and host functions read as numbers.
func (b *build) assignSlots() {
	for i, id := range b.o.consts {
		b.slots[b.number(id)] = i
	}
	b.low.Slots = len(b.o.consts)
	for num := range b.o.ids {
		switch n := b.at(int32(num)); n.kind {
		case nReduce:
			b.slots[int32(num)] = b.low.Slots
			b.low.Slots++
		case nHost:
			b.slots[int32(num)] = b.low.Slots // of its first result
			b.low.Slots += n.fn.Outs
		}
	}
	for num := range b.o.ids {
		if n := b.at(int32(num)); n.kind == nOut {
			b.slots[int32(num)] = b.slots[b.number(n.a)] + int(n.imm)
		}
	}
}

// collect finds the sweeps: one for each level and domain of the reductions, and those that
// store.
func (b *build) collect() {
	for i := range b.o.ids {
		num := int32(i)
		switch n := b.at(num); n.kind {
		case nReduce:
			shape := b.o.shapeIndex(b.t.broadcast(b.t.nodes[n.a].shape, b.t.nodes[n.b].shape))
			s := b.spec(n.level-1, shape)
			s.reduces = append(s.reduces, reduceSpec{num, -1})
		case nGuard: // what is copied is judged by its stored bits
			g := slices.Index(b.o.guards, b.o.ids[num])
			if _, leaf := b.guarded(b.o.ids[num]); !leaf && !b.copied[g] {
				s := b.spec(n.level, b.o.shape[num])
				s.reduces = append(s.reduces, reduceSpec{num, g})
			}
		}
	}
	b.placeStores()
	slices.SortStableFunc(b.specs, func(x, y sweepSpec) int {
		if x.level != y.level {
			return int(x.level - y.level)
		}
		return min(len(x.stores), 1) - min(len(y.stores), 1)
	})
	for i := range b.o.ids {
		if n := b.at(int32(i)); n.kind == nHost {
			for k := len(b.specs) - 1; k >= 0; k-- {
				if b.specs[k].level == n.level-1 {
					b.specs[k].hosts = append(b.specs[k].hosts, int32(i))
					break
				}
			}
		}
	}
}

// placeStores gives every output a sweep that stores it: the first one over its domain that
// comes when it can be computed, so that outputs that can share a sweep do.
func (b *build) placeStores() {
	order := make([]int, len(b.o.roots))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(x, y int) int { return int(b.at(b.o.roots[y]).level - b.at(b.o.roots[x]).level) })
	for _, k := range order {
		level, shape := b.at(b.o.roots[k]).level, b.o.shape[b.o.roots[k]]
		at := -1
		for i, s := range b.specs {
			if s.shape == shape && s.level >= level && (at < 0 || s.level < b.specs[at].level) {
				at = i
			}
		}
		s := &sweepSpec{}
		if at >= 0 {
			s = &b.specs[at]
		} else {
			s = b.spec(level, shape)
		}
		s.stores = append(s.stores, k)
		slices.Sort(s.stores)
	}
}

// spec returns the sweep of a level and a domain, made if there is none yet.
func (b *build) spec(level, shape int32) *sweepSpec {
	for i := range b.specs {
		if b.specs[i].level == level && b.specs[i].shape == shape {
			return &b.specs[i]
		}
	}
	b.specs = append(b.specs, sweepSpec{level: level, shape: shape})
	return &b.specs[len(b.specs)-1]
}

// sweep makes a sweep with its bodies.
func (b *build) sweep(spec *sweepSpec) (Sweep, error) {
	s := Sweep{Domain: int(spec.shape), Outs: spec.stores}
	for _, r := range spec.reduces {
		red := Reduce{Kind: Count, Slot: -1, Guard: r.guard}
		if r.guard < 0 {
			red.Slot = b.slots[r.num]
			red.Kind = [...]ResultKind{reduceSum: Sum, reduceDot: Sum, reduceCount: Count, reduceMax: Max}[b.at(r.num).imm]
		}
		s.Sums = s.Sums || red.Kind == Sum
		s.Reduces = append(s.Reduces, red)
	}
	for _, h := range spec.hosts {
		s.Hosts = append(s.Hosts, b.hostCall(h))
	}
	choices, n := b.choices(spec)
	for _, c := range choices {
		sel := b.number(b.at(c).list[0])
		s.Choices = append(s.Choices, Choice{Slot: b.slots[sel], N: len(b.at(c).list) - 1})
	}
	times := map[int]int{} // how many bodies compute the flag of a guard
	for i := range n {
		m, err := b.body(spec, choices, i)
		if err != nil {
			return s, err
		}
		for g := range m.marked {
			times[g]++
		}
		s.Bodies = append(s.Bodies, m.body)
		s.Cut = max(s.Cut, m.cut)
	}
	for g, k := range times {
		b.checked[g] = b.checked[g] || k == n
	}
	return s, nil
}

func (b *build) hostCall(num int32) HostCall {
	n := b.at(num)
	h := HostCall{Fn: n.fn, Out: b.slots[num]}
	for _, a := range n.list {
		if an := &b.t.nodes[a]; an.kind == nLit {
			h.Lit = append(h.Lit, an.value)
			h.In = append(h.In, -len(h.Lit))
			continue
		}
		h.In = append(h.In, b.slots[b.number(a)])
	}
	return h
}

// choices returns the numbers of the nChoose nodes that a sweep reaches and that choose
// between bodies, and how many combinations of alternatives there are.
func (b *build) choices(spec *sweepSpec) (nums []int32, n int) {
	seen := make([]bool, len(b.o.ids))
	for _, r := range b.wanted(spec) {
		seen[r] = true
	}
	n = 1
	for num := int32(len(seen)) - 1; num >= 0; num-- { // users before arguments
		nd := b.at(num)
		if !seen[num] || nd.kind == nReduce || nd.kind == nOut {
			continue
		}
		for _, a := range nd.args() {
			seen[b.number(a)] = true
		}
		if alts := len(nd.list) - 1; nd.kind == nChoose && n*alts <= maxBodies {
			nums = append(nums, num)
			n *= alts
		}
	}
	return nums, n
}

// wanted returns the numbers of the nodes whose elements a sweep computes.
func (b *build) wanted(spec *sweepSpec) []int32 {
	var nums []int32
	for _, r := range spec.reduces {
		n := b.at(r.num)
		nums = append(nums, b.number(n.a))
		if n.kind == nReduce {
			nums = append(nums, b.number(n.b))
		}
	}
	for _, k := range spec.stores {
		if b.low.Outs[k].Kind == Computed {
			nums = append(nums, b.o.roots[k])
		}
	}
	return nums
}
