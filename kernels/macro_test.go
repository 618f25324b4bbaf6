package kernels

import (
	"fmt"
	"math"
	"math/big"
	"os"
	"strconv"
	"testing"
)

// evalMacro runs a macro on stored elements of the compute type.
func evalMacro(t testing.TB, f Macro, c Compute, x, y []byte) []byte {
	t.Helper()
	p := macroProgram(f, c)
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(x))
	l := &Launch{Prog: p, N: int64(len(x)) / c.DType().Size(), Args: []Arg{{Span: spanOf(x)}, {Span: spanOf(y)}}, Results: []Span{spanOf(out)}}
	if err := Run(l); err != nil {
		t.Fatal(err)
	}
	return out
}

// macroCases says what is measured: exact functions, and arguments inside the
// domain from random numbers u and v in [0, 1).
var macroCases = [numMacros]struct {
	std    func(x, y float64) float64 // float64 oracle for F32
	exact  func(x, y float64) *big.Float
	sample func(u, v float64, c Compute) (x, y float64)
}{
	MacroExp: {one(math.Exp), func(x, _ float64) *big.Float { return bigExp(exactOf(x)) },
		func(u, v float64, c Compute) (float64, float64) {
			lo, hi := -104.0, 88.8
			if c == F64 {
				lo, hi = -746, 709.9
			}
			if v < 0.3 {
				return signed(math.Exp(u*-40), v), 0
			}
			return lo + u*(hi-lo), 0
		}},
	MacroLn: {one(math.Log), func(x, _ float64) *big.Float { return bigLn(exactOf(x)) },
		func(u, v float64, c Compute) (float64, float64) {
			switch {
			case v < 0.3:
				return 1 + signed(math.Exp2(u*-50), v), 0
			case c == F64:
				return math.Ldexp(1+v, int(u*2090)-1070), 0
			}
			return math.Ldexp(1+v, int(u*270)-146), 0
		}},
	MacroPow: {math.Pow, func(x, y float64) *big.Float {
		return bigExp(new(big.Float).Mul(exactOf(y), bigLn(exactOf(x))))
	}, func(u, v float64, c Compute) (float64, float64) {
		x := math.Exp2((u - 0.5) * 240)
		switch {
		case v < 0.3:
			x = 1 + signed(math.Exp2(u*-22-1), v)
		case v < 0.5:
			x = u * 4
		}
		x = float64(float32(x))
		most := 104.0
		if c == F64 {
			most = 744
		}
		return x, (math.Mod(v*1000, 2) - 1) * most / math.Abs(math.Log(x))
	}},
	MacroSin: {one(math.Sin), func(x, _ float64) *big.Float { s, _ := bigSinCos(exactOf(x)); return s }, angle},
	MacroCos: {one(math.Cos), func(x, _ float64) *big.Float { _, c := bigSinCos(exactOf(x)); return c }, angle},
	MacroCosPi: {func(x, _ float64) float64 { f, _ := bigCosPi(x).Float64(); return f }, func(x, _ float64) *big.Float { return bigCosPi(x) },
		func(u, v float64, c Compute) (float64, float64) {
			if v < 0.3 {
				return math.Round(u*20)/2 + signed(math.Exp2(u*-30), v), 0
			}
			return (u - 0.5) * math.Exp2(v*20), 0
		}},
	MacroAcos: {one(math.Acos), func(x, _ float64) *big.Float { return bigAcos(exactOf(x)) },
		func(u, v float64, c Compute) (float64, float64) {
			switch {
			case v < 0.2:
				return signed(1-math.Exp2(u*-45), v*1.5), 0
			case v < 0.3:
				return signed(math.Exp2(u*-60), v), 0
			}
			return 2*u - 1, 0
		}},
}

func one(f func(float64) float64) func(x, y float64) float64 {
	return func(x, _ float64) float64 { return f(x) }
}

func signed(x, v float64) float64 {
	if v < 0.15 {
		return -x
	}
	return x
}

