package kernels

import (
	"fmt"
	"math"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Trace records an expression over lazy tensors. Equal sub-expressions become one node,
// so what a recipe uses twice is computed once. A Trace is used by one goroutine; Reset
// makes it ready for the next key without giving its memory back.
//
// A formula that combines tensors of incompatible shapes sets Err; the planner has
// checked the operands of a method before, so such an error is a fault of the formula.
type Trace struct {
	compute Compute
	nodes   []node
	lists   []int32 // argument lists of nodes with any number of arguments
	seen    map[nodeKey]int32
	orders  [][]Dim // orders of the elements of views
	joined  bool    // there is an nConcat
	calls   []RoutineCall
	machine Machine
	err     error
}

// fewNodes is how many nodes are searched one by one. A map is slower for the expression of
// a usual recipe: of 100,000 keys, each has its own.
const fewNodes = 24

// nodeKind is a kind of node in a Trace.
type nodeKind uint8

const (
	nLeaf    nodeKind = iota // a stored tensor; imm is its number, negative if it is the result of a routine
	nConst                   // a number from the recipe: a launch constant
	nLit                     // a number from a formula: part of the Program
	nOp                      // an operation of the op table
	nMacro                   // exp, ln, ...; imm is the Macro
	nGuard                   // its argument, or nothing if that has non-finite elements
	nReduce                  // a number made from all elements of the argument
	nHost                    // results of a HostFunc; its arguments are a list
	nOut                     // result imm of the nHost node a
	nChoose                  // a list: a scalar, then the alternatives that it chooses from
	nCall                    // a GoFunc over a list
	nConcat                  // parts of a list, one after another along axis 0
	nProduct                 // the matrix product of the leaves a and b
)

// nodeKey tells nodes apart that are shared. It has no padding, so that it is compared and
// hashed as plain memory.
type nodeKey struct {
	kind    nodeKind
	op      Op
	dtype   tensor.DType
	spread  bool // nConst, nLit: it has a shape
	a, b, c int32
	imm     uint64
	start   int64 // nLeaf: the first element that is meant
	order   int64 // nLeaf: the order of the elements, +1; 0 if they follow one another
}

type node struct {
	nodeKey
	level int32   // the first phase in which the node can be computed
	value float64 // nConst, nLit
	shape tensor.Shape
	list  []int32 // arguments; nLeaf: the leaves that lie one after the other in it
	fn    *HostFunc
	goFn  *GoFunc
}

// T is a lazy tensor: a node of a Trace. Its methods build larger expressions and read
// as the formula does. The zero T is no tensor.
type T struct {
	t  *Trace
	id int32
}

// HostFunc turns reductions into numbers, once for a tensor, on the host, in float64, on
// every device. It must be pure. It is identified by its address, so it is a package
// variable, not a closure made for each key.
type HostFunc struct {
	Name string
	Outs int // how many numbers it makes
	Fn   func(in, out []float64)
}

// ReduceKind is a kind of reduction of T.
type ReduceKind uint8

const (
	reduceSum ReduceKind = iota
	reduceDot
	reduceCount
	reduceMax
)

// NewTrace returns an empty trace that computes in c.
func NewTrace(c Compute) *Trace {
	return &Trace{compute: c, seen: map[nodeKey]int32{}}
}

// Reset empties the trace for another expression.
func (t *Trace) Reset() {
	t.nodes = t.nodes[:0]
	t.lists = t.lists[:0]
	if len(t.seen) > 0 {
		clear(t.seen)
	}
	t.orders = t.orders[:0]
	t.joined = false
	t.calls = t.calls[:0]
	t.err = nil
}

// Compute returns the type in which the trace computes.
func (t *Trace) Compute() Compute { return t.compute }

// Err returns the first error of the expression.
func (t *Trace) Err() error { return t.err }

// TakeErr returns the first error of the expression and forgets it, so that the trace can be
// used for what does not need the formula that failed.
func (t *Trace) TakeErr() error {
	err := t.err
	t.err = nil
	return err
}

func (t *Trace) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf("kernels: "+format, args...)
	}
}

// add returns the node with this key, made if there is none yet.
func (t *Trace) add(k nodeKey, shape tensor.Shape, level int32) T {
	if id, ok := t.find(k); ok && t.nodes[id].shape.Equal(shape) {
		return T{t, id}
	}
	return t.append(node{nodeKey: k, shape: shape, level: level})
}

// find returns the node that was made last for a key.
func (t *Trace) find(k nodeKey) (int32, bool) {
	if len(t.nodes) > fewNodes {
		id, ok := t.seen[k]
		return id, ok
	}
	for i := len(t.nodes) - 1; i >= 0; i-- {
		if t.nodes[i].nodeKey == k {
			return int32(i), true
		}
	}
	return 0, false
}

// append adds a node, and enters it into the map when that is used.
func (t *Trace) append(n node) T {
	id := int32(len(t.nodes))
	t.nodes = append(t.nodes, n)
	switch {
	case id == fewNodes:
		for i := range t.nodes {
			t.seen[t.nodes[i].nodeKey] = int32(i)
		}
	case id > fewNodes:
		t.seen[n.nodeKey] = id
	}
	return T{t, id}
}

