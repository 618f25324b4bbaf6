package kernels

import (
	"encoding/binary"
	"math"
	"math/big"
	"sort"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// layout is the oracle's description of a float type: its bits as the papers list them.
type layout struct {
	d              tensor.DType
	expBits, man   int
	bias           int
	specials       func(mag int) float64 // NaN or Inf for codes that are not numbers, else 0
	nan            uint64
	toInf          bool // values too large become infinite, not NaN
	fnuz, unsigned bool
}

func ieee(expBits, man int) func(int) float64 {
	return func(mag int) float64 {
		if mag>>man != 1<<expBits-1 {
			return 0
		}
		if mag&(1<<man-1) == 0 {
			return math.Inf(1)
		}
		return math.NaN()
	}
}

func onlyCode(nan int) func(int) float64 {
	return func(mag int) float64 {
		if mag == nan {
			return math.NaN()
		}
		return 0
	}
}

var layouts = []layout{
	{d: tensor.F16, expBits: 5, man: 10, bias: 15, specials: ieee(5, 10), nan: 0x7e00, toInf: true},
	{d: tensor.BF16, expBits: 8, man: 7, bias: 127, specials: ieee(8, 7), nan: 0x7fc0, toInf: true},
	{d: tensor.F8_E5M2, expBits: 5, man: 2, bias: 15, specials: ieee(5, 2), nan: 0x7f, toInf: true},
	{d: tensor.F8_E4M3, expBits: 4, man: 3, bias: 7, specials: onlyCode(0x7f), nan: 0x7f},
	{d: tensor.F8_E4M3FNUZ, expBits: 4, man: 3, bias: 8, specials: onlyCode(-1), nan: 0x80, fnuz: true},
	{d: tensor.F8_E5M2FNUZ, expBits: 5, man: 2, bias: 16, specials: onlyCode(-1), nan: 0x80, fnuz: true},
	{d: tensor.F8_E8M0, expBits: 8, man: 0, bias: 127, specials: onlyCode(0xff), nan: 0xff, unsigned: true},
}

func (l *layout) bits() int { return l.d.Bits() }

// step is 1, but a few under the race detector for the types of 16 bits.
func (l *layout) step() int {
	if l.bits() > 8 && thin > 1 {
		return 7
	}
	return 1
}

// value is the value of a code by the textbook formula, in exact arithmetic.
func (l *layout) value(code int) float64 {
	sign := 0
	mag := code
	if !l.unsigned {
		sign, mag = code>>(l.bits()-1), code&(1<<(l.bits()-1)-1)
	}
	if l.fnuz && code == 0x80 {
		return math.NaN()
	}
	if s := l.specials(mag); s != 0 {
		if sign == 1 {
			return -s
		}
		return s
	}
	e, m := mag>>l.man, mag&(1<<l.man-1)
	frac := new(big.Rat).SetFrac64(int64(m), int64(1)<<l.man)
	if e == 0 && !l.unsigned {
		e = 1
	} else {
		frac.Add(frac, big.NewRat(1, 1))
	}
	scale := new(big.Float).SetMantExp(big.NewFloat(1), e-l.bias)
	r, _ := scale.Rat(nil)
	v, exact := frac.Mul(frac, r).Float64()
	if !exact {
		panic("a code's value is not a float64")
	}
	if sign == 1 {
		v = -v
		if v == 0 {
			v = math.Copysign(0, -1)
		}
	}
	return v
}

// magnitudes lists the finite magnitudes in order of code, and one more: where the next
// number would be.
func (l *layout) magnitudes() []float64 {
	var m []float64
	for c := 0; c < 1<<l.bits(); c++ {
		v := l.value(c)
		if v != v || math.IsInf(v, 0) || math.Signbit(v) {
			break
		}
		m = append(m, v)
	}
	top := len(m) - 1
	next := m[top] + (m[top] - m[top-1])
	if l.man == 0 {
		next = 2 * m[top]
	}
	return append(m, next)
}

// encode rounds x to a code by looking for the nearest number.
func (l *layout) encode(mags []float64, x float64) uint64 {
	top := len(mags) - 2
	if x != x || l.unsigned && (x < 0 || math.IsInf(x, 1)) {
		return l.nan
	}
	a := math.Abs(x)
	i := sort.SearchFloat64s(mags, a) // mags[i-1] < a <= mags[i]
	switch {
	case i == len(mags):
		i = top + 1
	case i > 0 && a != mags[i]:
		lo := new(big.Float).Sub(exact(a), exact(mags[i-1]))
		hi := new(big.Float).Sub(exact(mags[i]), exact(a))
		if c := lo.Cmp(hi); c < 0 || c == 0 && i%2 == 1 && !l.unsigned {
			i--
		}
	}
	sign := uint64(0)
	if math.Signbit(x) && !l.unsigned {
		sign = 1 << (l.bits() - 1)
	}
	switch {
	case i > top && l.toInf:
		return sign | uint64(top+1)
	case i > top:
		return l.nan
	case i == 0 && l.fnuz:
		return 0
	}
	return sign | uint64(i)
}

func exact(x float64) *big.Float { return new(big.Float).SetPrec(2200).SetFloat64(x) }

func put(d tensor.DType, code uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, code)
	return b[:d.Size()]
}

