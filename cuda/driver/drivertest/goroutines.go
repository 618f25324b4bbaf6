package drivertest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

func noGarbage(b *bench) {
	f, p := b.kernel("set_one"), b.upload(make([]byte, 4))
	var args driver.Args
	launch := func() {
		args.Reset()
		driver.Put(&args, p)
		b.no(b.LaunchKernel(b.ctx, f, one, b.stream, &args))
	}
	launch()
	if n := testing.AllocsPerRun(100, launch); n != 0 {
		b.Errorf("a launch allocates %v times", n)
	}
	if got := binary.LittleEndian.Uint32(b.read(p, 4)); got != 1 {
		b.Errorf("got %d", got)
	}
}

// concurrent runs goroutines on every device at once. Between any two calls a goroutine may
// move to another thread, where another goroutine made another context current.
func concurrent(b *bench) {
	const goroutines, rounds = 8, 10
	var benches []*bench
	for i := range must(b.DeviceCount())(b) {
		on := newBenchOn(b.T, b.API, i)
		on.kernel("saxpy")
		benches = append(benches, on)
	}
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			on := benches[g%len(benches)]
			for r := range rounds {
				if err := on.chore(byte(g*rounds + r)); err != nil {
					b.Errorf("goroutine %d, round %d: %v", g, r, err)
					return
				}
			}
		})
	}
	group.Wait()
}

// chore allocates, copies, computes x+y and copies back, giving way between any two calls.
func (b *bench) chore(seed byte) (err error) {
	const n = 1000
	x, y, zero := floats(n, seed), floats(n, seed+1), make([]byte, 4*n)
	do := func(f func() error) {
		if err == nil {
			runtime.Gosched()
			err = f()
		}
	}
	var s driver.Stream
	do(func() (e error) { s, e = b.StreamCreate(b.ctx, driver.StreamNonBlocking); return })
	var p [3]driver.DevPtr
	for i, data := range [][]byte{x, y, zero} {
		do(func() (e error) { p[i], e = b.MemAlloc(b.ctx, 4*n); return })
		do(func() error { return b.MemcpyHtoDAsync(b.ctx, p[i], data, s) })
	}
	var f driver.Function
	do(func() (e error) { f, e = b.ModuleGetFunction(b.ctx, b.mod, "saxpy"); return })
	var args driver.Args
	driver.Put(&args, float32(1))
	for _, ptr := range p {
		driver.Put(&args, ptr)
	}
	driver.Put(&args, int64(n))
	do(func() error { return b.LaunchKernel(b.ctx, f, line(2, 128, 0), s, &args) })
	got := make([]byte, 4*n)
	do(func() error { return b.MemcpyDtoHAsync(b.ctx, got, p[2], s) })
	do(func() error { return b.StreamSynchronize(b.ctx, s) })
	for _, ptr := range p {
		do(func() error { return b.MemFree(b.ctx, ptr) })
	}
	do(func() error { return b.StreamDestroy(b.ctx, s) })
	if err != nil {
		return err
	}
	var want []byte
	for i := range n {
		want = binary.LittleEndian.AppendUint32(want, math.Float32bits(float(x, i)+float(y, i)))
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("the sum is wrong")
	}
	return nil
}
