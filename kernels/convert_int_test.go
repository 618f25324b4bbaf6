package kernels

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// intTypes are the integer types of the format.
func intTypes() (ds []tensor.DType) {
	for _, d := range tensor.DTypes() {
		if d.IsInteger() {
			ds = append(ds, d)
		}
	}
	return ds
}

// bigInt is the value of stored bits.
func bigInt(d tensor.DType, code uint64) *big.Int {
	v := new(big.Int).SetUint64(code)
	switch {
	case d == tensor.BOOL && code != 0:
		return big.NewInt(1)
	case d.Kind() == tensor.KindInt && code>>(d.Bits()-1) == 1:
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(d.Bits())))
	}
	return v
}

// saturate returns the bits of v in d, or of the nearest value.
func saturate(d tensor.DType, v *big.Int) uint64 {
	lo, hi := big.NewInt(0), new(big.Int).Lsh(big.NewInt(1), uint(d.Bits()))
	switch d.Kind() {
	case tensor.KindBool:
		if v.Sign() != 0 {
			return 1
		}
		return 0
	case tensor.KindInt:
		hi.Rsh(hi, 1)
		lo.Neg(hi)
	}
	hi.Sub(hi, big.NewInt(1))
	if v.Cmp(lo) < 0 {
		v = lo
	}
	if v.Cmp(hi) > 0 {
		v = hi
	}
	m := new(big.Int).Lsh(big.NewInt(1), uint(d.Bits()))
	return new(big.Int).Mod(v, m).Uint64()
}

// codes returns interesting and random bits of a type.
func codes(d tensor.DType, rnd *rand.Rand) []uint64 {
	all := uint64(math.MaxUint64) >> (64 - d.Bits())
	top := all>>1 + 1
	c := []uint64{0, 1, 2, all, all - 1, top, top - 1, top + 1}
	for i := range 200 {
		c = append(c, rnd.Uint64()>>(i%64)&all)
	}
	return c
}

func TestIntegersLoadInOneRounding(t *testing.T) {
	rnd := newRand(2)
	for _, d := range intTypes() {
		cs := codes(d, rnd)
		if d.Bits() == 64 { // ties of float32 and just off them
			for k := range uint(38) {
				cs = append(cs, 0x1000001<<k, 0x1000001<<k+1, 0x1000001<<k-1, 0x1000003<<k, 0x1000003<<k-1)
			}
		}
		for _, c := range cs {
			v := bigInt(d, c)
			want32, _ := new(big.Float).SetInt(v).Float32()
			want64, _ := new(big.Float).SetInt(v).Float64()
			var x [1]float32
			var y [1]float64
			Widen(x[:], put(d, c), d)
			Widen64(y[:], put(d, c), d)
			if x[0] != want32 || y[0] != want64 {
				t.Fatalf("%v %v loads as %v and %v, want %v and %v", d, v, x[0], y[0], want32, want64)
			}
		}
	}
}

func TestIntegerStoresTruncateAndSaturate(t *testing.T) {
	rnd := newRand(3)
	xs := []float64{0, math.Copysign(0, -1), 0.5, -0.5, 0.99, -0.99, 1, -1, 1e30, -1e30, math.Inf(1), math.Inf(-1)}
	for k := range 66 {
		p := math.Ldexp(1, k)
		for _, x := range []float64{p, p - 0.5, p + 0.5, p - 1, math.Nextafter(p, 0), math.Nextafter(p, 1e300), p * (1 + rnd.Float64())} {
			xs = append(xs, x, -x)
		}
	}
	for _, d := range intTypes() {
		if d == tensor.BOOL {
			continue
		}
		for _, x := range xs {
			for _, v := range []float64{x, float64(float32(x))} {
				want := saturate(d, truncated(v))
				if got := narrow64(d, v); got != want {
					t.Fatalf("%v of %v: %#x, want %#x", d, v, got, want)
				}
				if got := narrow32(d, float32(x)); v == float64(float32(x)) && got != want {
					t.Fatalf("%v of float32 %v: %#x, want %#x", d, v, got, want)
				}
			}
		}
	}
}

func truncated(x float64) *big.Int {
	if math.IsInf(x, 0) {
		x = math.Copysign(1e300, x)
	}
	v, _ := new(big.Float).SetFloat64(x).Int(nil)
	return v
}

func TestBoolIsOneForAllButZero(t *testing.T) {
	for _, x := range []float32{1, -1, 0.1, 1e-45, float32(math.Inf(-1)), float32(math.NaN())} {
		if narrow32(tensor.BOOL, x) != 1 || narrow64(tensor.BOOL, float64(x)) != 1 {
			t.Errorf("BOOL of %v is not 1", x)
		}
	}
	if narrow32(tensor.BOOL, 0) != 0 || narrow32(tensor.BOOL, float32(math.Copysign(0, -1))) != 0 {
		t.Error("BOOL of a zero is not 0")
	}
	if narrow64(tensor.BOOL, 1e-300) != 1 {
		t.Error("BOOL of a small float64 is 0")
	}
}

func TestConvertIntsIsExactAndSaturates(t *testing.T) {
	rnd := newRand(4)
	for _, sd := range intTypes() {
		for _, dd := range intTypes() {
			var src []byte
			var want []uint64
			for _, c := range codes(sd, rnd) {
				src = append(src, put(sd, c)...)
				want = append(want, saturate(dd, bigInt(sd, c)))
			}
			dst := make([]byte, int64(len(want))*dd.Size())
			ConvertInts(dst, dd, src, sd)
			for i, w := range want {
				if got := get(dst[int64(i)*dd.Size():][:dd.Size()]); got != w {
					t.Fatalf("%v of %v %v: %#x, want %#x", dd, sd, bigInt(sd, get(src[int64(i)*sd.Size():][:sd.Size()])), got, w)
				}
			}
		}
	}
}
