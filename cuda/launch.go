package cuda

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	ptx "github.com/mecha-gpu/mecha-gpu/cuda/kernels"
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// batch holds launches of one Program that follow each other and do not touch each other's
// memory: they become one launch of the kernel, over a table with a row for each.
type batch struct {
	prog  *kernels.Program
	code  *ptx.Code
	start int     // of the first row in the queue's table
	count uint32  // rows
	tiles []int64 // by pass: blocks that have work

	reads  region   // a range that holds all that is read
	writes []region // what is written, in order of address, disjoint
}

// region is a range of addresses of the device, and the result that is written there.
type region struct {
	lo, hi uint64
	result int
}

func (r region) overlaps(o region) bool { return r.lo < o.hi && o.lo < r.hi }

func regionOf(s kernels.Span, n int64, result int) region {
	lo := s.Mem.Handle + uint64(s.Off)
	return region{lo, lo + uint64(n), result}
}

// Sizes of a queue's table. A row of a lerp has 80 bytes; the largest that a Program can have is
// 11 KiB. Where there is little memory, all tables together take a quarter of it, if that is enough.
const (
	tableBytes = 64 << 10
	leastTable = 16 << 10
	tableShare = 4
)

// Launch runs a Program. Launches are collected as long as they can be run side by side.
func (q *Queue) Launch(l *kernels.Launch) error {
	if err := q.ready(); err != nil {
		return err
	}
	if err := q.launch(l); err != nil {
		return q.dev.failed("launch of "+(launched{l.Prog, l.First, l.N}).String(), err)
	}
	return nil
}

func (q *Queue) launch(l *kernels.Launch) error {
	if err := errors.Join(l.Check(), onDevice(l)); err != nil || l.N == 0 {
		return err
	}
	b := &q.batch
	if b.count > 0 && (b.prog != l.Prog || !b.apart(l)) {
		if err := q.flush(); err != nil {
			return err
		}
	}
	if b.count == 0 {
		code := b.code
		if b.prog != l.Prog {
			var err error
			if code, err = q.dev.codes.encode(l.Prog); err != nil {
				return err
			}
		}
		b.begin(l.Prog, code)
	}
	if err := q.row(l); err != nil {
		return err
	}
	b.add(l)
	q.work.launch(launched{l.Prog, l.First, l.N})
	return nil
}

// onDevice checks that all memory of a launch is the device's.
func onDevice(l *kernels.Launch) error {
	for i := range l.Args {
		if m := l.Args[i].Span.Mem; l.N > 0 && (m == nil || m.Handle == 0) {
			return fmt.Errorf("operand %d is not in memory of the device", i)
		}
	}
	for i := range l.Results {
		if m := l.Results[i].Mem; need(l, i) > 0 && (m == nil || m.Handle == 0) {
			return fmt.Errorf("result %d is not in memory of the device", i)
		}
	}
	return nil
}

// need returns the bytes of result i of a launch.
func need(l *kernels.Launch, i int) int64 {
	return kernels.ResultBytes(&l.Prog.Results[i], l.N, l.Cols)
}

// begin empties the batch for launches of a Program.
func (b *batch) begin(p *kernels.Program, c *ptx.Code) {
	b.prog, b.code, b.count = p, c, 0
	b.tiles = append(b.tiles[:0], make([]int64, len(c.Passes))...)
	b.reads, b.writes = region{}, b.writes[:0]
}

// apart reports whether a launch can run beside those of the batch: it reads nothing that they
// write, writes nothing that they read, and writes where they do only to add to the same
// result, which has no order.
func (b *batch) apart(l *kernels.Launch) bool {
	for i := range l.Args {
		if b.written(regionOf(l.Args[i].Span, l.Args[i].Span.Len, -1)) {
			return false
		}
	}
	for i := range l.Results {
		if n := need(l, i); n > 0 {
			if r := regionOf(l.Results[i], n, i); r.overlaps(b.reads) || b.written(r) && !b.shared(r) {
				return false
			}
		}
	}
	return true
}

