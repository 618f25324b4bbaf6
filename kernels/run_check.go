package kernels

import (
	"fmt"
	"math"
)

// Check reports whether a launch fits its (validated) Program: numbers of arguments,
// constants, prefixes and results, positions, periods, the cuts that the groups of the
// sums allow, and every span large enough for its elements and inside its memory. All
// devices call it before they touch memory.
func (l *Launch) Check() error {
	p := l.Prog
	switch {
	case l.N < 0 || l.First < 0 || l.N > math.MaxInt64/16 || l.First > math.MaxInt64-l.N:
		return fmt.Errorf("kernels: launch of %d elements from %d", l.N, l.First)
	case len(l.Args) != len(p.Operands):
		return fmt.Errorf("kernels: %d arguments for %d operands", len(l.Args), len(p.Operands))
	case len(l.Consts) < p.NumConsts:
		return fmt.Errorf("kernels: %d constants, the program reads %d", len(l.Consts), p.NumConsts)
	case len(l.Results) != len(p.Results):
		return fmt.Errorf("kernels: memory for %d results, the program has %d", len(l.Results), len(p.Results))
	}
	for i := range l.Args {
		if err := l.checkArg(i); err != nil {
			return fmt.Errorf("kernels: operand %d: %w", i, err)
		}
	}
	for i := range l.Results {
		if err := l.checkResult(i); err != nil {
			return fmt.Errorf("kernels: result %d: %w", i, err)
		}
	}
	return nil
}

func (l *Launch) checkArg(i int) error {
	a, o := &l.Args[i], &l.Prog.Operands[i]
	var elems int64
	switch o.Form {
	case Dense:
		elems = l.N
	case Scalar:
		elems = 1
	case Row, Col:
		if a.Period < 1 || a.Period > math.MaxInt64/16 {
			return fmt.Errorf("period %d", a.Period)
		}
		elems = a.Period
		if o.Form == Row {
			elems = (l.First+l.N-1)/a.Period - l.First/a.Period + 1
		}
	}
	if l.N == 0 {
		return nil
	}
	return a.Span.check(elems * o.DType.Size())
}

func (l *Launch) checkResult(i int) error {
	r := &l.Prog.Results[i]
	if r.Kind == Hist && r.Of >= len(l.Prefixes) {
		return fmt.Errorf("prefix %d of %d", r.Of, len(l.Prefixes))
	}
	if r.Kind == Sum {
		if err := l.checkGroup(r.Group); err != nil {
			return err
		}
	}
	need := ResultBytes(r, l.N, l.Cols)
	if need == 0 {
		return nil
	}
	return l.Results[i].check(need)
}

// checkGroup reports whether the launch starts and ends where sums by g may be cut.
func (l *Launch) checkGroup(g Group) error {
	start, step := int64(BlockElems), int64(1)
	if g != Whole {
		if l.Cols < 1 || l.Cols > math.MaxInt64/GroupRows {
			return fmt.Errorf("rows of %d elements", l.Cols)
		}
		start, step = l.Cols, l.Cols
		if g == ByCol {
			start *= GroupRows
		}
	}
	if l.First%start != 0 || l.N%step != 0 {
		return fmt.Errorf("launch of %d elements from %d, but it has to start at a multiple of %d and be one of %d", l.N, l.First, start, step)
	}
	return nil
}

// check reports whether the span has n bytes and lies in its memory.
func (s Span) check(n int64) error {
	switch {
	case s.Mem == nil:
		return fmt.Errorf("no memory")
	case s.Len < n:
		return fmt.Errorf("%d bytes, needs %d", s.Len, n)
	case s.Off < 0 || s.Off > s.Mem.Size || s.Len > s.Mem.Size-s.Off:
		return fmt.Errorf("bytes [%d, +%d) of %d", s.Off, s.Len, s.Mem.Size)
	}
	return nil
}

// checkHost reports whether all memory that the launch touches is in the host.
func (l *Launch) checkHost() error {
	for i := range l.Args {
		if s := l.Args[i].Span; s.Mem != nil && int64(len(s.Mem.Host)) < s.Off+s.Len {
			return fmt.Errorf("kernels: operand %d is not in host memory", i)
		}
	}
	for i := range l.Results {
		if s := l.Results[i]; s.Mem != nil && int64(len(s.Mem.Host)) < s.Off+s.Len {
			return fmt.Errorf("kernels: result %d is not in host memory", i)
		}
	}
	return nil
}