// angle samples arguments of Sin and Cos, many of them next to multiples of pi/2, where
// the reduction matters.
func angle(u, v float64, c Compute) (float64, float64) {
	if v < 0.5 {
		x := math.Round(u*326-163) * math.Pi / 2
		if c == F32 {
			x = float64(float32(x))
		}
		if v > 0.3 {
			x += signed(math.Exp2(u*-30), v-0.25)
		}
		return max(-256, min(x, 256)), 0
	}
	return (u - 0.5) * 512 * math.Exp2(-20*math.Max(0, v-0.9)), 0
}

// ulps returns |got - want| in units of the last place of the compute type at want; 0 if
// both are beyond its range.
func ulps(c Compute, got float64, want *big.Float) float64 {
	digits, least := 53, -1074
	rounded, _ := want.Float64()
	if c == F32 {
		digits, least = 24, -149
		f, _ := want.Float32()
		rounded = float64(f)
	}
	if math.IsInf(got, 0) || math.IsInf(rounded, 0) {
		return map[bool]float64{true: 0, false: math.Inf(1)}[got == rounded]
	}
	d, _ := new(big.Float).Sub(exactOf(got), want).Float64()
	return math.Abs(d) / math.Ldexp(1, max(want.MantExp(nil)-digits, least))
}

// bound is the promise of the macros, in ulp.
var bound = [2]float64{F32: 2, F64: 4}

// fromEnv returns a positive number from the environment, for long runs by hand.
func fromEnv(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// TestMacrosAreWithinTheirBound measures random arguments; MECHA_MACRO_SAMPLES sets how
// many.
func TestMacrosAreWithinTheirBound(t *testing.T) {
	n := fromEnv("MECHA_MACRO_SAMPLES", 1000/thin)
	for _, f := range Macros() {
		for _, c := range []Compute{F32, F64} {
			t.Run(fmt.Sprintf("%s/%v", f, c.DType()), func(t *testing.T) {
				worst, at := measure(t, f, c, n)
				t.Logf("at most %.3f ulp (of %d, at %v)", worst, n, at)
				if worst > bound[c] {
					t.Errorf("%.3f ulp at %v, at most %v are allowed", worst, at, bound[c])
				}
			})
		}
	}
}

// measure returns the largest error over n samples, against arithmetic of 200 bits.
func measure(t *testing.T, f Macro, c Compute, n int) (worst float64, at [2]float64) {
	rnd := newRand(uint64(f))
	k := &macroCases[f]
	d := c.DType()
	x, y := make([]float64, n), make([]float64, n)
	for i := range n {
		x[i], y[i] = k.sample(rnd.Float64(), rnd.Float64(), c)
		if c == F32 {
			x[i], y[i] = float64(float32(x[i])), float64(float32(y[i]))
		}
	}
	out := evalMacro(t, f, c, bytesOf(d, x...), bytesOf(d, y...))
	got := make([]float64, n)
	Widen64(got, out, d)
	for i := range n {
		if e := ulps(c, got[i], k.exact(x[i], y[i])); !(e <= worst) {
			worst, at = e, [2]float64{x[i], y[i]}
		}
	}
	return worst, at
}

// TestMacrosSweepAllExponentsOfFloat32 compares with package math, whose float64
// functions are far more accurate than float32. MECHA_MACRO_STRIDE=1 takes every float32.
func TestMacrosSweepAllExponentsOfFloat32(t *testing.T) {
	stride := uint64(fromEnv("MECHA_MACRO_STRIDE", 20011*thin))
	for _, f := range Macros() {
		if f == MacroPow || f == MacroCosPi { // two arguments; no float64 function to compare with
			continue
		}
		k := &macroCases[f]
		worst, at := 0.0, float32(0)
		for from := uint64(0); from < 1<<32; from += stride << 16 {
			var x []byte
			for u := from; u < min(1<<32, from+stride<<16); u += stride {
				x = le.AppendUint32(x, uint32(u))
			}
			out := evalMacro(t, f, F32, x, x)
			for i := 0; i < len(x); i += 4 {
				a := math.Float32frombits(le.Uint32(x[i:]))
				e := ulps32(math.Float32frombits(le.Uint32(out[i:])), inDomain(f, a, k.std(float64(a), 0)))
				if !(e <= worst) {
					worst, at = e, a
				}
			}
		}
		t.Logf("%s: at most %.3f ulp, at %x", f, worst, at)
		if worst > bound[F32] {
			t.Errorf("%s: %.3f ulp at %x", f, worst, at)
		}
	}
}

// inDomain is the value of f at a by package math, where the macro's domain is that large.
func inDomain(f Macro, a float32, want float64) float64 {
	if (f == MacroSin || f == MacroCos) && math.Abs(float64(a)) > 256 {
		return math.NaN()
	}
	return want
}

// ulps32 returns the distance of a float32 from a float64; 0 for two NaNs and for
// infinities that the float64 rounds to.
func ulps32(got float32, want float64) float64 {
	switch r := float32(want); {
	case r != r || got != got:
		return map[bool]float64{true: 0, false: math.Inf(1)}[r != r && got != got]
	case math.IsInf(float64(r), 0) || math.IsInf(float64(got), 0):
		return map[bool]float64{true: 0, false: math.Inf(1)}[got == r]
	}
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e-24, -149))
}

