package exam

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

var allForms = []kernels.Form{kernels.Dense, kernels.Row, kernels.Col, kernels.Scalar}

// argFor returns random content for an operand of a launch over [first, first+n).
func argFor(data func(n int64) []byte, form kernels.Form, first, n, period int64) arg {
	elems := n
	switch {
	case form == kernels.Scalar:
		elems = 1
	case form == kernels.Col:
		elems = period
	case form == kernels.Row && n > 0:
		elems = (first+n-1)/period - first/period + 1
	}
	return arg{data: data(elems), period: period}
}

// forms loads every element type in every form, with periods and positions around the
// sizes at which devices change their ways.
func forms(d device.Device) error {
	const n = 1100
	return withQueue(d, func(q device.Queue) error {
		for i, t := range computable() {
			for _, period := range []int64{1, 2, 3, 16, 63, 64, 65, 1000, n, n + 17, 1 << 40} {
				if period > 2*n && i > 3 || (i+int(period))%min(thin, 4) != 0 {
					continue
				}
				for _, first := range []int64{0, 1, 62, 1000, 1<<40 - 5} {
					p := formPaper(computes[i%2], t, first, n, period)
					if err := p.on(q); err != nil {
						return fmt.Errorf("%v with period %d: %w", t, period, err)
					}
				}
			}
		}
		return nil
	})
}

// formPaper loads an element type in every form; a column that would be too large for
// memory is left out.
func formPaper(c kernels.Compute, t tensor.DType, first, n, period int64) *paper {
	rnd := newRand(uint64(first + n*period))
	b := &kernels.Builder{Compute: c}
	p := &paper{prog: &kernels.Program{Compute: c}, first: first, n: n, shift: t.Size() * (period % 3)}
	for _, f := range allForms {
		if f == kernels.Col && period > 1<<20 {
			continue
		}
		k := len(p.args)
		p.prog.Operands = append(p.prog.Operands, kernels.Operand{DType: t, Form: f})
		p.args = append(p.args, argFor(func(n int64) []byte { return elements(rnd, t, n) }, f, first, n, period))
		p.prog.Results = append(p.prog.Results,
			kernels.Result{Kind: kernels.Store, V: b.Load(k), DType: c.DType()},
			kernels.Result{Kind: kernels.InFlag, Of: k})
	}
	p.prog.Code = b.Code
	return p
}

// sizes are lengths around those of vectors, chunks and blocks.
var sizes = []int64{0, 1, 2, 7, 8, 9, 63, 64, 65, 127, 129, 4095, 4096, 4097, 65535, 65536, 65537}

// lengths runs a mix of element types at every length and alignment.
func lengths(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, c := range computes {
			for _, n := range sizes {
				for shift := range int64(align) {
					if n > 1000 && shift%9 > 1 || n > 5000 && shift != n%17 || n > 10 && shift%thin > 3 {
						continue
					}
					if err := mixed(c, n, shift).on(q); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// mixed is a Program whose operands and stores have all sizes of element.
func mixed(c kernels.Compute, n, shift int64) *paper {
	rnd := newRand(uint64(n + shift))
	b := &kernels.Builder{Compute: c}
	p := &paper{prog: &kernels.Program{Compute: c}, n: n, shift: shift}
	types := []tensor.DType{tensor.F16, tensor.F32, tensor.BF16, tensor.F8_E4M3, tensor.F64, tensor.I16}
	v := b.Num(0.75)
	for i, t := range types {
		p.prog.Operands = append(p.prog.Operands, kernels.Operand{DType: t})
		p.args = append(p.args, arg{data: elements(rnd, t, n)})
		v = b.Op3(kernels.OpFMA, v, b.Num(0.5), b.Load(i))
		p.prog.Results = append(p.prog.Results, kernels.Result{Kind: kernels.Store, V: v, DType: t}, kernels.Result{Kind: kernels.InFlag, Of: i})
	}
	p.prog.Results = append(p.prog.Results, kernels.Result{Kind: kernels.Sum, V: b.Op1(kernels.OpNaNToNum, v)},
		kernels.Result{Kind: kernels.OutCount, Of: 0}, kernels.Result{Kind: kernels.Max, V: v},
		kernels.Result{Kind: kernels.Count, V: b.Op2(kernels.OpLT, v, b.Num(0))})
	p.prog.Code = b.Code
	return p
}
