//go:build cgo

package ptx_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	ptx "github.com/mecha-gpu/mecha-gpu/cuda/kernels"
	"github.com/mecha-gpu/mecha-gpu/device/exam"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// gpu runs kernels through the driver, with nothing in between.
type gpu struct {
	t      *testing.T
	api    driver.API
	ctx    driver.Context
	module driver.Module
}

func openGPU(t *testing.T) *gpu {
	t.Helper()
	g := &gpu{t: t}
	var err error
	if g.api, err = driver.Open(filepath.Join(softcuda.Build(t), softcuda.Library)); err != nil {
		t.Fatal(err)
	}
	d, err := g.api.DeviceGet(0)
	g.ok(err)
	g.ctx, err = g.api.PrimaryCtxRetain(d)
	g.ok(err)
	g.module, err = g.api.ModuleLoadData(g.ctx, ptx.Module())
	g.ok(err)
	t.Cleanup(func() {
		g.ok(g.api.ModuleUnload(g.ctx, g.module))
		g.ok(g.api.PrimaryCtxRelease(d))
	})
	return g
}

func (g *gpu) ok(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// upload makes device memory with the content of b.
func (g *gpu) upload(b []byte) driver.DevPtr {
	g.t.Helper()
	p, err := g.api.MemAlloc(g.ctx, int64(max(len(b), 1)))
	g.ok(err)
	g.ok(g.api.MemcpyHtoDAsync(g.ctx, p, b, 0))
	return p
}

// download returns the content of device memory, and frees it.
func (g *gpu) download(p driver.DevPtr, n int) []byte {
	g.t.Helper()
	b := make([]byte, n)
	g.ok(g.api.MemcpyDtoHAsync(g.ctx, b, p, 0))
	g.ok(g.api.StreamSynchronize(g.ctx, 0))
	g.ok(g.api.MemFree(g.ctx, p))
	return b
}

// launch queues a kernel with one argument.
func launch[T any](g *gpu, entry string, grid, threads, shared int, arg T) {
	g.t.Helper()
	f, err := g.api.ModuleGetFunction(g.ctx, g.module, entry)
	g.ok(err)
	var args driver.Args
	driver.Put(&args, arg)
	g.ok(g.api.LaunchKernel(g.ctx, f, driver.Dims{Grid: [3]uint32{uint32(grid), 1, 1}, Block: [3]uint32{uint32(threads), 1, 1}, Shared: uint32(shared)}, 0, &args))
}

// table is several launches of one Program, in one piece of memory.
type table struct {
	image    []byte
	launches []*kernels.Launch
}

// place appends n bytes of random content at any alignment, or of zeros at a multiple of 8.
func (b *table) place(rnd *rand.Rand, m *kernels.Mem, n int64, cleared bool) kernels.Span {
	b.image = append(b.image, make([]byte, 8+rnd.IntN(16))...)
	if cleared {
		b.image = append(b.image, make([]byte, -len(b.image)&7)...)
	}
	s := kernels.Span{Mem: m, Off: int64(len(b.image)), Len: n}
	for range n {
		x := byte(0)
		if !cleared {
			x = byte(rnd.Uint32())
		}
		b.image = append(b.image, x)
	}
	return s
}

// newTable makes launches of the Program with random operands.
func newTable(rnd *rand.Rand, p *kernels.Program, m *kernels.Mem, count int) *table {
	b := &table{}
	for range count {
		l := &kernels.Launch{Prog: p, Cols: 1 + rnd.Int64N(300), Prefixes: []uint64{rnd.Uint64N(4)}}
		l.N = l.Cols * rnd.Int64N(1+rnd.Int64N(20))
		for range p.NumConsts {
			l.Consts = append(l.Consts, rnd.NormFloat64())
		}
		for _, o := range p.Operands {
			period := 1 + rnd.Int64N(100)
			elems := map[kernels.Form]int64{kernels.Dense: l.N, kernels.Row: l.N/period + 1, kernels.Col: period, kernels.Scalar: 1}[o.Form]
			l.Args = append(l.Args, kernels.Arg{Span: b.place(rnd, m, elems*o.DType.Size(), false), Period: period})
		}
		for i := range p.Results {
			r := &p.Results[i]
			l.Results = append(l.Results, b.place(rnd, m, kernels.ResultBytes(r, l.N, l.Cols), r.Kind != kernels.Store))
		}
		b.launches = append(b.launches, l)
	}
	m.Size = int64(len(b.image))
	return b
}

// check runs the launches of the table on the GPU and on the portable machine, and compares
// all memory.
func (b *table) check(g *gpu, p *kernels.Program, m *kernels.Mem, grid int) {
	g.t.Helper()
	want := bytes.Clone(b.image)
	m.Host = want
	code, err := ptx.Encode(p)
	g.ok(err)
	base, image := g.upload(b.image), g.upload(code.Image)
	m.Handle = uint64(base)
	var rows []byte
	for _, l := range b.launches {
		g.ok(kernels.Run(l))
		rows = code.AppendRow(rows, l)
	}
	at := g.upload(rows)
	for i := range code.Passes {
		ps := &code.Passes[i]
		launch(g, ps.Entry, grid, ps.Threads, ps.Shared,
			ptx.RunArgs{Code: uint64(image) + uint64(ps.Offset), Instances: uint64(at), Count: uint32(len(b.launches))})
	}
	got := g.download(base, len(want))
	g.download(image, 0)
	g.download(at, 0)
	for k := range want {
		if got[k] != want[k] {
			g.t.Fatalf("byte %d of %d is %#x, want %#x\n%v", k, len(want), got[k], want[k], p)
		}
	}
}

func TestARunOverATableIsItsLaunches(t *testing.T) {
	g := openGPU(t)
	for seed := range uint64(150) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		p := exam.Program(rnd)
		m := &kernels.Mem{}
		newTable(rnd, p, m, 1+rnd.IntN(6)).check(g, p, m, 1+rnd.IntN(9))
	}
}

