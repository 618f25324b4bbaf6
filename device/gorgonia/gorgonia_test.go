package gorgonia_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device/gorgonia"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
	gt "gorgonia.org/tensor"
)

// dense makes a Dense of a slice.
func dense(data any, dims ...int) *gt.Dense {
	return gt.New(gt.WithShape(dims...), gt.WithBacking(data))
}

func TestEveryCarrierStoresAndComesBack(t *testing.T) {
	for _, c := range []struct {
		data   any
		stored tensor.DType
		bytes  []byte // as in a file
		back   any    // nil: the same type
	}{
		{[]float32{1, -2}, tensor.F32, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, nil},
		{[]float64{1, -2}, tensor.F64, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0}, nil},
		{[]int8{1, -2}, tensor.I8, []byte{1, 0xfe}, nil},
		{[]int16{1, -2}, tensor.I16, []byte{1, 0, 0xfe, 0xff}, nil},
		{[]int32{1, -2}, tensor.I32, []byte{1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff}, nil},
		{[]int64{1}, tensor.I64, []byte{1, 0, 0, 0, 0, 0, 0, 0}, nil},
		{[]int{1}, tensor.I64, []byte{1, 0, 0, 0, 0, 0, 0, 0}, []int64{1}},
		{[]uint8{1, 254}, tensor.U8, []byte{1, 254}, nil},
		{[]uint16{0x0201}, tensor.U16, []byte{1, 2}, nil},
		{[]uint32{0x04030201}, tensor.U32, []byte{1, 2, 3, 4}, nil},
		{[]uint64{0x0807060504030201}, tensor.U64, []byte{1, 2, 3, 4, 5, 6, 7, 8}, nil},
		{[]uint{1}, tensor.U64, []byte{1, 0, 0, 0, 0, 0, 0, 0}, []uint64{1}},
		{[]bool{true, false}, tensor.BOOL, []byte{1, 0}, nil},
		{[]complex64{complex(1, -2)}, tensor.C64, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, nil},
	} {
		n := reflect.ValueOf(c.data).Len()
		got, err := gorgonia.FromDense(dense(c.data, n, 1), tensor.InvalidDType)
		if err != nil || got.DType != c.stored || !bytes.Equal(got.Data, c.bytes) || !got.Shape.Equal(tensor.Shape{int64(n), 1}) {
			t.Errorf("%T: %v %v % x, %v", c.data, got.DType, got.Shape, got.Data, err)
			continue
		}
		back, err := gorgonia.ToDense(got, false)
		if c.back == nil {
			c.back = c.data
		}
		if err != nil || !reflect.DeepEqual(back.Data(), c.back) || !slices.Equal(back.Shape(), gt.Shape{n, 1}) {
			t.Errorf("%T came back as %v %v, %v", c.data, back.Shape(), back.Data(), err)
		}
	}
}

func TestContiguousTensorsAreUsedInPlace(t *testing.T) {
	x := []float32{1, 2, 3, 4}
	d := dense(x, 2, 2)
	m, err := gorgonia.FromDense(d, tensor.InvalidDType)
	if err != nil {
		t.Fatal(err)
	}
	back, err := gorgonia.ToDense(m, false)
	if err != nil {
		t.Fatal(err)
	}
	x[3] = 5
	if got := back.Data().([]float32)[3]; got != 5 || math.Float32frombits(binary.LittleEndian.Uint32(m.Data[12:])) != 5 {
		t.Errorf("got %v after the tensor was changed to 5", got)
	}
}

func TestScalars(t *testing.T) {
	for _, d := range []*gt.Dense{gt.New(gt.FromScalar(float32(2.5))), dense([]float32{2.5})} {
		m, err := gorgonia.FromDense(d, tensor.InvalidDType)
		if err != nil || len(m.Shape) != 0 || !bytes.Equal(m.Data, []byte{0, 0, 0x20, 0x40}) {
			t.Errorf("got %+v, %v", m, err)
		}
		back, err := gorgonia.ToDense(m, false)
		if err != nil || !back.IsScalar() || back.ScalarValue() != float32(2.5) {
			t.Errorf("got %v, %v", back, err)
		}
	}
}