func get(b []byte) uint64 {
	var full [8]byte
	copy(full[:], b)
	return binary.LittleEndian.Uint64(full[:])
}

func sameFloat(a, b float64) bool {
	return a != a && b != b || math.Float64bits(a) == math.Float64bits(b)
}

func TestEveryCodeWidensToItsValue(t *testing.T) {
	for i := range layouts {
		l := &layouts[i]
		for c := 0; c < 1<<l.bits(); c += l.step() {
			want := l.value(c)
			var x [1]float32
			var y [1]float64
			b := put(l.d, uint64(c))
			Widen(x[:], b, l.d)
			Widen64(y[:], b, l.d)
			if !sameFloat(float64(x[0]), want) || !sameFloat(y[0], want) {
				t.Fatalf("%v code %#x: %v and %v, want %v", l.d, c, x[0], y[0], want)
			}
			if bad := want-want != 0; NonFinite(b, l.d) != bad {
				t.Fatalf("%v code %#x: NonFinite = %v", l.d, c, !bad)
			}
		}
	}
}

func TestEveryCodeSurvivesARoundTrip(t *testing.T) {
	for i := range layouts {
		l := &layouts[i]
		for c := 0; c < 1<<l.bits(); c += l.step() {
			want := uint64(c)
			if v := l.value(c); v != v {
				want = l.nan
			}
			var x [1]float32
			Widen(x[:], put(l.d, uint64(c)), l.d)
			if got := narrow32(l.d, x[0]); got != want {
				t.Fatalf("%v code %#x became %#x", l.d, c, got)
			}
		}
	}
}

func narrow32(d tensor.DType, x float32) uint64 {
	b := make([]byte, d.Size())
	Narrow(b, []float32{x}, d)
	return get(b)
}

func narrow64(d tensor.DType, x float64) uint64 {
	b := make([]byte, d.Size())
	Narrow64(b, []float64{x}, d)
	return get(b)
}

// TestStoresRoundToTheNearestCode probes every number of every type, every midpoint
// between two of them, and the neighbours of both in float32 and in float64 (which a
// conversion by way of float32 would round twice).
func TestStoresRoundToTheNearestCode(t *testing.T) {
	for i := range layouts {
		l := &layouts[i]
		mags := l.magnitudes()
		var probes []float64
		for k, m := range mags {
			if k%thin != 0 && k > 300 && k < len(mags)-300 {
				continue
			}
			probes = append(probes, m)
			if k > 0 {
				probes = append(probes, mags[k-1]+(m-mags[k-1])/2)
			}
		}
		probes = append(probes, math.MaxFloat32, math.MaxFloat64, math.Inf(1), math.NaN(),
			math.SmallestNonzeroFloat32, math.SmallestNonzeroFloat64, 0x1p-126, 0x1p-1022, 1e300, 1e-300)
		for _, p := range probes {
			for _, x := range []float64{p, -p, math.Nextafter(p, math.Inf(1)), math.Nextafter(p, 0), -math.Nextafter(p, math.Inf(1))} {
				if got, want := narrow64(l.d, x), l.encode(mags, x); got != want {
					t.Fatalf("%v of %x (f64): code %#x, want %#x", l.d, x, got, want)
				}
			}
			f := float32(p)
			for _, x := range []float32{f, -f, math.Nextafter32(f, float32(math.Inf(1))), math.Nextafter32(f, 0), -math.Nextafter32(f, 0)} {
				if got, want := narrow32(l.d, x), l.encode(mags, float64(x)); got != want {
					t.Fatalf("%v of %x (f32): code %#x, want %#x", l.d, x, got, want)
				}
			}
		}
	}
}

