package drivertest

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

// words launches a kernel of one thread and returns the n uint64 it writes.
func (b *bench) words(name string, n int, args *driver.Args) []uint64 {
	b.Helper()
	out := b.upload(make([]byte, 8*n))
	driver.Put(args, out)
	b.no(b.LaunchKernel(b.ctx, b.kernel(name), one, b.stream, args))
	got := b.read(out, 8*n)
	list := make([]uint64, n)
	for i := range list {
		list[i] = binary.LittleEndian.Uint64(got[8*i:])
	}
	return list
}

func scalars(b *bench) {
	var args driver.Args
	for range 2 { // the second time in memory that was used before
		args.Reset()
		driver.Put(&args, uint8(0xA1))
		driver.Put(&args, uint16(0xB2B3))
		driver.Put(&args, int8(-1))
		driver.Put(&args, uint32(0xC4C5C6C7))
		driver.Put(&args, uint8(0xD8))
		driver.Put(&args, uint64(0xE1E2E3E4E5E6E7E8))
		driver.Put(&args, float32(-1.5))
		driver.Put(&args, math.Pi)
		got := b.words("echo_scalars", 8, &args)
		want := []uint64{0xA1, 0xB2B3, 0xFF, 0xC4C5C6C7, 0xD8, 0xE1E2E3E4E5E6E7E8,
			uint64(math.Float32bits(-1.5)), math.Float64bits(math.Pi)}
		if !slices.Equal(got, want) {
			b.Errorf("got %#x, want %#x", got, want)
		}
	}
}

// twelve, mixed and block are the structs of testdata/kernels.cu.
type (
	twelve struct {
		a, b float32
		n    uint32
	}
	mixed struct {
		a uint8
		b uint64
		c uint16
		d uint8
	}
	block struct{ word [1020]uint32 }
)

func structs(b *bench) {
	var args driver.Args
	driver.Put(&args, uint8(1))
	driver.Put(&args, twelve{0.5, -2, 7})
	driver.Put(&args, uint8(2))
	driver.Put(&args, mixed{3, 0xF0F1F2F3F4F5F6F7, 0xABCD, 4})
	driver.Put(&args, uint8(5))
	got := b.words("echo_structs", 10, &args)
	want := []uint64{1, uint64(math.Float32bits(0.5)), uint64(math.Float32bits(-2)), 7, 2,
		3, 0xF0F1F2F3F4F5F6F7, 0xABCD, 4, 5}
	if !slices.Equal(got, want) {
		b.Errorf("got %#x, want %#x", got, want)
	}
}

func large(b *bench) {
	var v block
	var want []byte
	for i := range v.word {
		v.word[i] = uint32(i) * 2654435761
		want = binary.LittleEndian.AppendUint32(want, v.word[i])
	}
	out := b.alloc(len(want))
	var args driver.Args
	driver.Put(&args, v)
	driver.Put(&args, out)
	driver.Put(&args, int64(len(v.word)))
	if args.Size() != driver.MaxArgBytes {
		b.Fatalf("the arguments take %d bytes, want %d", args.Size(), driver.MaxArgBytes)
	}
	b.no(b.LaunchKernel(b.ctx, b.kernel("echo_large"), line(1, 256, 0), b.stream, &args))
	if got := b.read(out, len(want)); !bytes.Equal(got, want) {
		b.Error("the struct arrived changed")
	}
}

func nothing(b *bench) {
	f := b.kernel("nothing")
	b.no(b.LaunchKernel(b.ctx, f, line(3, 33, 0), b.stream, nil))
	b.no(b.LaunchKernel(b.ctx, f, line(3, 33, 0), 0, &driver.Args{})) // on the default stream
	b.no(b.StreamSynchronize(b.ctx, 0))
	b.wait()
}

func tooMany(b *bench) {
	f := b.kernel("nothing")
	var bytes, number driver.Args
	driver.Put(&bytes, [driver.MaxArgBytes + 1]uint8{})
	b.failed(b.LaunchKernel(b.ctx, f, one, b.stream, &bytes), "cuLaunchKernel", 1)
	for range driver.MaxArgs + 1 {
		driver.Put(&number, uint8(0))
	}
	b.failed(b.LaunchKernel(b.ctx, f, one, b.stream, &number), "cuLaunchKernel", 1)
}

func badDims(b *bench) {
	f := b.kernel("nothing")
	for _, d := range []driver.Dims{{}, line(0, 1, 0), line(1, 0, 0), line(1, 1025, 0), line(1, 1, 1<<30)} {
		b.failedAny(b.LaunchKernel(b.ctx, f, d, b.stream, nil), "cuLaunchKernel", 1, 701)
	}
	b.no(b.LaunchKernel(b.ctx, f, one, b.stream, nil))
	b.wait()
}