// layouts are views of tensors in memory that do not lie in C order.
func layouts(t *testing.T) map[string]*gt.Dense {
	t.Helper()
	count := func(n int) []int32 {
		x := make([]int32, n)
		for i := range x {
			x[i] = int32(i)
		}
		return x
	}
	must := func(v gt.View, err error) *gt.Dense {
		if err != nil {
			t.Fatal(err)
		}
		return v.(*gt.Dense)
	}
	transposed, permuted, matrix := dense(count(6), 2, 3), dense(count(24), 2, 3, 4), dense(count(20), 4, 5)
	if err := transposed.T(); err != nil {
		t.Fatal(err)
	}
	if err := permuted.T(2, 0, 1); err != nil {
		t.Fatal(err)
	}
	return map[string]*gt.Dense{
		"transposed":   transposed,
		"permuted":     permuted,
		"rows":         must(matrix.Slice(gt.S(1, 3))),
		"columns":      must(matrix.Slice(nil, gt.S(1, 4))),
		"one column":   must(matrix.Slice(nil, gt.S(2))),
		"one row":      must(matrix.Slice(gt.S(2))),
		"block":        must(dense(count(60), 3, 4, 5).Slice(gt.S(1, 3), gt.S(0, 2), gt.S(2, 5))),
		"every second": must(matrix.Slice(nil, gt.S(0, 5, 2))),
		"column major": gt.New(gt.WithShape(3, 4), gt.AsFortran(count(12))),
	}
}

func TestViewsAreStoredInCOrder(t *testing.T) {
	for name, d := range layouts(t) {
		m, err := gorgonia.FromDense(d, tensor.InvalidDType)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		at, shape := make([]int, d.Dims()), d.Shape()
		for i := range shape.TotalSize() {
			for axis, rest := d.Dims()-1, i; axis >= 0; axis-- {
				at[axis], rest = rest%shape[axis], rest/shape[axis]
			}
			want, err := d.At(at...)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := int32(binary.LittleEndian.Uint32(m.Data[4*i:])); got != want.(int32) {
				t.Errorf("%s: element %v is stored as %d, want %v", name, at, got, want)
			}
		}
	}
}

// Every code of the 16-bit floats becomes the float32 of its value and the same code again,
// except that a NaN becomes the canonical one.
func TestSmallFloatsComeBack(t *testing.T) {
	var codes []byte
	for i := range 1 << 16 {
		codes = binary.LittleEndian.AppendUint16(codes, uint16(i))
	}
	for d, nan := range map[tensor.DType]uint16{tensor.F16: 0x7e00, tensor.BF16: 0x7fc0} {
		stored := memory.Tensor{DType: d, Shape: tensor.Shape{256, 256}, Data: codes}
		wide, err := gorgonia.ToDense(stored, false)
		if err != nil {
			t.Fatal(err)
		}
		back, err := gorgonia.FromDense(wide, d)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range wide.Data().([]float32) {
			want := uint16(i)
			if x != x {
				want = nan
			}
			if got := binary.LittleEndian.Uint16(back.Data[2*i:]); got != want {
				t.Fatalf("%v: code %04x is %v and comes back as %04x", d, i, x, got)
			}
		}
		if x := wide.Data().([]float32)[map[tensor.DType]int{tensor.F16: 0xc100, tensor.BF16: 0xc020}[d]]; x != -2.5 {
			t.Errorf("%v: got %v, want -2.5", d, x)
		}
		bits, err := gorgonia.ToDense(stored, true)
		if err != nil {
			t.Fatal(err)
		}
		if x, ok := bits.Data().([]uint16); !ok || x[0x1234] != 0x1234 {
			t.Errorf("%v: bits are %T", d, bits.Data())
		}
		if back, err := gorgonia.FromDense(bits, d); err != nil || back.DType != d || !bytes.Equal(back.Data, codes) {
			t.Errorf("%v: bits came back as %v, %v", d, back.DType, err)
		}
	}
}

