package gorgonia

import (
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
	gt "gorgonia.org/tensor"
)

// FromDense returns a Dense as bytes to be stored as d, or as what it is if d is
// tensor.InvalidDType. The bytes are those of the Dense if it lies in C order and needs no
// conversion; they must not change while they are used. What cannot be stored is an error
// of ClassInput.
func FromDense(t *gt.Dense, d tensor.DType) (memory.Tensor, error) {
	c, bytes, err := contents(t)
	if err != nil {
		return memory.Tensor{}, err
	}
	if d == tensor.InvalidDType {
		d = c.dtype
	}
	out := memory.Tensor{DType: d, Shape: shapeOf(t), Data: bytes}
	switch {
	case d == c.dtype:
	case smallFloat(d) && c.dtype == bitsOf(d).dtype:
	case d.Kind() == tensor.KindFloat && c.dtype.Kind() == tensor.KindFloat:
		out.Data = make([]byte, len(bytes)/int(c.dtype.Size())*int(d.Size()))
		if c.dtype == tensor.F32 {
			kernels.Narrow(out.Data, typed[float32](bytes), d)
		} else {
			kernels.Narrow64(out.Data, typed[float64](bytes), d)
		}
	default:
		return memory.Tensor{}, input("", fmt.Sprintf("elements of type %v", t.Dtype()), fmt.Sprintf("what can be stored as %v", d), errors.New("the element type does not fit"))
	}
	return out, nil
}

// ToDense returns a stored tensor as a Dense, in place where the element type allows it and
// the bytes are aligned. Small floats become float32, or their bits. Element types and shapes
// that a Dense cannot have, and wrong amounts of data, are errors of ClassInput.
func ToDense(t memory.Tensor, bits bool) (*gt.Dense, error) {
	c, dims, err := form(t.DType, t.Shape, bits)
	if err != nil {
		return nil, err
	}
	size, err := t.Shape.Bytes(t.DType)
	if err != nil {
		return nil, input("", "", "", err)
	}
	data := t.Data
	if int64(len(data)) != size {
		return nil, input("", fmt.Sprintf("%d bytes", len(data)), fmt.Sprint(size), fmt.Errorf("wrong amount of data for shape %v of %v", t.Shape, t.DType))
	}
	if smallFloat(t.DType) && !bits {
		x := make([]float32, len(data)/int(t.DType.Size()))
		kernels.Widen(x, data, t.DType)
		data = raw(x)
	}
	return gt.New(gt.WithShape(dims...), gt.WithBacking(c.backing(data))), nil
}

// form returns how a stored tensor is carried. An empty tensor is refused: those of
// gorgonia.org/tensor panic.
func form(d tensor.DType, shape tensor.Shape, bits bool) (c carrier, dims []int, err error) {
	c, has := carrierFor(d)
	switch {
	case !littleEndian:
		return c, nil, input("", "", "", errors.New("this needs a little-endian machine"))
	case has:
	case smallFloat(d) && bits:
		c = bitsOf(d)
	case smallFloat(d):
		c, _ = carrierFor(tensor.F32)
	default:
		return c, nil, input("", d.String(), "", errors.New("gorgonia.org/tensor has no element type for this"))
	}
	dims = make([]int, len(shape))
	for i, n := range shape {
		if dims[i] = int(n); int64(dims[i]) != n || n <= 0 {
			return c, nil, input("", shape.String(), "", errors.New("gorgonia.org/tensor has no tensors of this shape"))
		}
	}
	return c, dims, nil
}

// contents returns the elements of a Dense in C order.
func contents(t *gt.Dense) (carrier, []byte, error) {
	if t == nil {
		return carrier{}, nil, input("", "", "", errors.New("there is no tensor (nil)"))
	}
	c, ok := carrierOf(t)
	switch {
	case !ok:
		return carrier{}, nil, input("", fmt.Sprint(t.Dtype()), "", errors.New("elements of this type cannot be stored"))
	case !littleEndian:
		return carrier{}, nil, input("", "", "", errors.New("this needs a little-endian machine"))
	case !t.IsNativelyAccessible():
		return carrier{}, nil, input("", "", "", errors.New("the tensor's memory cannot be read by Go"))
	case t.Shape().TotalSize() == 0: // Data would panic
		return c, nil, nil
	case t.IsMasked():
		return carrier{}, nil, input("", "", "", errors.New("masked tensors cannot be stored"))
	}
	bytes, ok := c.bytes(t.Data())
	if !ok {
		return carrier{}, nil, input("", fmt.Sprintf("%T", t.Data()), fmt.Sprint(t.Dtype()), errors.New("the tensor's data are of another type than it says"))
	}
	bytes, err := inCOrder(bytes, int(c.dtype.Size()), t.Shape(), t.Strides())
	return c, bytes, err
}

// inCOrder returns elements of size bytes that lie at strides (in elements), in C order: the
// same bytes if they lie so already.
func inCOrder(b []byte, size int, shape gt.Shape, strides []int) ([]byte, error) {
	n := shape.TotalSize()
	if n == 1 && len(b) >= size {
		return b[:size], nil
	}
	if len(strides) != len(shape) {
		return nil, input("", fmt.Sprintf("strides %v", strides), fmt.Sprintf("one for each axis of %v", shape), errors.New("the tensor's layout is not understood"))
	}
	last, c := 0, true
	for i, want := len(shape)-1, 1; i >= 0; i-- {
		last += (shape[i] - 1) * strides[i]
		c = c && (strides[i] == want || shape[i] == 1)
		want *= shape[i]
		if strides[i] < 0 {
			last = len(b)
		}
	}
	if (last+1)*size > len(b) {
		return nil, input("", fmt.Sprintf("%d bytes", len(b)), fmt.Sprintf("room for shape %v with strides %v", shape, strides), errors.New("the tensor's layout is not understood"))
	}
	if c {
		return b[:n*size], nil
	}
	out := make([]byte, 0, n*size)
	at := make([]int, len(shape))
	for range n {
		pos := 0
		for i, k := range at {
			pos += k * strides[i]
		}
		out = append(out, b[pos*size:(pos+1)*size]...)
		for i := len(at) - 1; i >= 0; i-- {
			if at[i]++; at[i] < shape[i] {
				break
			}
			at[i] = 0
		}
	}
	return out, nil
}

func shapeOf(t *gt.Dense) tensor.Shape {
	shape := make(tensor.Shape, t.Dims())
	for i, n := range t.Shape() {
		shape[i] = int64(n)
	}
	return shape
}

// input is an error about a tensor.
func input(key, got, want string, err error) error {
	return &tensor.Error{Class: tensor.ClassInput, Key: key, Got: got, Want: want, Err: err}
}
