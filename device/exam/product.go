package exam

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// products computes products of all sizes, from and to any element: of moderate numbers, and with
// what is not finite among them, which the flags say.
func products(d device.Device) error {
	rnd := newRand(23)
	types := computable()
	return withQueue(d, func(q device.Queue) error {
		for i := range 150 {
			p := &kernels.Product{Cols: 1 + rnd.Int64N(70), K: 1 + rnd.Int64N(12)}
			switch i % 4 {
			case 0:
				p.Cols = 250 + rnd.Int64N(20)
			case 1:
				p.K = 1 + rnd.Int64N(600)
			}
			p.First, p.N = rnd.Int64N(3*p.Cols), 1+rnd.Int64N(20*p.Cols)
			p.X.DType, p.Y.DType = types[rnd.IntN(len(types))], types[i%len(types)]
			if err := productOn(q, rnd, p, i%3 == 0); err != nil {
				return fmt.Errorf("elements [%d, +%d) of a product of %v [rows, %d] and %v [%[4]d, %[6]d]: %w",
					p.First, p.N, p.X.DType, p.K, p.Y.DType, p.Cols, err)
			}
		}
		return nil
	})
}

// productOn computes a product and looks at all memory around it.
func productOn(q device.Queue, rnd *rand.Rand, p *kernels.Product, odd bool) error {
	var image []byte
	place := func(align int, b []byte) (off, n int64) {
		for range rnd.IntN(16) {
			image = append(image, guardByte)
		}
		for len(image)%align != 0 {
			image = append(image, guardByte)
		}
		image = append(image, b...)
		return int64(len(image) - len(b)), int64(len(b))
	}
	values := func(d tensor.DType, n int64) []byte {
		if odd && rnd.IntN(2) == 0 {
			b := tame(rnd, d, n)
			copy(b[rnd.Int64N(n)*d.Size():], elements(rnd, d, 1))
			return b
		}
		return tame(rnd, d, n)
	}
	aligned := func(d tensor.DType) int { return 1 << rnd.IntN(2) * int(d.Size()) }
	if rnd.IntN(2) == 0 {
		aligned = func(tensor.DType) int { return 1 }
	}
	x, xn := place(aligned(p.X.DType), values(p.X.DType, p.Rows()*p.K))
	y, yn := place(aligned(p.Y.DType), values(p.Y.DType, p.K*p.Cols))
	dst, n := place(4, bytes.Repeat([]byte{dirtyByte}, int(4*p.N)))
	flags, _ := place(4, make([]byte, 8))
	_, _ = place(1, []byte{guardByte})
	work := func(m *kernels.Mem, run kernels.Runner) error {
		p.X.Span, p.Y.Span, p.Dst = span(m, x, xn), span(m, y, yn), span(m, dst, n)
		p.X.Flag, p.Y.Flag = span(m, flags, 4), span(m, flags+4, 4)
		return run.Product(p)
	}
	want := bytes.Clone(image)
	if err := work(kernels.HostMem(want), portable{}); err != nil {
		return err
	}
	got, err := onDevice(q, image, func(m *kernels.Mem) error { return work(m, q) })
	if err != nil {
		return err
	}
	for _, b := range [][]byte{got, want} { // which NaN it is does not matter
		for e := b[dst : dst+n]; len(e) > 0; e = e[4:] {
			if v := math.Float32frombits(binary.LittleEndian.Uint32(e)); v != v {
				binary.LittleEndian.PutUint32(e, 0x7fc00000)
			}
		}
	}
	return sameBytes("memory", got, want)
}