func TestFloatsAreRoundedToTheStoredType(t *testing.T) {
	for _, c := range []struct {
		data any
		d    tensor.DType
		want []byte
	}{
		{[]float32{1 + 1.0/2048, 1 + 3.0/2048}, tensor.F16, []byte{0x00, 0x3c, 0x02, 0x3c}}, // halves go to even
		{[]float64{1 + 1.0/256}, tensor.BF16, []byte{0x80, 0x3f}},
		{[]float64{1 + 1.0/256 + 0x1p-50}, tensor.BF16, []byte{0x81, 0x3f}}, // rounded once
		{[]float64{0.5}, tensor.F32, []byte{0, 0, 0, 0x3f}},
		{[]float32{0.5}, tensor.F64, []byte{0, 0, 0, 0, 0, 0, 0xe0, 0x3f}},
		{[]float32{1}, tensor.F8_E4M3, []byte{0x38}},
	} {
		n := reflect.ValueOf(c.data).Len()
		if m, err := gorgonia.FromDense(dense(c.data, n), c.d); err != nil || !bytes.Equal(m.Data, c.want) {
			t.Errorf("%v as %v: % x, %v, want % x", c.data, c.d, m.Data, err, c.want)
		}
	}
}

func TestBoolsOfAFileAreZeroOrOne(t *testing.T) {
	d, err := gorgonia.ToDense(memory.Tensor{DType: tensor.BOOL, Shape: tensor.Shape{3}, Data: []byte{0, 1, 2}}, false)
	if err != nil || !reflect.DeepEqual(d.Data(), []bool{false, true, true}) {
		t.Errorf("got %v, %v", d, err)
	}
}

func TestBytesThatAreNotAlignedAreCopied(t *testing.T) {
	b := make([]byte, 64)
	for at := range 8 {
		binary.LittleEndian.PutUint64(b[at:], math.Float64bits(2.5))
		d, err := gorgonia.ToDense(memory.Tensor{DType: tensor.F64, Shape: tensor.Shape{1}, Data: b[at : at+8]}, false)
		if err != nil || d.Data().([]float64)[0] != 2.5 {
			t.Errorf("at %d: %v, %v", at, d, err)
		}
	}
}