// after returns the index of the first region of the writes that ends after lo.
func (b *batch) after(lo uint64) int {
	if n := len(b.writes); n == 0 || b.writes[n-1].hi <= lo {
		return n // in a row of keys, the next one
	}
	i, _ := slices.BinarySearchFunc(b.writes, lo, func(r region, lo uint64) int { return cmp.Compare(r.hi, lo+1) })
	return i
}

// written reports whether something in the range is written by the batch.
func (b *batch) written(r region) bool {
	i := b.after(r.lo)
	return i < len(b.writes) && b.writes[i].overlaps(r)
}

// shared reports whether the range is one that the batch adds to for the same result.
func (b *batch) shared(r region) bool {
	k := b.prog.Results[r.result].Kind
	return k != kernels.Store && k != kernels.Sum && b.writes[b.after(r.lo)] == r
}

// add enters what a launch touches.
func (b *batch) add(l *kernels.Launch) {
	b.count++
	for i := range b.tiles {
		b.tiles[i] += b.code.Passes[i].Tiles(l)
	}
	for i := range l.Args {
		r := regionOf(l.Args[i].Span, l.Args[i].Span.Len, -1)
		if b.reads.hi == 0 {
			b.reads = r
		}
		b.reads.lo, b.reads.hi = min(b.reads.lo, r.lo), max(b.reads.hi, r.hi)
	}
	for i := range l.Results {
		if n := need(l, i); n > 0 {
			r := regionOf(l.Results[i], n, i)
			if at := b.after(r.lo); at == len(b.writes) || b.writes[at] != r {
				b.writes = slices.Insert(b.writes, at, r)
			}
		}
	}
}

// row writes the row of a launch into the table. If the table is full, what was collected is
// launched and waited for.
func (q *Queue) row(l *kernels.Launch) error {
	if q.table == nil {
		m, err := q.dev.pool.get(q.dev.table)
		if err != nil {
			return fmt.Errorf("the table of launches: %w", err)
		}
		q.table = m
	}
	b := &q.batch
	n := b.code.RowBytes()
	if q.rows+n > len(q.table.Host) {
		prog, code := b.prog, b.code
		if err := q.flush(); err != nil {
			return err
		}
		if err := q.dev.api.StreamSynchronize(q.dev.ctx, q.stream); err != nil {
			return err
		}
		q.rows = 0
		b.begin(prog, code)
	}
	if n > len(q.table.Host) {
		return fmt.Errorf("a row of %d bytes does not fit the table", n)
	}
	if b.count == 0 {
		b.start = q.rows
	}
	q.rows = len(b.code.AppendRow(q.table.Host[:q.rows], l))
	q.written++
	return nil
}

// flush gives the collected launches to the driver.
func (q *Queue) flush() error {
	b := &q.batch
	if b.count == 0 {
		return nil
	}
	d := q.dev
	from := driver.DevPtr(q.table.Handle) + driver.DevPtr(b.start)
	args := ptx.RunArgs{Instances: uint64(from), Count: b.count}
	err := d.api.MemcpyHtoDAsync(d.ctx, from, q.table.Host[b.start:q.rows], q.stream)
	if err == nil {
		err = d.codes.with(b.prog, b.code, func(c *code) error {
			for i := range c.passes {
				p := &c.passes[i]
				args.Code = uint64(p.at)
				q.args.Reset()
				driver.Put(&q.args, args)
				dims := driver.Dims{Grid: [3]uint32{uint32(max(min(b.tiles[i], int64(p.most)), 1)), 1, 1},
					Block: [3]uint32{uint32(p.Threads), 1, 1}, Shared: uint32(p.Shared)}
				if err := d.api.LaunchKernel(d.ctx, p.entry, dims, q.stream, &q.args); err != nil {
					return fmt.Errorf("kernel %s: %w", p.Entry, err)
				}
			}
			return nil
		})
	}
	b.count = 0
	if err != nil {
		return d.failed(q.work.String(), err)
	}
	return nil
}
