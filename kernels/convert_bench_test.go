package kernels

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// BenchmarkConversions measures loads, stores and counts of numbers like weights; the rate
// counts stored elements as one byte each.
func BenchmarkConversions(b *testing.B) {
	const n = 4096
	for _, d := range tensor.DTypes() {
		if !d.Computable() {
			continue
		}
		stored, x := bytesOf(d, weights(n, d, 1)...), make([]float32, n)
		Widen(x, stored, d)
		lossless := append([]float32(nil), x...)
		for i, v := range weights(n, d, 2) {
			if d.IsFloat() {
				x[i] += float32(v)
			}
		}
		for _, c := range []struct {
			name string
			do   func()
		}{
			{"widen", func() { Widen(lossless, stored, d) }},
			{"narrow", func() { Narrow(stored, x, d) }},
			{"nonfinite", func() { NonFinite(stored, d) }},
			{"count", func() { countStored[float32, uint32](stored, d, x) }},
		} {
			b.Run(c.name+"/"+d.String(), func(b *testing.B) {
				b.SetBytes(n)
				for b.Loop() {
					c.do()
				}
			})
		}
	}
}

// BenchmarkCountLossy is countStored where every fourth element underflowed.
func BenchmarkCountLossy(b *testing.B) {
	const n = 4096
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32} {
		b.Run(d.String(), func(b *testing.B) {
			x, rnd := make([]float32, n), newRand(1)
			for i := range x {
				x[i] = float32(rnd.NormFloat64())
			}
			stored := make([]byte, n*d.Size())
			Narrow(stored, x, d)
			for range n / 4 {
				i := int64(rnd.IntN(n))
				clear(stored[i*d.Size():][:d.Size()])
			}
			b.SetBytes(n)
			for b.Loop() {
				countStored[float32, uint32](stored, d, x)
			}
		})
	}
}
