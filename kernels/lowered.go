package kernels

import "github.com/mecha-gpu/mecha-gpu/tensor"

// Lowered is a traced expression cut into what a device can run. It depends on the
// structure of the expression, the element types and how shapes spread over each other,
// not on sizes or on numbers from the recipe; so the keys of a checkpoint share a
// handful of them. It is immutable.
//
// Its outputs are made by running the sweeps in order. A sweep passes over all elements of
// its domain, in units of any size and order. After the last unit of a sweep its
// reductions become numbers, and its host functions turn those into more numbers, which
// later sweeps read as constants. Each output is stored by one sweep, the last one by the last.
type Lowered struct {
	Compute Compute
	Outs    []Out
	Leaves  []tensor.DType // element types of the stored tensors it reads

	// Slots are numbers: first Consts numbers of the recipe, then reductions, then results
	// of host functions.
	Consts int
	Slots  int

	Sweeps []Sweep
	Guards int // how many guards it has
}

// Out is an output of a Lowered.
type Out struct {
	Kind   OutKind
	DType  tensor.DType // under which it is stored
	Leaf   int          // of an output that is not computed: the leaf that it is
	Domain int          // index in Instance.Domains
}

// OutKind says how an output is made.
type OutKind uint8

const (
	Computed OutKind = iota // by the Programs of a sweep
	Copied                  // the bytes of a leaf; a sweep, if any, only checks them
	IntCast                 // a leaf, converted from integer to integer type by ConvertInts
)

// Copies reports whether no output is computed. All of them are then made from leaf 0, which
// is the only one, and no device is needed.
func (l *Lowered) Copies() bool {
	for i := range l.Outs {
		if l.Outs[i].Kind == Computed {
			return false
		}
	}
	return true
}

// Sweep is a pass over all elements of a domain.
type Sweep struct {
	Domain  int        // index in Instance.Domains
	Bodies  []Body     // alternatives; which one is chosen by Select
	Choices []Choice   // mixed radix digits of the body's index, first one fastest
	Reduces []Reduce   // in the order of RefReduce
	Hosts   []HostCall // run in order after the reductions
	Outs    []int      // the outputs that it stores, ascending
	Cut     Cut        // how units may be cut because of GoFuncs

	// Sums says that the sweep has sums over the whole domain, so that units start at
	// multiples of BlockElems.
	Sums bool
}

// Choice is a digit of a body's index: the number in a slot, one of N alternatives.
type Choice struct{ Slot, N int }

// Body is what a sweep does to a unit: steps in order, joined by temporaries.
type Body struct {
	Steps  []Step
	Temps  []tensor.DType // element types of the temporaries, one value an element
	Leaves []LeafUse      // leaves that the steps read
}

// LeafUse is a leaf and its form in a domain. A leaf may be used in several forms.
type LeafUse struct {
	Leaf int
	Form Form
	Own  int // Rows: index in Instance.Domains of the leaf's own shape
}

// Forms of the factors of a product, which are operands of no Program.
const (
	Rows Form = numForms + iota // a matrix with a row for each row of the product
	All                         // all values, for every element
)

// Step is a Program, a product, or a call of a GoFunc.
type Step struct {
	Prog *Program
	Args []Ref // of the operands: RefLeaf (index in Body.Leaves) or RefTemp
	Outs []Ref // of the results

	Call *GoFunc // if Prog is nil: Args are temporaries, Outs one temporary

	Product *ProductStep // if Prog and Call are nil; it has all that it refers to
}

// ProductStep computes elements of a product of two leaves into a temporary.
type ProductStep struct {
	X, Y FactorUse
	Temp int
}

// FactorUse is a factor of a product.
type FactorUse struct {
	Use   int // index in Body.Leaves
	Own   int // index in Instance.Domains of its own shape, [rows, columns]
	Guard int // the guard that judges it here; -1 if none does
}

// Ref names the memory of an operand or a result.
type Ref struct {
	Kind  RefKind
	Index int
}

// RefKind is a kind of memory.
type RefKind uint8

