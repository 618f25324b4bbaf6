package methods

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// input is an argument in a test: a stored tensor, or a value.
type input struct {
	shape  tensor.Shape
	dtype  tensor.DType
	data   []float64
	value  Value
	absent bool
}

// f32s is a stored float32 vector, f64s a float64 one, num a number of the recipe, cell a
// stored float32 number, grid a stored float32 tensor of a shape.
func f32s(x ...float64) input {
	return input{shape: tensor.Shape{int64(len(x))}, dtype: tensor.F32, data: x}
}
func f64s(x ...float64) input {
	return input{shape: tensor.Shape{int64(len(x))}, dtype: tensor.F64, data: x}
}
func num(x float64) input { return input{value: FloatOf(x)} }
func val(v Value) input   { return input{value: v} }
func cell(x float64) input {
	return input{shape: tensor.Shape{}, dtype: tensor.F32, data: []float64{x}}
}
func (x input) as(s ...int64) input { x.shape = s; return x }

func (x *input) bytes() []byte {
	b := make([]byte, int64(len(x.data))*x.dtype.Size())
	for i, v := range x.data {
		switch x.dtype {
		case tensor.F32:
			binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(float32(v)))
		case tensor.F64:
			binary.LittleEndian.PutUint64(b[8*i:], math.Float64bits(v))
		case tensor.I64:
			binary.LittleEndian.PutUint64(b[8*i:], uint64(int64(v)))
		default:
			panic("no such element type in tests: " + x.dtype.String())
		}
	}
	return b
}

// run is one application of a method to a test's arguments.
type run struct {
	compute kernels.Compute
	compat  bool
	out     tensor.DType // what is stored; default F32, or F64 in an F64 merge

	call   *Call
	leaves []input
	parts  []kernels.Part
	root   T
	raw    *kernels.Evaluated
}

// args fills the call with the arguments, one list for each parameter; missing ones are
// the defaults.
func (r *run) args(m *Method, in [][]input) {
	r.call = &Call{Method: m, Key: "k", Trace: kernels.NewTrace(r.compute), Compat: r.compat, Guard: 7}
	for i := range m.Params {
		if i >= len(in) {
			r.call.Args = append(r.call.Args, []Arg{{Present: true, Value: *m.Params[i].Default}})
			continue
		}
		var list []Arg
		for _, x := range in[i] {
			a := Arg{Present: !x.absent, Value: x.value}
			if x.data != nil {
				a.DType, a.T = x.dtype, r.call.Trace.Leaf(len(r.leaves), x.dtype, x.shape)
				r.leaves = append(r.leaves, x)
			}
			list = append(list, a)
		}
		r.call.Args = append(r.call.Args, list)
	}
}

// do traces, lowers and evaluates; the result is in float64 (exact).
func (r *run) do(m *Method, in ...[]input) ([]float64, error) {
	r.args(m, in)
	var err error
	if r.root, err = m.Formula(r.call); err != nil {
		return nil, err
	}
	if r.out == tensor.InvalidDType {
		r.out = r.compute.DType()
	}
	if r.parts, err = kernels.NewLowerer().Lower(r.root, r.out); err != nil {
		return nil, err
	}
	n := r.root.Shape().N()
	r.raw, err = kernels.Eval(r.parts, n, r.out, func(i int) []byte { return r.leaves[i].bytes() })
	if err != nil {
		return nil, err
	}
	out := make([]float64, n)
	for i := range out {
		switch r.out {
		case tensor.F32:
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(r.raw.Bytes[4*i:])))
		case tensor.F64:
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(r.raw.Bytes[8*i:]))
		case tensor.I64:
			out[i] = float64(int64(binary.LittleEndian.Uint64(r.raw.Bytes[8*i:])))
		}
	}
	return out, nil
}

// reads returns how many stored tensors the result is made from.
func (r *run) reads() int {
	n := 0
	for i := range r.parts {
		n += len(r.parts[i].Inst.Lowered.Leaves)
	}
	return n
}

// one is a list of one argument for each parameter.
func one(in ...input) [][]input {
	lists := make([][]input, len(in))
	for i := range in {
		lists[i] = in[i : i+1]
	}
	return lists
}

// row returns a method of the catalogue.
func row(t *testing.T, id string) *Method {
	t.Helper()
	m, ok := Builtin().Get(id)
	if !ok {
		t.Fatalf("no method %s", id)
	}
	return m
}

// apply runs a method in float32 with one argument for each parameter.
func apply(t *testing.T, id string, in ...input) []float64 {
	t.Helper()
	return applyAll(t, &run{}, id, one(in...)...)
}

func applyAll(t *testing.T, r *run, id string, in ...[]input) []float64 {
	t.Helper()
	out, err := r.do(row(t, id), in...)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return out
}

// same reports whether two numbers are equal bit for bit, except that all NaN are one.
func same(x, y float64) bool {
	return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y
}

func wantExact(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !same(got[i], want[i]) {
			t.Fatalf("%s: element %d is %v, want %v (all: %v)", what, i, got[i], want[i], got)
		}
	}
}

// wantNear compares with a tolerance relative to the largest magnitude.
func wantNear(t *testing.T, what string, got, want []float64, rel float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	scale := 0.0
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= rel*scale) && !same(got[i], want[i]) {
			t.Fatalf("%s: element %d is %v, want %v (all: %v)", what, i, got[i], want[i], got)
		}
	}
}

// randoms are n float32 numbers of magnitude about 1.
func randoms(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(float32(r.NormFloat64()))
	}
	return x
}

// fma32 is x*y + z rounded once to float32, by exact rational arithmetic.
func fma32(x, y, z float64) float64 {
	if math.IsInf(x+y+z, 0) || x+y+z != x+y+z {
		return float64(float32(x*y + z))
	}
	r := new(big.Float).SetPrec(1000).Mul(big.NewFloat(x), big.NewFloat(y))
	if r.Add(r, big.NewFloat(z)); r.Sign() == 0 {
		return x*y + z
	}
	f, _ := r.Float32()
	return float64(f)
}

// f32All rounds all elements to float32.
func f32All(x []float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = f32(x[i])
	}
	return y
}

// f32 rounds to float32.
func f32(x float64) float64 { return float64(float32(x)) }

// lerp32 is the interpolation of the specification (0.3) in float32.
func lerp32(a, b, w float64) float64 {
	d := f32(b - a)
	if math.Abs(w) < 0.5 {
		return fma32(w, d, a)
	}
	return fma32(f32(w-1), d, b)
}

// The inputs of the vectors in the specification (methods, appendix A).
var (
	vecA = f32s(1, -2, 3, -4)
	vecB = f32s(2, 2, -3, -1)
	vecC = f32s(.5, 0, 1, -2)
)

var (
	nan = math.NaN()
	inf = math.Inf(1)
)
