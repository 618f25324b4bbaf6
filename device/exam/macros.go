package exam

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// macros runs every macro on special values and on random ones, in and out of its
// domain: long chains of operations in which any other bit spreads.
func macros(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, c := range computes {
			for _, f := range kernels.Macros() {
				b := &kernels.Builder{Compute: c}
				v := b.Macro(f, b.Load(0), b.Load(1))
				o := kernels.Operand{DType: c.DType()}
				p := &paper{prog: &kernels.Program{Compute: c, Operands: []kernels.Operand{o, o}, Code: b.Code,
					Results: []kernels.Result{{Kind: kernels.Store, V: v, DType: c.DType()}}}}
				p.args, p.n = product(c, 2)
				const extra = 2000
				rnd := newRand(uint64(f))
				for i := range p.args {
					p.args[i].data = append(p.args[i].data, elements(rnd, c.DType(), extra)...)
				}
				p.n += extra
				if err := p.on(q); err != nil {
					return fmt.Errorf("%v in %v: %w", f, c.DType(), err)
				}
			}
		}
		return nil
	})
}
