package kernels

import (
	"math"
	"sync"
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

// hostMachine is a machine with the launch of one macro for one element. A host function
// runs for every key of a checkpoint, so the Program and its scratch memory are kept.
type hostMachine struct {
	m       Machine
	l       Launch
	in, out [16]byte
}

// hostMachines holds idle machines, by macro.
var hostMachines [numMacros]sync.Pool

func newHostMachine(f Macro) *hostMachine {
	h := &hostMachine{}
	in, out := HostMem(h.in[:]), HostMem(h.out[:])
	h.l = Launch{Prog: macroProgram(f, F64), N: 1, Args: []Arg{{Span: Span{in, 0, 8}}, {Span: Span{in, 8, 8}}}, Results: []Span{{out, 0, 8}}}
	return h
}

// evalHost evaluates a macro for one element.
func evalHost(f Macro, x, y float64) float64 {
	h, ok := hostMachines[f].Get().(*hostMachine)
	if !ok {
		h = newHostMachine(f)
	}
	defer hostMachines[f].Put(h)
	le.PutUint64(h.in[:], math.Float64bits(x))
	le.PutUint64(h.in[8:], math.Float64bits(y))
	if err := h.m.Run(&h.l); err != nil { // the launch is made here and fits
		return math.NaN()
	}
	return math.Float64frombits(le.Uint64(h.out[:]))
}