func TestSpecialValuesOfMacros(t *testing.T) {
	nan, inf, nz := math.NaN(), math.Inf(1), math.Copysign(0, -1)
	type c struct {
		f          Macro
		x, y, want float64
	}
	cases := []c{
		{MacroExp, 0, 0, 1}, {MacroExp, nz, 0, 1}, {MacroExp, inf, 0, inf}, {MacroExp, -inf, 0, 0}, {MacroExp, nan, 0, nan},
		{MacroExp, 1000, 0, inf}, {MacroExp, -1000, 0, 0}, {MacroExp, 1e30, 0, inf}, {MacroExp, -1e30, 0, 0},
		{MacroLn, 1, 0, 0}, {MacroLn, 0, 0, -inf}, {MacroLn, nz, 0, -inf}, {MacroLn, -1, 0, nan}, {MacroLn, -inf, 0, nan}, {MacroLn, inf, 0, inf}, {MacroLn, nan, 0, nan},
		{MacroSin, 0, 0, 0}, {MacroSin, nz, 0, nz}, {MacroSin, 256.5, 0, nan}, {MacroSin, inf, 0, nan}, {MacroSin, nan, 0, nan},
		{MacroCos, 0, 0, 1}, {MacroCos, -257, 0, nan}, {MacroCos, -inf, 0, nan}, {MacroCos, nan, 0, nan},
		{MacroCosPi, 0, 0, 1}, {MacroCosPi, 0.5, 0, 0}, {MacroCosPi, -0.5, 0, 0}, {MacroCosPi, 1.5, 0, 0}, {MacroCosPi, 2.5, 0, 0}, {MacroCosPi, 1, 0, -1}, {MacroCosPi, -3, 0, -1},
		{MacroCosPi, 2, 0, 1}, {MacroCosPi, 1e30, 0, 1}, {MacroCosPi, 8388607, 0, -1}, {MacroCosPi, inf, 0, nan}, {MacroCosPi, nan, 0, nan},
		{MacroAcos, 1, 0, 0}, {MacroAcos, -1, 0, math.Pi}, {MacroAcos, 0, 0, math.Pi / 2}, {MacroAcos, 1.5, 0, nan}, {MacroAcos, -1.0000001, 0, nan}, {MacroAcos, nan, 0, nan}, {MacroAcos, inf, 0, nan},
	}
	powers := []float64{0, nz, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 2.5, -2.5, 1e30, -1e30, 8388607, -8388607, 8388608, inf, -inf, nan, 0.25, 1e-40, -1e-40}
	for _, x := range powers {
		for _, y := range powers {
			cases = append(cases, c{MacroPow, x, y, math.Pow(x, y)})
		}
	}
	for _, k := range cases {
		for _, comp := range []Compute{F32, F64} {
			if comp == F32 && k.f == MacroPow { // the arguments are rounded
				k.x, k.y = float64(float32(k.x)), float64(float32(k.y))
				k.want = math.Pow(k.x, k.y)
			}
			out := evalMacro(t, k.f, comp, bytesOf(comp.DType(), k.x), bytesOf(comp.DType(), k.y))
			got := make([]float64, 1)
			Widen64(got, out, comp.DType())
			want := k.want
			if comp == F32 {
				want = float64(float32(want))
			}
			near := k.f == MacroPow && math.Abs(got[0]-want) <= math.Abs(want)*1e-6 && want != 0 && !math.IsInf(want, 0)
			if !near && !sameFloat(got[0], want) {
				t.Errorf("%s(%v, %v) in %v = %v, want %v", k.f, k.x, k.y, comp.DType(), got[0], want)
			}
		}
	}
}

