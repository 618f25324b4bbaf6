package kernels

// gather returns the stored elements of an operand for the elements [at, at+n) of a
// launch that starts at first. Dense elements are returned in place, others are spread
// into buf, which has room for n of them.
func gather(buf []byte, o *Operand, a *Arg, first, at int64, n int) []byte {
	size := int(o.DType.Size())
	src := a.Span.Bytes()
	switch o.Form {
	case Dense:
		return src[at*int64(size):][:n*size]
	case Row:
		src = src[((first+at)/a.Period-first/a.Period)*int64(size):]
		return spreadRows(buf[:n*size], src, size, (first+at)%a.Period, a.Period)
	case Col:
		return spreadCols(buf[:n*size], src, int64(size)*((first+at)%a.Period), int64(size)*a.Period)
	}
	repeat(buf[:n*size], src[:size])
	return buf[:n*size]
}

// spreadRows fills dst with the value of a row as often as the row has elements left,
// then with that of the next row, and so on. at is the position in the first row.
func spreadRows(dst, src []byte, size int, at, period int64) []byte {
	for rest := dst; len(rest) > 0; at = 0 {
		n := min(int64(len(rest)), (period-at)*int64(size))
		if period-at > int64(len(rest)) { // the product may overflow
			n = int64(len(rest))
		}
		repeat(rest[:n], src[:size])
		rest, src = rest[n:], src[size:]
	}
	return dst
}

// spreadCols fills dst from src[at:], starting over at the end of a period of bytes.
func spreadCols(dst, src []byte, at, period int64) []byte {
	for rest := dst; len(rest) > 0; at = 0 {
		rest = rest[copy(rest, src[at:period]):]
	}
	return dst
}

// repeat fills dst with copies of x.
func repeat(dst, x []byte) {
	for n := copy(dst, x); n < len(dst); {
		n += copy(dst[n:], dst[:n])
	}
}
