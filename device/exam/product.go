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
	var b pieces
	x := b.add(rnd, rnd.IntN(2)*int(p.X.DType.Size()), factor(rnd, p.X.DType, p.Rows()*p.K, odd))
	y := b.add(rnd, 4*rnd.IntN(3)*int(p.Y.DType.Size()), factor(rnd, p.Y.DType, p.K*p.Cols, odd))
	dst := b.add(rnd, 4, bytes.Repeat([]byte{dirtyByte}, int(4*p.N)))
	flags := b.add(rnd, 4, make([]byte, 8))
	b.add(rnd, 0, []byte{guardByte})
	work := func(m *kernels.Mem, run kernels.Runner) error {
		x.Mem, y.Mem, dst.Mem, flags.Mem = m, m, m, m
		p.X.Span, p.Y.Span, p.Dst = x, y, dst
		p.X.Flag, p.Y.Flag = flags.Slice(0, 4), flags.Slice(4, 4)
		return run.Product(p)
	}
	want := bytes.Clone(b)
	if err := work(kernels.HostMem(want), portable{}); err != nil {
		return err
	}
	got, err := onDevice(q, b, func(m *kernels.Mem) error { return work(m, q) })
	if err != nil {
		return err
	}
	for _, all := range [][]byte{got, want} { // which NaN it is does not matter
		for e := all[dst.Off : dst.Off+dst.Len]; len(e) > 0; e = e[4:] {
			if v := math.Float32frombits(binary.LittleEndian.Uint32(e)); v != v {
				binary.LittleEndian.PutUint32(e, 0x7fc00000)
			}
		}
	}
	return sameBytes("memory", got, want)
}

// pieces is memory in the making, with guard bytes between its pieces.
type pieces []byte

// add appends a piece at any place, or at a multiple of align. The span has no Mem yet.
func (b *pieces) add(rnd *rand.Rand, align int, piece []byte) kernels.Span {
	for range rnd.IntN(16) {
		*b = append(*b, guardByte)
	}
	for align > 0 && len(*b)%align != 0 {
		*b = append(*b, guardByte)
	}
	*b = append(*b, piece...)
	return kernels.Span{Off: int64(len(*b) - len(piece)), Len: int64(len(piece))}
}

// factor is moderate numbers, with any element among them if there may be an odd one.
func factor(rnd *rand.Rand, d tensor.DType, n int64, odd bool) []byte {
	b := tame(rnd, d, n)
	if odd && rnd.IntN(2) == 0 {
		copy(b[rnd.Int64N(n)*d.Size():], elements(rnd, d, 1))
	}
	return b
}