func TestStoresRoundRandomNumbersToTheNearestCode(t *testing.T) {
	rnd := newRand(1)
	for i := range layouts {
		l := &layouts[i]
		mags := l.magnitudes()
		for range 5000 / thin {
			x := math.Float32frombits(uint32(rnd.Uint64()))
			if got, want := narrow32(l.d, x), l.encode(mags, float64(x)); got != want {
				t.Fatalf("%v of %x: code %#x, want %#x", l.d, x, got, want)
			}
			y := math.Ldexp(float64(x), -rnd.IntN(3)) * (1 + rnd.Float64()*0x1p-23)
			if got, want := narrow64(l.d, y), l.encode(mags, y); got != want {
				t.Fatalf("%v of %x: code %#x, want %#x", l.d, y, got, want)
			}
		}
	}
}

// TestPublishedExtremes: largest, smallest normal and smallest subnormal numbers as the
// papers named at conversion print them.
func TestPublishedExtremes(t *testing.T) {
	for _, c := range []struct {
		d    tensor.DType
		code uint64
		want float32
	}{
		{tensor.F16, 0x7bff, 65504}, {tensor.F16, 0x0400, 0x1p-14}, {tensor.F16, 1, 0x1p-24},
		{tensor.BF16, 0x3f80, 1}, {tensor.BF16, 0x0001, 0x1p-133},
		{tensor.F8_E5M2, 0x7b, 57344}, {tensor.F8_E5M2, 4, 0x1p-14}, {tensor.F8_E5M2, 1, 0x1p-16},
		{tensor.F8_E4M3, 0x7e, 448}, {tensor.F8_E4M3, 8, 0x1p-6}, {tensor.F8_E4M3, 1, 0x1p-9},
		{tensor.F8_E4M3FNUZ, 0x7f, 240}, {tensor.F8_E4M3FNUZ, 1, 0x1p-10},
		{tensor.F8_E5M2FNUZ, 0x7f, 57344}, {tensor.F8_E5M2FNUZ, 1, 0x1p-17},
		{tensor.F8_E8M0, 0, 0x1p-127}, {tensor.F8_E8M0, 127, 1}, {tensor.F8_E8M0, 0xfe, 0x1p127},
	} {
		var x [1]float32
		Widen(x[:], put(c.d, c.code), c.d)
		if x[0] != c.want {
			t.Errorf("%v %#x = %v, want %v", c.d, c.code, x[0], c.want)
		}
	}
}

func TestStoredNaNsAreCanonical(t *testing.T) {
	nans := []uint32{0x7fc00000, 0xffc00000, 0x7f800001, 0xff812345, 0x7fffffff}
	want := map[tensor.DType]uint64{tensor.F32: 0x7fc00000, tensor.F64: 0x7ff8000000000000, tensor.BOOL: 1}
	for i := range layouts {
		want[layouts[i].d] = layouts[i].nan
	}
	for _, d := range tensor.DTypes() {
		for _, n := range nans {
			x := math.Float32frombits(n)
			if d.Computable() && (narrow32(d, x) != want[d] || narrow64(d, float64(x)) != want[d]) {
				t.Errorf("%v of NaN %x: %#x and %#x, want %#x", d, n, narrow32(d, x), narrow64(d, float64(x)), want[d])
			}
		}
	}
}

func TestFloat64LoadsIntoFloat32InOneRounding(t *testing.T) {
	for _, x := range []float64{1e300, -1e-300, 1 + 0x1p-24 + 0x1p-50, 0x1p-149 * 0.75, math.MaxFloat32 * (1 + 0x1p-25)} {
		var f [1]float32
		Widen(f[:], put(tensor.F64, math.Float64bits(x)), tensor.F64)
		want, _ := exact(x).Float32()
		if f[0] != want {
			t.Errorf("%x loads as %x, want %x", x, f[0], want)
		}
	}
	if NonFinite(put(tensor.F64, math.Float64bits(1e300)), tensor.F64) {
		t.Error("1e300 is judged by what it becomes, not by its stored bits")
	}
}
