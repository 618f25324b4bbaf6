package mecha_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Sizes of the benchmarks of the engine: every model has 64 MiB, twice what caches hold. A merge
// takes milliseconds, so that some find the machine idle.
const (
	benchTensors = 8
	benchBytes   = 8 << 20 // of a tensor
)

// engineCase is a recipe and how many models it reads.
type engineCase struct {
	name   string
	models int
	expr   func(m []*mecha.Expr) *mecha.Expr
}

var engineCases = []engineCase{
	{"Lerp", 2, func(m []*mecha.Expr) *mecha.Expr {
		return mecha.Call("weighted_sum", m[0], m[1], mecha.Args{"alpha": 0.3})
	}},
	{"AddDifference", 3, func(m []*mecha.Expr) *mecha.Expr { return m[0].Add(m[1].Sub(m[2]).Scale(0.5)) }},
	{"Slerp", 2, func(m []*mecha.Expr) *mecha.Expr { return mecha.Call("slerp", m[0], m[1], mecha.Args{"alpha": 0.3}) }},
}

// benchModels makes n models in memory of numbers that look like weights.
func benchModels(n int, d tensor.DType) (names []*mecha.Expr, o mecha.Options) {
	dicts := map[string]memory.Dict{}
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 4194301) // a prime, so long that rare numbers, such as tiny ones, are rare
	for j := range x {
		x[j] = float32(r.NormFloat64() * 0.02)
	}
	raw := make([]byte, int64(len(x))*d.Size())
	kernels.Narrow(raw, x, d)
	elems := benchBytes / d.Size()
	for i := range n {
		dict := memory.Dict{}
		for k := range benchTensors {
			data := make([]byte, benchBytes+8192)[1088*(i+1):][:benchBytes]
			at := copy(data, raw[d.Size()*int64(r.IntN(len(x))):]) // every tensor begins elsewhere
			for at < len(data) {
				at += copy(data[at:], raw)
			}
			dict[fmt.Sprint("layer.", k)] = memory.Tensor{DType: d, Shape: tensor.Shape{elems / 1024, 1024}, Data: data}
		}
		name := string(rune('a' + i))
		dicts[name] = dict
		names = append(names, mecha.Model(name))
	}
	o.Sources = sources(dicts)
	o.MaxRAM = 1 << 30 // what the machine has need not be asked for each time
	return names, o
}

// benchEngine measures whole merges from memory to memory. The metric "memmove" is their
// speed, in bytes read and written in a second, as a multiple of that of copy with as many
// goroutines, between memory that the merge leaves alone; both are taken in turn, and the
// fastest of each counts, because other work on the machine only ever slows things down.
func benchEngine(b *testing.B, c engineCase) {
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32} {
		m, o := benchModels(c.models, d)
		r := build(b, c.expr(m), o)
		out := make([]byte, benchTensors*benchBytes)
		from, to := make([]byte, len(out)), make([]byte, len(out)) // not out: what a merge wrote is in the cache
		for i := range out {                                       // memory that was never written to costs the kernel, not us
			out[i], from[i], to[i] = 1, 1, 1
		}
		moved := float64(c.models+1) * float64(len(out))
		for _, threads := range threadCounts() {
			o.Threads = threads
			b.Run(fmt.Sprintf("%v/threads=%d", d, threads), func(b *testing.B) {
				var merge, move time.Duration
				for b.Loop() {
					start := time.Now()
					if _, err := mecha.MergeInto(ctx, r, memory.NewSink("out", out), o); err != nil {
						b.Fatal(err)
					}
					merge = fastest(merge, time.Since(start))
					move = fastest(move, copyAll(to, from, threads))
				}
				b.ReportMetric(moved/merge.Seconds()/1e9, "GB/s")
				b.ReportMetric(moved/merge.Seconds()/(2*float64(len(out))/move.Seconds()), "memmove")
			})
		}
	}
}

// threadCounts are one, and all processors.
func threadCounts() []int {
	if n := runtime.GOMAXPROCS(0); n > 1 {
		return []int{1, n}
	}
	return []int{1}
}

func fastest(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// copyAll copies with several goroutines, in pieces so large that copy bypasses the cache.
func copyAll(dst, src []byte, threads int) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	for i := range threads {
		lo, hi := len(src)*i/threads, len(src)*(i+1)/threads
		wg.Go(func() { copy(dst[lo:hi], src[lo:hi]) })
	}
	wg.Wait()
	return time.Since(start)
}

func BenchmarkLerp(b *testing.B)          { benchEngine(b, engineCases[0]) }
func BenchmarkAddDifference(b *testing.B) { benchEngine(b, engineCases[1]) }
func BenchmarkSlerp(b *testing.B)         { benchEngine(b, engineCases[2]) }
