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
	guards  map[int][]int // by leaf: indices of its guards
	checked map[int]bool  // guards whose flag every earlier run of the sweeps has computed
	specs   []sweepSpec
}

// sweepSpec is a sweep before its bodies are made.
type sweepSpec struct {
	level   int32
	shape   int32 // index in order.shapes
	reduces []reduceSpec
	hosts   []int32 // numbers of nHost nodes
	store   bool
}

type reduceSpec struct {
	num   int32 // number of the nReduce or nGuard node
	guard int   // -1 for an nReduce
}

func (l *Lowerer) build(root T, out tensor.DType) (*Lowered, error) {
	o := &l.order
	b := &build{l: l, t: root.t, o: o, slots: map[int32]int{}, leafIdx: map[int32]int{}, guards: map[int][]int{}, checked: map[int]bool{},
		low: &Lowered{Compute: root.t.compute, Out: out, Consts: len(o.consts), Guards: len(o.guards)}}
	for i, id := range o.leaves {
		b.leafIdx[o.num[id]-1] = i
		b.low.Leaves = append(b.low.Leaves, b.t.nodes[id].dtype)
	}
	b.leafGuards()
	b.classify(out)
	b.assignSlots()
	b.collect()
	for i := range b.specs {
		s, err := b.sweep(&b.specs[i], out)
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

// classify finds outputs that are a leaf, copied or converted: no arithmetic happens, so
// the compute type must not round.
func (b *build) classify(out tensor.DType) {
	id := b.o.ids[b.o.root]
	var rounds []tensor.DType
	for {
		n := &b.t.nodes[id]
		if n.kind == nOp && n.op == OpRound {
			rounds = append(rounds, n.dtype)
		} else if n.kind != nGuard {
			break
		}
		id = n.a
	}
	n := &b.t.nodes[id]
	if n.kind != nLeaf {
		return
	}
	only := func(d tensor.DType) bool {
		return !slices.ContainsFunc(rounds, func(r tensor.DType) bool { return r != d })
	}
	switch d := n.dtype; {
	case d == out && only(d):
		b.low.Kind = Copied
		if d.IsFloat() { // a guard above a rounding that does nothing judges the same bits
			for i := range b.o.guards {
				if !slices.Contains(b.guards[0], i) {
					b.guards[0] = append(b.guards[0], i)
				}
			}
		}
	case d.IsInteger() && out.IsInteger() && only(out):
		b.low.Kind = IntCast
	case d == tensor.F64 || d.IsInteger() && d.Bits() >= 32:
		b.low.Compute = F64
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

// collect finds the sweeps: one for each level and domain of the reductions, and the one
// that stores.
func (b *build) collect() {
	for i := range b.o.ids {
		num := int32(i)
		switch n := b.at(num); n.kind {
		case nReduce:
			shape := b.o.shapeIndex(b.t.broadcast(b.t.nodes[n.a].shape, b.t.nodes[n.b].shape))
			s := b.spec(n.level-1, shape)
			s.reduces = append(s.reduces, reduceSpec{num, -1})
		case nGuard: // what is copied is judged by its stored bits
			if _, leaf := b.guarded(b.o.ids[num]); !leaf && b.low.Kind == Computed {
				s := b.spec(n.level, b.o.shape[num])
				s.reduces = append(s.reduces, reduceSpec{num, slices.Index(b.o.guards, b.o.ids[num])})
			}
		}
	}
	root := b.at(b.o.root)
	b.spec(root.level, b.o.shape[b.o.root]).store = true
	slices.SortStableFunc(b.specs, func(x, y sweepSpec) int {
		if x.level != y.level {
			return int(x.level - y.level)
		}
		return btoi(x.store) - btoi(y.store)
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

func btoi(x bool) int {
	if x {
		return 1
	}
	return 0
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
func (b *build) sweep(spec *sweepSpec, out tensor.DType) (Sweep, error) {
	s := Sweep{Domain: int(spec.shape), Stores: spec.store}
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
		e, err := b.body(spec, choices, i, out)
		if err != nil {
			return s, err
		}
		for g := range e.marked {
			times[g]++
		}
		s.Bodies = append(s.Bodies, e.body)
		s.Cut = max(s.Cut, e.cut)
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
	if spec.store {
		nums = append(nums, b.o.root)
	}
	return nums
}
