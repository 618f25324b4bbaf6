package drivertest

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

func badModule(b *bench) {
	_, err := b.ModuleLoadData(b.ctx, []byte(".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry broken( {\n"))
	if err == nil {
		b.Log("the driver takes a broken entry") // a software driver does not parse the body
	} else if !errors.Is(err, driver.ErrBadImage) {
		b.Errorf("a broken entry: %v", err)
	}
	_, err = b.ModuleLoadData(b.ctx, []byte("this is no PTX"))
	b.failedAny(err, "cuModuleLoadDataEx", 200, 209, 218)
	var e *driver.Error
	if !errors.Is(err, driver.ErrBadImage) || !errors.As(err, &e) {
		b.Fatalf("got %v", err)
	}
	if e.Code == 218 && (e.Log == "" || !strings.HasSuffix(err.Error(), "\n"+e.Log)) {
		b.Errorf("the compiler's log is missing: %v", err)
	}
}

func noSuchKernel(b *bench) {
	b.kernel("saxpy")
	_, err := b.ModuleGetFunction(b.ctx, b.mod, "no_such_kernel")
	b.failed(err, "cuModuleGetFunction(no_such_kernel)", 500)
}

func functions(b *bench) {
	f := b.kernel("reverse_blocks")
	for _, a := range []struct {
		attr     driver.FuncAttribute
		name     string
		min, max int
	}{
		{driver.FuncMaxThreads, "threads", 256, 1024},
		{driver.FuncRegisters, "registers", 0, 255},
		{driver.FuncShared, "static shared memory", 0, 0},
		{driver.FuncLocal, "local memory", 0, 0},
	} {
		if v := must(b.FuncGetAttribute(b.ctx, f, a.attr))(b); v < a.min || v > a.max {
			b.Errorf("%s: %d, want %d to %d", a.name, v, a.min, a.max)
		}
	}
	if n := must(b.Occupancy(b.ctx, f, 256, 1024))(b); n < 1 || n > 32 {
		b.Errorf("%d blocks of 256 threads run on one multiprocessor", n)
	}
	b.no(b.FuncSetAttribute(b.ctx, f, driver.FuncMaxDynamicShared, 64<<10))
}

func saxpy(b *bench) {
	f := b.kernel("saxpy")
	for _, n := range []int{1, 31, 1000, 70001} {
		x, y := floats(n, 1), floats(n, 2)
		out := b.upload(make([]byte, 4*n))
		var args driver.Args
		driver.Put(&args, float32(1.1))
		driver.Put(&args, b.upload(x))
		driver.Put(&args, b.upload(y))
		driver.Put(&args, out)
		driver.Put(&args, int64(n))
		b.no(b.LaunchKernel(b.ctx, f, line(4, 256, 0), b.stream, &args))
		got := b.read(out, 4*n)
		for i := range n {
			xi, yi, g := float(x, i), float(y, i), float(got, i)
			if want := fma32(1.1, xi, yi); g != want {
				b.Fatalf("element %d of %d: fma(1.1, %v, %v) = %v, want %v", i, n, xi, yi, g, want)
			}
		}
	}
}

// fma32 is exact here: the product of numbers of 24 and 8 bits and a sum with another of 8
// bits and nearly the same magnitude fit in the 53 bits of a float64.
func fma32(a, x, y float32) float32 { return float32(math.FMA(float64(a), float64(x), float64(y))) }

// floats returns n numbers of 8 bits between 1 and 2.
func floats(n int, seed byte) []byte {
	var out []byte
	for i := range n {
		f := 1 + float32(byte(i*37)^seed)/256
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(f))
	}
	return out
}

// float returns element i of packed float32.
func float(b []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
}

func shared(b *bench) {
	const blocks, threads = 5, 64
	var x []byte
	for i := range uint32(blocks * threads) {
		x = binary.LittleEndian.AppendUint32(x, i)
	}
	p := b.upload(x)
	var args driver.Args
	driver.Put(&args, p)
	b.no(b.LaunchKernel(b.ctx, b.kernel("reverse_blocks"), line(blocks, threads, 4*threads), b.stream, &args))
	got := b.read(p, len(x))
	for i := range uint32(blocks * threads) {
		want := i/threads*threads + threads - 1 - i%threads
		if g := binary.LittleEndian.Uint32(got[4*i:]); g != want {
			b.Fatalf("element %d is %d, want %d", i, g, want)
		}
	}
}
