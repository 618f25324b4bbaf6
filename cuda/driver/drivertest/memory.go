package drivertest

import (
	"bytes"
	"math/rand/v2"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

// pattern returns n bytes that are the same in every run.
func pattern(n int) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(rng.Uint32())
	}
	return out
}

// roundTrip copies to the device, on it, and back, from and to pageable and pinned memory.
func roundTrip(b *bench) {
	b.no(b.MemcpyHtoDAsync(b.ctx, 0, nil, b.stream)) // a copy of nothing is nothing
	for _, n := range []int{1, 3, 255, 4096, 4097, 1<<20 + 7} {
		want := pattern(n)
		up, down := b.alloc(n+1), b.alloc(n+1)
		pin := b.host(n)
		copy(pin, want)
		for _, src := range [][]byte{want, pin} {
			for _, dst := range [][]byte{make([]byte, n), b.host(n)} {
				b.no(b.MemcpyHtoDAsync(b.ctx, up+1, src, b.stream))
				b.no(b.MemcpyDtoDAsync(b.ctx, down, up+1, int64(n), b.stream))
				b.no(b.MemcpyDtoHAsync(b.ctx, dst, down, b.stream))
				b.wait()
				if !bytes.Equal(dst, want) {
					b.Errorf("%d bytes came back changed", n)
				}
			}
		}
	}
}

func pinned(b *bench) {
	m := must(b.MemHostAlloc(b.ctx, 3<<20, driver.HostPortable))(b)
	if len(m) != 3<<20 || cap(m) != 3<<20 {
		b.Errorf("asked for %d bytes, got %d of %d", 3<<20, len(m), cap(m))
	}
	for i := range m {
		m[i] = byte(i)
	}
	b.no(b.MemFreeHost(b.ctx, m))
	combined := must(b.MemHostAlloc(b.ctx, 100, driver.HostWriteCombined))(b)
	b.no(b.MemFreeHost(b.ctx, combined))
}

func memset(b *bench) {
	p := b.upload(make([]byte, 1000))
	b.no(b.MemsetD8Async(b.ctx, p+1, 0xA5, 997, b.stream))
	b.no(b.MemsetD8Async(b.ctx, p, 0xFF, 0, b.stream))
	want := append([]byte{0}, bytes.Repeat([]byte{0xA5}, 997)...)
	if got := b.read(p, 1000); !bytes.Equal(got, append(want, 0, 0)) {
		b.Errorf("got % x", got)
	}
}