const (
	RefLeaf     RefKind = iota // Body.Leaves[Index]
	RefTemp                    // Body.Temps[Index]
	RefOut                     // output Index
	RefGuard                   // the uint32 of guard Index; any bit set means non-finite
	RefOutCount                // the three uint64 of the OutCount of output Index
	RefOutFlag                 // the uint32 of the InFlag of output Index, which is copied
	RefReduce                  // Sweep.Reduces[Index]
)

// Reduce is a reduction of a sweep and the slot of its value. The reduction of a guard
// has no slot (-1): a value other than 0 sets the guard.
type Reduce struct {
	Kind  ResultKind // Sum, Count or Max
	Slot  int
	Guard int // -1 if it is not one of a guard
}

// HostCall runs a HostFunc on slots; results go to Out, Out+1, ...
type HostCall struct {
	Fn  *HostFunc
	In  []int
	Lit []float64 // for In[i] < 0: the number Lit[-1-In[i]]
	Out int
}

// Instance is a Lowered with what belongs to one tensor.
type Instance struct {
	*Lowered
	Leaves  []LeafRef
	Guards  []int     // numbers given to T.Guard
	Consts  []float64 // the first Lowered.Consts slots
	Domains []Domain
}

// LeafRef is a stored tensor, or a range of one.
type LeafRef struct {
	Number int   // as given to Trace.Leaf
	Start  int64 // first element: where it is stored
	N      int64 // elements

	// Parts, if there are any, are leaves that lie one after the other in this one. It has no
	// number then; Start counts from the first element of the first part.
	Parts []LeafRef

	// Dims, if there are any, are the axes of a view: its elements do not lie one after the other.
	Dims []Dim
}

// Elems returns the number of elements of an output.
func (in *Instance) Elems(out int) int64 { return in.Domains[in.Outs[out].Domain].N }

// Domain is the set of elements of a sweep.
type Domain struct {
	N    int64 // elements
	Cols int64 // length of the last axis (1 for a scalar)
}

// Period returns the period of a leaf of n elements with form f in the domain.
func (d Domain) Period(f Form, n int64) int64 {
	switch f {
	case Row:
		return d.N / max(n, 1)
	case Col:
		return n
	}
	return 0
}

// Range returns the range of values [lo, hi) of a leaf that elements [first, first+n) of a domain
// read.
func (in *Instance) Range(u LeafUse, d Domain, first, n int64) (lo, hi int64) {
	all := in.Leaves[u.Leaf].N
	switch u.Form {
	case Dense:
		return first, first + n
	case Row:
		return touched(d.Period(Row, all), first, n)
	case Rows:
		own := in.Domains[u.Own]
		lo, hi = touched(d.Period(Row, all/max(own.Cols, 1)), first, n)
		return lo * own.Cols, hi * own.Cols
	case Col, All:
		return 0, all
	}
	return 0, 1
}

// touched returns the rows [lo, hi) of so many elements that elements [first, first+n) lie in.
func touched(row, first, n int64) (lo, hi int64) {
	if row == 0 || n == 0 {
		return 0, 0
	}
	return first / row, (first+n-1)/row + 1
}

// Select returns the body that the numbers in slots choose.
func (s *Sweep) Select(slots []float64) (*Body, bool) {
	i, radix := 0, 1
	for _, c := range s.Choices {
		k := int(slots[c.Slot])
		if k < 0 || k >= c.N {
			return nil, false
		}
		i += k * radix
		radix *= c.N
	}
	return &s.Bodies[i], true
}

// Finish fills the slots of the sweep: reductions, given in the order of Reduces, then host
// functions.
func (s *Sweep) Finish(slots, reductions []float64) {
	for i, r := range s.Reduces {
		if r.Slot >= 0 {
			slots[r.Slot] = reductions[i]
		}
	}
	for i := range s.Hosts {
		h := &s.Hosts[i]
		in := make([]float64, len(h.In))
		for k, slot := range h.In {
			if slot < 0 {
				in[k] = h.Lit[-1-slot]
			} else {
				in[k] = slots[slot]
			}
		}
		h.Fn.Fn(in, slots[h.Out:h.Out+h.Fn.Outs])
	}
}
