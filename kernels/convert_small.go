package kernels

import (
	"math"
	"sync"
)

// small describes an 8-bit floating-point type: 1 sign bit (E8M0 has none), exp exponent
// bits and man bits of mantissa. Codes below the top are values as in IEEE 754.
type small struct {
	man, bias int
	top       int   // largest finite magnitude, as a code
	nan       uint8 // canonical NaN
	inf       bool  // code top+1 is infinity; the codes above it are NaN
	fnuz      bool  // 0x80 is NaN, and there is no -0
	unsigned  bool  // E8M0
}

var (
	e4m3     = small{man: 3, bias: 7, top: 0x7e, nan: 0x7f}
	e5m2     = small{man: 2, bias: 15, top: 0x7b, nan: 0x7f, inf: true}
	e4m3fnuz = small{man: 3, bias: 8, top: 0x7f, nan: 0x80, fnuz: true}
	e5m2fnuz = small{man: 2, bias: 16, top: 0x7f, nan: 0x80, fnuz: true}
	e8m0     = small{bias: 127, top: 0xfe, nan: 0xff, unsigned: true}
)

// decode returns the value of a code.
func (s *small) decode(code uint8) float64 {
	if s.unsigned {
		if code == s.nan {
			return math.NaN()
		}
		return math.Ldexp(1, int(code)-s.bias)
	}
	sign := 1.0
	if code&0x80 != 0 {
		sign = -1
	}
	mag := int(code & 0x7f)
	switch {
	case s.fnuz && code == s.nan, mag > s.top && !(s.inf && mag == s.top+1):
		return math.NaN()
	case mag > s.top:
		return math.Inf(int(sign))
	case mag>>s.man == 0:
		return math.Copysign(math.Ldexp(float64(mag), 1-s.bias-s.man), sign)
	}
	frac := 1<<s.man | mag&(1<<s.man-1)
	return sign * math.Ldexp(float64(frac), mag>>s.man-s.bias-s.man)
}

// encode rounds x to a code, to nearest even.
func (s *small) encode(x float64) uint8 {
	switch {
	case x != x:
		return s.nan
	case s.unsigned:
		return s.encodePower(x)
	}
	var sign uint8
	if math.Signbit(x) {
		sign = 0x80
	}
	mag := s.top + 1
	if a := math.Abs(x); a == 0 {
		mag = 0
	} else if a < 1e9 { // beyond the range of every 8-bit type
		_, e := math.Frexp(a)
		e = max(e-1, 1-s.bias) // of the unit in front of the point; subnormals share one
		units := int(math.RoundToEven(math.Ldexp(a, s.man-e)))
		mag = min((e+s.bias-1)<<s.man+units, s.top+1)
	}
	switch {
	case mag > s.top && !s.inf:
		return s.nan
	case mag == 0 && s.fnuz:
		return 0
	}
	return sign | uint8(mag)
}

// encodePower rounds x to a power of two; 1.5 times a power goes up.
func (s *small) encodePower(x float64) uint8 {
	if x < 0 || math.IsInf(x, 1) {
		return s.nan
	}
	f, e := math.Frexp(x) // x = 2f * 2^(e-1), with 2f in [1, 2)
	if f < 0.75 {
		e--
	}
	if x == 0 || e < -s.bias {
		return 0
	}
	return uint8(min(e+s.bias, int(s.nan)))
}

// smallTables are the conversions of an 8-bit type. A float32 is narrowed by its upper
// half rounded to odd, which leaves 7 bits of mantissa where at most 3 + 2 are needed.
type smallTables struct {
	widen   [256]float32
	classes [256]uint8 // isZero, isBad or 0
	narrow  [65536]uint8
}

// Classes of codes.
const (
	isZero = 1
	isBad  = 2 // NaN or infinite
)

func (s *small) tables() *smallTables {
	t := new(smallTables)
	for c := range t.widen {
		v := s.decode(uint8(c))
		t.widen[c] = float32(v)
		switch {
		case v == 0:
			t.classes[c] = isZero
		case v-v != 0:
			t.classes[c] = isBad
		}
	}
	for h := range t.narrow {
		t.narrow[h] = s.encode(float64(math.Float32frombits(uint32(h) << 16)))
	}
	return t
}

// upperOdd returns the upper half of the bits of x, rounded to odd.
func upperOdd(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0xffff != 0 {
		b |= 0x10000
	}
	return uint16(b >> 16)
}

// smallFloat makes the row of an 8-bit type. Its tables are computed on first use.
func smallFloat(s *small) conversion {
	tables := sync.OnceValue(s.tables)
	return conversion{
		widen32:  func(dst []float32, src []byte) { widenSmall(dst, src, &tables().widen) },
		widen64:  func(dst []float64, src []byte) { widenSmall(dst, src, &tables().widen) },
		narrow32: func(dst []byte, src []float32) { narrowSmall(dst, src, &tables().narrow) },
		narrow64: func(dst []byte, src []float64) { narrowSmall(dst, src, &tables().narrow) },
		classes:  func() *[256]uint8 { return &tables().classes },
	}
}

func widenSmall[F float](dst []F, src []byte, t *[256]float32) {
	for i, c := range src[:len(dst)] {
		dst[i] = F(t[c])
	}
}

func narrowSmall[F float](dst []byte, src []F, t *[65536]uint8) {
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] = t[upperOdd(to32(x))]
	}
}