func TestExpUnderflowsGradually(t *testing.T) {
	for _, c := range []struct {
		comp Compute
		x    float64
		unit float64
	}{{F32, -100, 0x1p-149}, {F32, -103.5, 0x1p-149}, {F64, -740, 0x1p-1074}, {F64, -745, 0x1p-1074}} {
		got := make([]float64, 1)
		Widen64(got, evalMacro(t, MacroExp, c.comp, bytesOf(c.comp.DType(), c.x), bytesOf(c.comp.DType(), 0)), c.comp.DType())
		if want := math.Exp(c.x); got[0] == 0 || math.Abs(got[0]-want) > c.unit {
			t.Errorf("exp(%v) in %v = %g, want %g", c.x, c.comp.DType(), got[0], want)
		}
	}
}

func TestPowerOneIsExact(t *testing.T) {
	rnd := newRand(9)
	for _, c := range []Compute{F32, F64} {
		var x, y []byte
		for range 1000 {
			v := math.Ldexp(rnd.Float64()-0.5, rnd.IntN(200)-100)
			x = append(x, bytesOf(c.DType(), v)...)
			y = append(y, bytesOf(c.DType(), 1)...)
		}
		if string(evalMacro(t, MacroPow, c, x, y)) != string(x) {
			t.Errorf("x^1 is not x in %v", c.DType())
		}
	}
}

func TestHostFunctionsAgreeWithPackageMath(t *testing.T) {
	for _, x := range []float64{0.1, 0.5, 0.75, 1, 0.999} {
		for name, pair := range map[string][2]float64{
			"exp": {HostExp(x), math.Exp(x)}, "ln": {HostLn(x), math.Log(x)}, "pow": {HostPow(x, 2.5), math.Pow(x, 2.5)}, "sin": {HostSin(x), math.Sin(x)},
			"cos": {HostCos(x), math.Cos(x)}, "cospi": {HostCosPi(x / 4), math.Cos(math.Pi * x / 4)}, "acos": {HostAcos(x), math.Acos(x)},
		} {
			if math.Abs(pair[0]-pair[1]) > 1e-15*math.Max(1, math.Abs(pair[1])) {
				t.Errorf("%s(%v) = %v, package math says %v", name, x, pair[0], pair[1])
			}
		}
	}
}

func TestMacrosFitIntoPrograms(t *testing.T) {
	for _, f := range Macros() {
		for _, c := range []Compute{F32, F64} {
			p := macroProgram(f, c)
			if live := p.MaxLive(); live > MaxLive/4 || len(p.Code) > MaxInstrs/4 {
				t.Errorf("%s in %v takes %d instructions and %d live values", f, c.DType(), len(p.Code), live)
			}
		}
	}
}

// TestConstantsOfMacros compares the parts of ln(2), 2/3 and pi with the oracle's.
func TestConstantsOfMacros(t *testing.T) {
	for _, c := range []Compute{F32, F64} {
		k, digits := &coefs[c], map[Compute]int{F32: 24, F64: 53}[c]
		for name, x := range map[string]struct {
			parts []float64
			want  *big.Float
			bits  int // that the parts hold together
		}{
			"ln 2":   {k.ln2[:], ln2Oracle(), 2*digits - 11},
			"2/3":    {k.twoThirds[:], bdiv(numOf(2), numOf(3)), 2 * digits},
			"pi":     {k.pi[:], piOracle(), 2 * digits},
			"pi / 2": {k.halfPi[:], bdiv(piOracle(), numOf(2)), min(3*digits, 155)},
		} {
			rest := x.want
			for _, p := range x.parts {
				if c == F32 && float64(float32(p)) != p {
					t.Errorf("%s in F32 has the part %x", name, p)
				}
				rest = bsub(rest, exactOf(p))
			}
			if e := rest.MantExp(nil) - x.want.MantExp(nil); e > -x.bits {
				t.Errorf("%s in %v: off by 2^%d of its value, want 2^-%d", name, c.DType(), e, x.bits)
			}
		}
	}
}
