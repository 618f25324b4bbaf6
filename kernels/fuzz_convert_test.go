package kernels

import (
	"math"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// FuzzStoresRoundToTheNearestCode compares every type's store of a number with the
// oracle's search among all codes, and stores what was loaded again.
func FuzzStoresRoundToTheNearestCode(f *testing.F) {
	for _, x := range []float64{0, 1, 464, 65520, 0x1p-24 * 1.5, 1 + 0x1p-11 + 0x1p-40, -1e300} {
		f.Add(math.Float64bits(x))
	}
	var mags [][]float64
	for i := range layouts {
		mags = append(mags, layouts[i].magnitudes())
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		x := math.Float64frombits(bits)
		for i := range layouts {
			l := &layouts[i]
			code := narrow64(l.d, x)
			if want := l.encode(mags[i], x); code != want {
				t.Errorf("%v of %x: code %#x, want %#x", l.d, x, code, want)
			}
			if got, want := narrow32(l.d, float32(x)), l.encode(mags[i], float64(float32(x))); got != want {
				t.Errorf("%v of float32 %x: code %#x, want %#x", l.d, float32(x), got, want)
			}
			var back [1]float64
			Widen64(back[:], put(l.d, code), l.d)
			if again := narrow64(l.d, back[0]); again != code {
				t.Errorf("%v code %#x becomes %#x", l.d, code, again)
			}
		}
	})
}

// FuzzIntegersSaturate compares casts of integers, and of floats to integers, with exact
// integers.
func FuzzIntegersSaturate(f *testing.F) {
	f.Add(uint64(1)<<63, byte(0), byte(7))
	f.Add(math.Float64bits(-128.9), byte(3), byte(2))
	f.Fuzz(func(t *testing.T, bits uint64, from, to byte) {
		ds := intTypes()
		sd, dd := ds[int(from)%len(ds)], ds[int(to)%len(ds)]
		src := put(sd, bits)
		dst := make([]byte, dd.Size())
		ConvertInts(dst, dd, src, sd)
		if want := saturate(dd, bigInt(sd, get(src))); get(dst) != want {
			t.Errorf("%v of %v %#x: %#x, want %#x", dd, sd, get(src), get(dst), want)
		}
		if x := math.Float64frombits(bits); x == x && dd != tensor.BOOL {
			if got, want := narrow64(dd, x), saturate(dd, truncated(x)); got != want {
				t.Errorf("%v of %v: %#x, want %#x", dd, x, got, want)
			}
		}
	})
}

// FuzzFMARoundsOnce compares the fused multiply-add of float32 with exact arithmetic.
func FuzzFMARoundsOnce(f *testing.F) {
	f.Add(math.Float32bits(0x1p-12*(1+0x1p-23)), math.Float32bits(0x1p-12*(1-0x1p-23)), math.Float32bits(1+0x1p-23))
	f.Fuzz(func(t *testing.T, xb, yb, zb uint32) {
		x, y, z := math.Float32frombits(xb), math.Float32frombits(yb), math.Float32frombits(zb)
		got := fma32(t, x, y, z)
		p := float64(x) * float64(y)
		if p-p != 0 || z-z != 0 { // what IEEE 754 says of infinities and NaNs needs no rounding
			if want := float32(p) + z; math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
				t.Errorf("fma(%v, %v, %v) = %v, want %v", x, y, z, got, want)
			}
			return
		}
		if want := exactFMA(float64(x), float64(y), float64(z)); math.Float32bits(got) != math.Float32bits(want) {
			t.Errorf("fma(%x, %x, %x) = %x, want %x", x, y, z, got, want)
		}
	})
}
