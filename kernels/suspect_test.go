package kernels

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// TestSuspiciousElementsAreThoseThatCanCount puts every 16-bit code, and the borders of the
// wider types, at every position among harmless elements.
func TestSuspiciousElementsAreThoseThatCanCount(t *testing.T) {
	codes := map[tensor.DType][]uint64{
		tensor.F32: {0, 1, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fffffff, 0x80000000, 0x80000001, 0xff7fffff, 0xff800000, 0xffffffff},
		tensor.F64: {0, 1, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff0000000000001, 1 << 63, 1<<63 | 1, 0xffefffffffffffff, 0xfff0000000000000},
	}
	for code := range uint64(1 << 16) {
		codes[tensor.F16] = append(codes[tensor.F16], code)
		codes[tensor.BF16] = append(codes[tensor.BF16], code)
	}
	for d, list := range codes {
		size := int(d.Size())
		for _, code := range list {
			var one [8]byte
			le.PutUint64(one[:], code)
			x := make([]float64, 1)
			Widen64(x, one[:size], d)
			want := x[0] == 0 || x[0]-x[0] != 0
			n := 5 + int(code%14)
			buf := make([]byte, n*size)
			for i := range n {
				Narrow64(buf[i*size:(i+1)*size], []float64{0.5}, d)
			}
			copy(buf[int(code%uint64(n))*size:], one[:size])
			if got := Suspicious(buf, d); got != want {
				t.Fatalf("%v code %#x among %d: %v, not %v", d, code, n, got, want)
			}
		}
	}
}

func TestNothingIsNotSuspicious(t *testing.T) {
	if Suspicious(nil, tensor.F16) || Suspicious(nil, tensor.F32) || !Suspicious(nil, tensor.F8_E4M3) {
		t.Error("no elements")
	}
}

func BenchmarkSuspicious(b *testing.B) {
	buf := make([]byte, 512<<10)
	for i := range buf {
		buf[i] = 0x11
	}
	for _, d := range []tensor.DType{tensor.F16, tensor.F32} {
		b.Run(d.String(), func(b *testing.B) {
			b.SetBytes(int64(len(buf)))
			for range b.N {
				Suspicious(buf, d)
			}
		})
	}
}
