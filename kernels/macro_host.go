package kernels

import (
	"math"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Functions of numbers on the host, through the F64 macros: the same bits on every
// processor, which the functions of package math do not promise. Domains and special
// values are those of the methods of Builder with the same names.

// HostExp is e to the power x.
func HostExp(x float64) float64 { return evalHost(MacroExp, x, x) }

// HostLn is the natural logarithm of x.
func HostLn(x float64) float64 { return evalHost(MacroLn, x, x) }

// HostPow is x to the power y.
func HostPow(x, y float64) float64 { return evalHost(MacroPow, x, y) }

// HostSin is the sine of x radians, |x| <= 256.
func HostSin(x float64) float64 { return evalHost(MacroSin, x, x) }

// HostCos is the cosine of x radians, |x| <= 256.
func HostCos(x float64) float64 { return evalHost(MacroCos, x, x) }

// HostCosPi is the cosine of pi*x.
func HostCosPi(x float64) float64 { return evalHost(MacroCosPi, x, x) }

// HostAcos is the angle in radians whose cosine is x.
func HostAcos(x float64) float64 { return evalHost(MacroAcos, x, x) }

// evalHost evaluates a macro for one element.
func evalHost(f Macro, x, y float64) float64 {
	in, out := make([]byte, 16), make([]byte, 8)
	Narrow64(in, []float64{x, y}, tensor.F64)
	m, o := HostMem(in), HostMem(out)
	l := &Launch{Prog: macroProgram(f, F64), N: 1, Args: []Arg{{Span: Span{m, 0, 8}}, {Span: Span{m, 8, 8}}}, Results: []Span{{o, 0, 8}}}
	if err := Run(l); err != nil { // the launch is made here and fits
		return math.NaN()
	}
	return math.Float64frombits(le.Uint64(out))
}