func TestWhatHasNoPlaceIsRefusedByName(t *testing.T) {
	masked := gt.New(gt.WithShape(2), gt.WithBacking([]float32{1, 2}, []bool{true, false}))
	for says, s := range map[string]gorgonia.State{
		"complex128":      {Tensors: map[string]*gt.Dense{"w": dense([]complex128{1}, 1)}},
		"string":          {Tensors: map[string]*gt.Dense{"w": dense([]string{"a"}, 1)}},
		"masked":          {Tensors: map[string]*gt.Dense{"w": masked}},
		"nil":             {Tensors: map[string]*gt.Dense{"w": nil}},
		"cannot be":       {Tensors: map[string]*gt.Dense{"w": {}}},
		"does not fit":    {Tensors: map[string]*gt.Dense{"w": dense([]int32{1}, 1)}, Stored: map[string]tensor.DType{"w": tensor.F16}},
		"as I8":           {Tensors: map[string]*gt.Dense{"w": dense([]uint8{1}, 1)}, Stored: map[string]tensor.DType{"w": tensor.I8}},
		"not among":       {Stored: map[string]tensor.DType{"w": tensor.F16}},
		"stored as BF16)": {Tensors: map[string]*gt.Dense{"w": dense([]uint8{1}, 1)}, Stored: map[string]tensor.DType{"w": tensor.BF16}},
	} {
		_, err := gorgonia.NewSource("mine", s)
		if tensor.ClassOf(err) != tensor.ClassInput || !strings.HasPrefix(err.Error(), `mine: key "w": `) || !strings.Contains(err.Error()+")", says) {
			t.Errorf("%s: %v (%v)", says, err, tensor.ClassOf(err))
		}
	}
	for says, m := range map[string]memory.Tensor{
		"no element type": {DType: tensor.F4, Shape: tensor.Shape{2}, Data: make([]byte, 1)},
		"of this shape":   {DType: tensor.F32, Shape: tensor.Shape{2, 0}},
		"3 bytes":         {DType: tensor.F32, Shape: tensor.Shape{1}, Data: make([]byte, 3)},
	} {
		if _, err := gorgonia.ToDense(m, false); tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// random is a stored state dict with every element type that can be carried.
func random(t *testing.T) memory.Dict {
	t.Helper()
	rng, d := rand.New(rand.NewPCG(1, 2)), memory.Dict{}
	for _, dt := range []tensor.DType{tensor.F32, tensor.F64, tensor.F16, tensor.BF16, tensor.F8_E4M3, tensor.F8_E5M2, tensor.I8, tensor.I16, tensor.I32, tensor.I64, tensor.U8, tensor.BOOL} {
		for _, shape := range []tensor.Shape{{}, {1}, {3, 5}, {2, 1, 7}} {
			size, err := shape.Bytes(dt)
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, size)
			for i := range b {
				b[i] = byte(rng.Uint32()) & 0x3b // finite in every float, and no payloads
				if dt == tensor.BOOL {
					b[i] &= 1
				}
			}
			d[dt.String()+shape.String()] = memory.Tensor{DType: dt, Shape: shape, Data: b}
		}
	}
	return d
}

func TestLoadAndNewSourceRoundTrip(t *testing.T) {
	d := random(t)
	src, err := memory.NewSource("a", d, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	for _, bits := range []bool{false, true} {
		state, err := gorgonia.Load(t.Context(), src, bits)
		if err != nil {
			t.Fatal(err)
		}
		back, err := gorgonia.NewSource("b", state)
		if err != nil {
			t.Fatal(err)
		}
		sameData(t, src, back)
		if back.Header().Metadata["format"] != "pt" {
			t.Errorf("metadata: %v", back.Header().Metadata)
		}
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gorgonia.Load(stopped, src, false); err != context.Canceled {
		t.Errorf("after cancelling: %v", err)
	}
}

// sameData compares header and bytes.
func sameData(t *testing.T, want, got tensor.Source) {
	t.Helper()
	if want.Header().Len() != got.Header().Len() {
		t.Fatalf("%d keys, want %d", got.Header().Len(), want.Header().Len())
	}
	for i := range want.Header().Len() {
		w, g := want.Header().At(i), got.Header().At(i)
		a, b := make([]byte, w.Size), make([]byte, g.Size)
		if err := want.ReadAt(a, w.Pos); err != nil {
			t.Fatal(err)
		}
		if err := got.ReadAt(b, g.Pos); err != nil {
			t.Fatal(err)
		}
		if w.Key != g.Key || w.DType != g.DType || !w.Shape.Equal(g.Shape) || !bytes.Equal(a, b) {
			t.Errorf("%s %v %v % x became %s %v %v % x", w.Key, w.DType, w.Shape, a, g.Key, g.DType, g.Shape, b)
		}
	}
}

func TestSinkGivesTheStateAfterCommit(t *testing.T) {
	d := random(t)
	src, err := memory.NewSource("a", d, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := gorgonia.NewSink("out", false)
	if err := s.Begin(t.Context(), tensor.Layout{Header: src.Header()}); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, src.Header().DataSize())
	if err := src.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	if len(s.State().Tensors) != 0 {
		t.Error("there are tensors before Commit")
	}
	if err := s.Commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	back, err := gorgonia.NewSource("b", s.State())
	if err != nil {
		t.Fatal(err)
	}
	sameData(t, src, back)
	if err := s.Abort(); err != nil || len(s.State().Tensors) != len(d) {
		t.Errorf("after Abort: %d tensors, %v", len(s.State().Tensors), err)
	}
}

func TestSinkRefusesALayoutWithoutDense(t *testing.T) {
	h := tensor.NewHeader(1)
	if err := h.Add("w", tensor.F4, tensor.Shape{2}, 0); err != nil {
		t.Fatal(err)
	}
	err := gorgonia.NewSink("out", true).Begin(t.Context(), tensor.Layout{Header: h})
	if tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), `out: key "w"`) {
		t.Errorf("got %v", err)
	}
}