// Products that are negative and too small for a float64 leave -0 in every lane. The sum is -0
// only if all lanes of all chunks are in use, and no sum starts from +0.
func TestSumsOfVanishingProducts(t *testing.T) {
	g := openGPU(t)
	b := &kernels.Builder{Compute: kernels.F64}
	x := b.Load(0)
	for _, c := range []struct {
		group   kernels.Group
		n, cols int64
	}{
		{kernels.Whole, 65536, 1}, {kernels.Whole, 65535, 1}, {kernels.Whole, 4096, 1}, {kernels.ByRow, 65536, 65536}, {kernels.ByRow, 131072, 131072},
		{kernels.ByRow, 8192, 4096}, {kernels.ByRow, 640, 64}, {kernels.ByRow, 630, 63}, {kernels.ByCol, 64 * 65, 65},
	} {
		p := &kernels.Program{Compute: kernels.F64, Operands: []kernels.Operand{{DType: tensor.F64, Form: kernels.Scalar}},
			Results: []kernels.Result{{Kind: kernels.Sum, Group: c.group, Product: true, V: x, W: b.Op1(kernels.OpNeg, x)}}}
		p.Code = b.Code
		m := &kernels.Mem{}
		image := binary.LittleEndian.AppendUint64(nil, math.Float64bits(1e-200))
		need := kernels.ResultBytes(&p.Results[0], c.n, c.cols)
		tab := &table{image: append(image, make([]byte, need)...)}
		m.Size = int64(len(tab.image))
		tab.launches = []*kernels.Launch{{Prog: p, N: c.n, Cols: c.cols, Args: []kernels.Arg{{Span: kernels.Span{Mem: m, Len: 8}}},
			Results: []kernels.Span{{Mem: m, Off: 8, Len: need}}}}
		tab.check(g, p, m, 3)
	}
}

func TestRowsAreCopiedAndClearedAtAnyAlignment(t *testing.T) {
	g := openGPU(t)
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 60 {
		rows, n := 1+rnd.Int64N(9), 1+rnd.Int64N(100)
		dst, dstStride := rnd.Int64N(32), n+rnd.Int64N(40)
		src, srcStride := rnd.Int64N(32), n+rnd.Int64N(40)
		image := make([]byte, 4000)
		for i := range image {
			image[i] = byte(rnd.Uint32())
		}
		clears := rnd.IntN(3) == 0
		src += 2000
		want := bytes.Clone(image)
		for r := range rows {
			to := want[dst+r*dstStride:][:n]
			copy(to, image[src+r*srcStride:])
			if clears {
				clear(to)
			}
		}
		base := g.upload(image)
		entry := "copy_rows"
		if clears {
			entry = "clear_rows"
		}
		launch(g, entry, 1+rnd.IntN(3), 32, 0, ptx.CopyArgs{Dst: uint64(base) + uint64(dst), Src: uint64(base) + uint64(src),
			DstStride: dstStride, SrcStride: srcStride, RowBytes: n, Rows: rows})
		if got := g.download(base, len(image)); !bytes.Equal(got, want) {
			t.Fatalf("%s of %d rows of %d bytes from %d to %d differs", entry, rows, n, src, dst)
		}
	}
}