// addList returns the node that has this list of arguments, made if there is none yet. The key
// of such a node holds a hash of the list; of lists with equal hashes, one is shared.
func (t *Trace) addList(n node, args []T) T {
	start := len(t.lists)
	for _, a := range args {
		t.lists = append(t.lists, a.id)
		n.level = max(n.level, a.node().level)
	}
	n.list = t.lists[start:len(t.lists):len(t.lists)]
	n.imm = listHash(n.list)
	if id, ok := t.find(n.nodeKey); ok {
		if have := &t.nodes[id]; have.fn == n.fn && have.goFn == n.goFn && have.shape.Equal(n.shape) && slices.Equal(have.list, n.list) {
			t.lists = t.lists[:start]
			return T{t, id}
		}
	}
	return t.append(n)
}

// listHash is FNV-1a over the numbers of a list.
func listHash(list []int32) uint64 {
	h := uint64(14695981039346656037)
	for _, x := range list {
		h = (h ^ uint64(uint32(x))) * 1099511628211
	}
	return h
}

// Leaf is a stored tensor. number is the caller's name for it: a tensor that is used
// twice has one number.
func (t *Trace) Leaf(number int, d tensor.DType, shape tensor.Shape) T {
	return t.add(nodeKey{kind: nLeaf, dtype: d, imm: uint64(number)}, shape, 0)
}

// Const is a number from the recipe, rounded to the compute type. It is a scalar.
func (t *Trace) Const(x float64) T { return t.number(nConst, x, nil) }

// Num is a number that belongs to the formula, rounded to the compute type.
func (t *Trace) Num(x float64) T { return t.number(nLit, x, nil) }

func (t *Trace) number(k nodeKind, x float64, shape tensor.Shape) T {
	if t.compute == F32 {
		x = float64(float32(x))
	}
	v := t.add(nodeKey{kind: k, imm: math.Float64bits(x), spread: len(shape) > 0}, shape, 0)
	t.nodes[v.id].value = x
	return v
}

func (a T) node() *node { return &a.t.nodes[a.id] }

// Valid reports whether a is a tensor of a trace.
func (a T) Valid() bool { return a.t != nil }

// Trace returns the trace that a belongs to.
func (a T) Trace() *Trace { return a.t }

// Shape returns the shape of a; a number has the empty shape.
func (a T) Shape() tensor.Shape { return a.node().shape }

// Number returns the value of a if it is a number known now: one of the recipe or of the
// formula, not one that is in a checkpoint.
func (a T) Number() (x float64, ok bool) {
	n := a.node()
	return n.value, (n.kind == nConst || n.kind == nLit) && len(n.shape) == 0
}

// IsLeaf reports whether a is a stored tensor as it is, and its number.
func (a T) IsLeaf() (number int, ok bool) {
	n := a.node()
	return int(n.imm), n.kind == nLeaf
}

// Num is a number of the formula in the trace of a.
func (a T) Num(x float64) T { return a.t.Num(x) }

// Zeros is a tensor of zeros with the shape of a; a is not read.
func (a T) Zeros() T { return a.t.number(nLit, 0, a.node().shape) }

// broadcast returns the shape that results from combining a and b: equal shapes, a
// scalar with anything, one value per row, or one value per column; also the latter two.
func (t *Trace) broadcast(a, b tensor.Shape) tensor.Shape {
	if len(b) == 0 || a.Equal(b) {
		return a
	}
	if len(a) == 0 {
		return b
	}
	if _, ok := FormOf(b, a); ok {
		return a
	}
	if _, ok := FormOf(a, b); ok {
		return b
	}
	if s, ok := outer(a, b); ok {
		return s
	}
	if s, ok := outer(b, a); ok {
		return s
	}
	t.fail("shapes %v and %v do not combine", a, b)
	return a
}

// outer returns the shape of one value per row with one per column.
func outer(row, col tensor.Shape) (s tensor.Shape, ok bool) {
	if len(row) != len(col) || !allOnes(row[1:]) || col[0] != 1 {
		return nil, false
	}
	s = slices.Clone(col)
	s[0] = row[0]
	return s, true
}

// FormOf says how a tensor of shape s spreads over one of shape domain: as a scalar
// (one element), dense (equal shapes), one value per row ([n, 1, ...]: equal leading axes,
// then ones) or one per column (ones, then equal trailing axes; leading ones may be
// left out, as in NumPy). ok is false if it does not.
func FormOf(s, domain tensor.Shape) (f Form, ok bool) {
	switch {
	case s.Equal(domain):
		return Dense, true
	case len(s) == 0 || len(s) <= len(domain) && allOnes(s):
		return Scalar, true
	case len(s) > len(domain):
		return 0, false
	}
	pad := len(domain) - len(s)
	if pad == 0 {
		k := len(s)
		for k > 0 && s[k-1] == 1 {
			k--
		}
		if s[:k].Equal(domain[:k]) {
			return Row, true
		}
	}
	k := 0
	for k < len(s) && s[k] == 1 {
		k++
	}
	return Col, s[k:].Equal(domain[pad+k:])
}

func allOnes(s tensor.Shape) bool {
	for _, d := range s {
		if d != 1 {
			return false
		}
	}
	return true
}
