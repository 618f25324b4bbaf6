package kernels

// load writes the values of operand o for the elements [at, at+n) of the launch to dst,
// which has length n.
func (e *engine[F, W]) load(dst []F, l *Launch, o int, at int64) {
	d, a := l.Prog.Operands[o].DType, &l.Args[o]
	src, size := a.Span.Bytes(), d.Size()
	switch l.Prog.Operands[o].Form {
	case Dense:
		e.widen(dst, src[at*size:], d)
	case Row:
		at += l.First
		first, last := at/a.Period, (at+int64(len(dst))-1)/a.Period
		rows := e.back[:last-first+1]
		e.widen(rows, src[(first-l.First/a.Period)*size:], d)
		spreadRows(dst, rows, at%a.Period, a.Period)
	case Col:
		for col := (l.First + at) % a.Period; len(dst) > 0; col = 0 {
			n := min(int64(len(dst)), a.Period-col)
			e.widen(dst[:n], src[col*size:], d)
			dst = dst[n:]
		}
	case Scalar: // once for the launch
	}
}

// spreadRows fills dst with the value of each row as often as the row has elements left.
// at is the position in the first row.
func spreadRows[F float](dst, rows []F, at, period int64) {
	for _, x := range rows {
		n := min(int64(len(dst)), period-at)
		fill(dst[:n], x)
		dst, at = dst[n:], 0
	}
}

// anyNonFinite reports whether a stored value of operand o for the elements [at, at+n) is
// NaN or infinite.
func (l *Launch) anyNonFinite(o int, at int64, n int) bool {
	d, a := l.Prog.Operands[o].DType, &l.Args[o]
	src, size := a.Span.Bytes(), d.Size()
	bad := func(from, to int64) bool { return NonFinite(src[from*size:to*size], d) }
	first := l.First + at
	last := first + int64(n) - 1
	switch l.Prog.Operands[o].Form {
	case Row:
		row0 := l.First / a.Period
		return bad(first/a.Period-row0, last/a.Period-row0+1)
	case Col:
		switch from, to := first%a.Period, last%a.Period+1; {
		case int64(n) >= a.Period:
			return bad(0, a.Period)
		case from < to:
			return bad(from, to)
		default: // around the end of a period
			return bad(from, a.Period) || bad(0, to)
		}
	case Scalar:
		return bad(0, 1)
	}
	return bad(at, at+int64(n))
}
