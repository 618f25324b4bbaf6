package gauge

import (
	"errors"
	"sync"
	"time"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// together runs f for every lane at once.
func together(lanes []lane, f func(i int, l *lane) error) error {
	errs := make([]error, len(lanes))
	var wg sync.WaitGroup
	for i := range lanes {
		wg.Go(func() { errs[i] = f(i, &lanes[i]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// staging reads and writes the file a unit at a time, as workers do: each has its slots, and
// a slot that is full waits until its turn comes again.
func (g *gauge) staging() error {
	if g.o.File == nil {
		return nil
	}
	unit := min(g.info.UnitBytes, g.o.Bytes)
	workers, depth := max(g.info.Workers, 1), int64(max(g.info.Depth, 1))
	if g.info.Memory > 0 {
		depth = max(min(depth, g.info.Memory/2/int64(workers)/unit), 1)
	}
	return measured("staging", g.with(workers, unit*depth, func(lanes []lane) error {
		each := max(g.o.Bytes/int64(len(lanes))/unit, 1)
		run := func(do func(b []byte, at int64) error) (time.Duration, error) {
			return g.best(func() error {
				return together(lanes, func(i int, l *lane) error {
					for k := range each {
						at := (int64(i)*each + k) * unit % max(g.o.Bytes-unit+1, 1)
						if err := do(l.q.Host(l.span(k%depth*unit, unit)), at); err != nil {
							return err
						}
					}
					return nil
				})
			})
		}
		n := each * unit * int64(len(lanes))
		t, err := run(func(b []byte, at int64) error { _, err := g.o.File.ReadAt(b, at); return err })
		if err != nil {
			return err
		}
		g.r.Read = per(n, t)
		if t, err = run(func(b []byte, at int64) error { _, err := g.o.File.WriteAt(b, at); return err }); err == nil {
			g.r.Write = per(n, t)
		}
		return err
	}))
}

// copies measures the bus, each direction alone and both at once.
func (g *gauge) copies() error {
	if g.info.InHost {
		return nil
	}
	n := g.o.Bytes
	return measured("copies", g.with(2, n, func(lanes []lane) error {
		up := func(l *lane) error { return errors.Join(l.q.Push(l.span(0, n)), l.wait()) }
		down := func(l *lane) error { return errors.Join(l.q.Pull(l.span(0, n)), l.wait()) }
		var err error
		if g.upTime, err = g.best(func() error { return up(&lanes[0]) }); err != nil {
			return err
		}
		if g.downTime, err = g.best(func() error { return down(&lanes[1]) }); err != nil {
			return err
		}
		both, err := g.best(func() error {
			return together(lanes, func(i int, l *lane) error {
				if i == 0 {
					return up(l)
				}
				return down(l)
			})
		})
		if err != nil {
			return err
		}
		g.r.Upload, g.r.Load, g.r.Both = per(n, g.upTime), per(n, g.downTime), per(2*n, both)
		return nil
	}))
}

// clears measures how fast the device writes its memory.
func (g *gauge) clears() error {
	n := g.o.Bytes
	return measured("clearing", g.with(1, n, func(lanes []lane) error {
		t, err := g.best(func() error { return errors.Join(lanes[0].q.Clear(lanes[0].span(0, n)), lanes[0].wait()) })
		g.r.Clear = per(n, t)
		return err
	}))
}

// lerpProgram computes a + alpha*(b-a) in float16.
func lerpProgram() *kernels.Program {
	b := &kernels.Builder{}
	x, y := b.Load(0), b.Load(1)
	v := b.Op3(kernels.OpFMA, b.Const(0), b.Op2(kernels.OpSub, y, x), x)
	return &kernels.Program{Operands: []kernels.Operand{{DType: tensor.F16}, {DType: tensor.F16}}, NumConsts: 1, Code: b.Code,
		Results: []kernels.Result{{Kind: kernels.Store, V: v, DType: tensor.F16}}}
}

// longInstrs is the number of instructions of the long Program.
const longInstrs = 256

// longProgram is arithmetic on one operand.
func longProgram() *kernels.Program {
	b := &kernels.Builder{}
	x := b.Load(0)
	v := x
	for range longInstrs / 2 {
		v = b.Op2(kernels.OpAdd, b.Op2(kernels.OpMul, v, x), x)
	}
	return &kernels.Program{Operands: []kernels.Operand{{DType: tensor.F32}}, Code: b.Code,
		Results: []kernels.Result{{Kind: kernels.Store, V: v, DType: tensor.F32}}}
}

// launch makes a launch over n elements: operands and result follow each other in the lane.
func (l *lane) launch(p *kernels.Program, n int64) *kernels.Launch {
	out := &kernels.Launch{Prog: p, N: n, Cols: 1, Consts: []float64{0.25}[:p.NumConsts]}
	at := int64(0)
	for _, o := range p.Operands {
		out.Args = append(out.Args, kernels.Arg{Span: l.span(at, n*o.DType.Size()), Period: 1})
		at += n * o.DType.Size()
	}
	for _, r := range p.Results {
		out.Results = append(out.Results, l.span(at, n*r.DType.Size()))
		at += n * r.DType.Size()
	}
	return out
}

// lerp measures an elementwise Program that reads two tensors and writes one.
func (g *gauge) lerp() error {
	n := g.o.Bytes / 6
	return measured("lerp", g.with(1, 6*n, func(lanes []lane) (err error) {
		l := lanes[0].launch(lerpProgram(), n)
		if err := g.zero(&lanes[0]); err != nil {
			return err
		}
		g.lerpTime, err = g.best(func() error { return errors.Join(lanes[0].q.Launch(l), lanes[0].wait()) })
		g.r.Lerp = per(6*n, g.lerpTime)
		return err
	}))
}

// zero makes the memory of a lane numbers.
func (g *gauge) zero(l *lane) error {
	return errors.Join(l.q.Clear(l.span(0, l.m.Size)), l.wait())
}

// long measures arithmetic.
func (g *gauge) long() error {
	n := max(g.o.Bytes/8/8, 1)
	return measured("arithmetic", g.with(1, 8*n, func(lanes []lane) error {
		p := longProgram()
		l := lanes[0].launch(p, n)
		if err := g.zero(&lanes[0]); err != nil {
			return err
		}
		t, err := g.best(func() error { return errors.Join(lanes[0].q.Launch(l), lanes[0].wait()) })
		g.r.Ops = per(n*int64(len(p.Code)), t)
		return err
	}))
}

// smallLaunches is how many launches are given together, and smallElems their length.
const (
	smallLaunches = 256
	smallElems    = 64
)

// small measures launches over little tensors.
func (g *gauge) small() error {
	p := lerpProgram()
	return measured("small launches", g.with(1, 6*smallElems*smallLaunches, func(lanes []lane) error {
		var all []*kernels.Launch
		for i := range int64(smallLaunches) {
			l := lanes[0].launch(p, smallElems)
			for k := range l.Args {
				l.Args[k].Span.Off += 6 * smallElems * i
			}
			l.Results[0].Off += 6 * smallElems * i
			all = append(all, l)
		}
		if err := g.zero(&lanes[0]); err != nil {
			return err
		}
		t, err := g.best(func() error {
			for _, l := range all {
				if err := lanes[0].q.Launch(l); err != nil {
					return err
				}
			}
			return lanes[0].wait()
		})
		g.r.Small = per(smallLaunches, t)
		return err
	}))
}

// overlap uploads, computes and downloads on several queues at once.
func (g *gauge) overlap() error {
	if g.info.InHost {
		return nil
	}
	const lanesAtOnce, rounds = 3, 8
	n := g.o.Bytes / 6
	return measured("overlap", g.with(lanesAtOnce, 6*n, func(lanes []lane) error {
		work := make([]*kernels.Launch, len(lanes))
		for i := range lanes {
			work[i] = lanes[i].launch(lerpProgram(), n)
		}
		t, err := g.best(func() error {
			for r := range rounds {
				l := &lanes[r%len(lanes)]
				if err := errors.Join(l.q.Push(l.span(0, 4*n)), l.q.Launch(work[r%len(lanes)]), l.q.Pull(l.span(4*n, 2*n))); err != nil {
					return err
				}
			}
			return together(lanes, func(_ int, l *lane) error { return l.wait() })
		})
		if err != nil {
			return err
		}
		up, down := g.upTime*time.Duration(4*n)/time.Duration(g.o.Bytes), g.downTime*time.Duration(2*n)/time.Duration(g.o.Bytes)
		sum, slowest := up+g.lerpTime+down, max(up, g.lerpTime, down)
		// The first and the last round have nothing to hide behind.
		ideal, serial := slowest*rounds+sum-slowest, sum*rounds
		if serial > ideal {
			g.r.Overlap = min(float64(serial-t)/float64(serial-ideal), 1) // more is noise
		}
		return nil
	}))
}
