package gauge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Options say how to measure.
type Options struct {
	// Bytes is the size of what is copied or computed at a time. A device with memory of
	// its own gets no more than a sixteenth of it.
	Bytes int64

	// Repeat is the number of tries of each measurement; the best counts.
	Repeat int

	// File is read and written for the staging rates: at least Bytes long, and in the
	// page cache. nil leaves them out.
	File File
}

// File is what staging is measured with.
type File interface {
	io.ReaderAt
	io.WriterAt
}

// Result is what was measured, in bytes per second if nothing else is said; 0 is not measured.
type Result struct {
	Read  float64 `json:"read"`  // page cache to the host side of the device, all workers
	Write float64 `json:"write"` // from there to the page cache

	Upload float64 `json:"upload"` // host to device; 0 if the device computes in the host
	Load   float64 `json:"load"`   // device to host
	Both   float64 `json:"both"`   // both directions at once, together

	Clear float64 `json:"clear"` // memory cleared: the limit of writing on the device
	Lerp  float64 `json:"lerp"`  // operands and result of a + alpha*(b-a) in float16
	Ops   float64 `json:"ops"`   // instructions on one element, per second, of a long Program
	Small float64 `json:"small"` // launches of 64 elements, per second

	// Overlap is 1 if upload, compute and download together take as long as the slowest
	// of them, and 0 if they take as long as one after the other.
	Overlap float64 `json:"overlap"`
}

// Rates are the speeds that plans estimate with. What was not measured keeps the device's
// own.
func (r *Result) Rates(own device.Rates) device.Rates {
	for _, m := range []struct {
		to   *float64
		have float64
	}{{&own.Read, r.Read}, {&own.Write, r.Write}, {&own.Upload, r.Upload}, {&own.Load, r.Load}, {&own.Compute, r.Lerp}, {&own.Ops, r.Ops}} {
		if m.have > 0 {
			*m.to = m.have
		}
	}
	return own
}

// Ratio is a measured speed as a part of a limit of the same run.
type Ratio struct {
	What  string  `json:"what"`
	Value float64 `json:"value"`
}

// Ratios tells what was measured without units.
func (r *Result) Ratios() []Ratio {
	var list []Ratio
	add := func(what string, x, limit float64) {
		if x > 0 && limit > 0 {
			list = append(list, Ratio{what, x / limit})
		}
	}
	add("upload and download at once, of their sum alone", r.Both, r.Upload+r.Load)
	add("lerp of float16, of clearing memory", r.Lerp, r.Clear)
	add("lerp of float16, of uploading", r.Lerp, r.Upload)
	add("reading the page cache, of uploading", r.Read, r.Upload)
	if r.Upload > 0 {
		list = append(list, Ratio{"overlap of upload, compute and download", r.Overlap})
	}
	return list
}

// Measure measures a device that nobody else uses.
func Measure(ctx context.Context, d device.Device, o Options) (*Result, error) {
	info := d.Info()
	if info.Memory > 0 {
		o.Bytes = min(o.Bytes, info.Memory/16)
	}
	o.Bytes = o.Bytes &^ 4095
	if o.Bytes <= 0 || o.Repeat < 1 {
		return nil, tensor.Errorf(tensor.ClassUsage, "gauge: %d bytes, %d tries", o.Bytes, o.Repeat)
	}
	g := &gauge{ctx: ctx, d: d, o: o, info: info}
	steps := []func() error{g.staging, g.copies, g.clears, g.lerp, g.long, g.small, g.overlap}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &g.r, nil
}

// gauge is a measurement at work.
type gauge struct {
	ctx  context.Context
	d    device.Device
	o    Options
	info device.Info
	r    Result

	lerpTime, upTime, downTime time.Duration // of one step of o.Bytes, for overlap
}

// lane is a queue with memory for a unit of work.
type lane struct {
	q device.Queue
	m *kernels.Mem
}

func (g *gauge) open(bytes int64) (l lane, err error) {
	if l.q, err = g.d.NewQueue(); err != nil {
		return l, err
	}
	l.m, err = l.q.Alloc(bytes)
	if err != nil {
		err = errors.Join(err, l.q.Close())
	}
	return l, err
}

func (l *lane) close() error { return errors.Join(l.q.Free(l.m), l.q.Close()) }

// span is a part of the lane's memory.
func (l *lane) span(off, n int64) kernels.Span { return kernels.Span{Mem: l.m, Off: off, Len: n} }

// wait waits for all that was given to the lane.
func (l *lane) wait() error {
	ev, err := l.q.Record()
	if err != nil {
		return err
	}
	return ev.Wait()
}

// with runs f on lanes of the given size and closes them.
func (g *gauge) with(n int, bytes int64, f func([]lane) error) (err error) {
	var lanes []lane
	defer func() {
		for i := range lanes {
			err = errors.Join(err, lanes[i].close())
		}
	}()
	for range n {
		l, err := g.open(bytes)
		if err != nil {
			return err
		}
		lanes = append(lanes, l)
	}
	return f(lanes)
}

// best returns the shortest time that f takes, after one try that warms everything up.
func (g *gauge) best(f func() error) (time.Duration, error) {
	if err := f(); err != nil {
		return 0, err
	}
	shortest := time.Duration(1<<63 - 1)
	for range g.o.Repeat {
		if err := g.ctx.Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		shortest = min(shortest, max(time.Since(start), 1))
	}
	return shortest, nil
}

// per returns n in one second if it takes d.
func per(n int64, d time.Duration) float64 { return float64(n) / d.Seconds() }

// measured wraps an error with what was measured.
func measured(what string, err error) error {
	if err != nil {
		return fmt.Errorf("measuring %s: %w", what, err)
	}
	return nil
}
