package kernels

// The loops of the operations that look at the bits of numbers, or that choose among
// numbers: choices of words compile to conditional moves, those of numbers to jumps that
// no processor can predict.

// signBit returns the bit that holds the sign of a number.
func signBit[W word]() W { return ^(^W(0) >> 1) }

func negBits[W word](d, x []W) {
	x = x[:len(d)]
	sign := signBit[W]()
	for i := range d {
		d[i] = x[i] ^ sign
	}
}

func absBits[W word](d, x []W) {
	x = x[:len(d)]
	sign := signBit[W]()
	for i := range d {
		d[i] = x[i] &^ sign
	}
}

func andBits[W word](d, x, y []W) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = x[i] & y[i]
	}
}

func orBits[W word](d, x, y []W) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = x[i] | y[i]
	}
}

func xorBits[W word](d, x, y []W) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = x[i] ^ y[i]
	}
}

func addBits[W word](d, x, y []W) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = x[i] + y[i]
	}
}

func subBits[W word](d, x, y []W) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = x[i] - y[i]
	}
}

func shlBits[W word](d, x []W, n uint64) {
	x = x[:len(d)]
	for i := range d {
		d[i] = x[i] << n
	}
}

func shrBits[W word](d, x []W, n uint64) {
	x = x[:len(d)]
	for i := range d {
		d[i] = x[i] >> n
	}
}

// signBits: the sign and the bits of 1, or 0 for zeros and NaNs.
func signBits[W word](d, x []W) {
	x = x[:len(d)]
	inf, _ := infBits[W]()
	sign, unit := signBit[W](), oneBits[W]()
	for i := range d {
		b := x[i]
		mag, v := b&^sign, b&sign|unit
		if mag-1 >= inf { // zero or NaN
			v = 0
		}
		d[i] = v
	}
}

// minBits and maxBits choose among the bits xb and yb of x and y.
func minBits[F float, W word](d, xb, yb []W, x, y []F) {
	xb, yb, x, y = xb[:len(d)], yb[:len(d)], x[:len(d)], y[:len(d)]
	for i := range d {
		b, v := yb[i], x[i]
		if v < y[i] {
			b = xb[i]
		}
		if v != v {
			b = xb[i]
		}
		d[i] = b
	}
}

func maxBits[F float, W word](d, xb, yb []W, x, y []F) {
	xb, yb, x, y = xb[:len(d)], yb[:len(d)], x[:len(d)], y[:len(d)]
	for i := range d {
		b, v := yb[i], x[i]
		if v > y[i] {
			b = xb[i]
		}
		if v != v {
			b = xb[i]
		}
		d[i] = b
	}
}

func selectBits[W word](d []W, m []bool, x, y []W) {
	m, x, y = m[:len(d)], x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = y[i] ^ (x[i]^y[i])&-W(bit(m[i]))
	}
}

// nanToNumBits: the largest finite number is the one before infinity.
func nanToNumBits[W word](d, x []W) {
	x = x[:len(d)]
	inf, _ := infBits[W]()
	for i := range d {
		b := x[i]
		mag := b &^ signBit[W]()
		if mag == inf {
			b--
		}
		if mag > inf {
			b = 0
		}
		d[i] = b
	}
}
