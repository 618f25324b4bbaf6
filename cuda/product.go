package cuda

import (
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	ptx "github.com/mecha-gpu/mecha-gpu/cuda/kernels"
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// Product computes elements of a product of matrices, after the launches given before.
func (q *Queue) Product(p *kernels.Product) error {
	if err := q.ready(); err != nil {
		return err
	}
	if err := q.product(p); err != nil {
		return q.dev.failed("launch of "+(launched{nil, p.First, p.N}).String(), err)
	}
	return nil
}

func (q *Queue) product(p *kernels.Product) error {
	if err := p.Check(); err != nil || p.N == 0 {
		return err
	}
	a := ptx.ProductArgs{First: p.First, N: p.N, Cols: p.Cols, K: p.K, XType: uint32(p.X.DType), YType: uint32(p.Y.DType)}
	var errs []error
	for _, x := range []struct {
		at   *uint64
		span kernels.Span
	}{{&a.Dst, p.Dst}, {&a.X, p.X.Span}, {&a.Y, p.Y.Span}, {&a.XFlag, p.X.Flag}, {&a.YFlag, p.Y.Flag}} {
		if x.span.Mem == nil { // a flag that is not asked for
			continue
		}
		at, err := address(x.span)
		*x.at = uint64(at)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := q.flush(); err != nil {
		return err
	}
	d := q.dev
	s := shape{ptx.ProductEntry, ptx.ProductThreads, ptx.ProductShared(p)}
	entry, most, err := d.codes.kernel(s)
	if err != nil {
		return err
	}
	q.args.Reset()
	driver.Put(&q.args, a)
	dims := driver.Dims{Grid: [3]uint32{uint32(min(ptx.ProductTiles(p), int64(most))), 1, 1}, Block: [3]uint32{uint32(s.threads), 1, 1}, Shared: uint32(s.shared)}
	if err := d.api.LaunchKernel(d.ctx, entry, dims, q.stream, &q.args); err != nil {
		return fmt.Errorf("kernel %s: %w", s.entry, err)
	}
	q.work.launch(launched{nil, p.First, p.N})
	return nil
}
