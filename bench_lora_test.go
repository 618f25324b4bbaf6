package mecha_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// loraTargets are matrices and a convolution of SDXL, by what comes before their ".weight".
var loraTargets = map[string]tensor.Shape{
	"unet.input_blocks.7.1.transformer_blocks.0.attn1.to_q":    {1280, 1280},
	"unet.input_blocks.7.1.transformer_blocks.0.ff.net.0.proj": {10240, 1280},
	"unet.input_blocks.7.1.transformer_blocks.1.ff.net.0.proj": {10240, 1280},
	"unet.input_blocks.7.1.transformer_blocks.0.ff.net.2":      {1280, 5120},
	"unet.input_blocks.7.1.transformer_blocks.1.ff.net.2":      {1280, 5120},
	"unet.input_blocks.8.0.in_layers.2":                        {1280, 1280, 3, 3},
}

// weightsF16 makes a tensor of numbers that look like weights.
func weightsF16(r *rand.Rand, shape ...int64) memory.Tensor {
	x := make([]float32, tensor.Shape(shape).N())
	for i := range x {
		x[i] = float32(r.NormFloat64() * 0.02)
	}
	data := make([]byte, 2*len(x))
	kernels.Narrow(data, x, tensor.F16)
	return memory.Tensor{DType: tensor.F16, Shape: shape, Data: data}
}

// loraOf makes a LoRA for all targets.
func loraOf(r *rand.Rand, rank int64) memory.Dict {
	d := memory.Dict{}
	for stem, s := range loraTargets {
		stem = "lora_" + strings.ReplaceAll(stem, ".", "_")
		up, down := []int64{s[0], rank}, append([]int64{rank}, s[1:]...)
		for range s[2:] {
			up = append(up, 1)
		}
		d[stem+".lora_up.weight"], d[stem+".lora_down.weight"] = weightsF16(r, up...), weightsF16(r, down...)
	}
	return d
}

// BenchmarkLoRA adds LoRAs of several ranks to a model, from files that are in the page cache to
// memory. The metric "lerps" is the time as a multiple of that of an interpolation of the model with another
// one; both are taken in turn, and the fastest of each counts. "GFMA/s" is the rate of products.
func BenchmarkLoRA(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	base, dir, elems := memory.Dict{}, b.TempDir(), int64(0)
	for stem, s := range loraTargets {
		base[stem+".weight"] = weightsF16(r, s...)
		elems += s.N()
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	save(path("base"), base)
	save(path("other"), base)
	o := mecha.Options{MaxRAM: 1 << 30}
	lerp := build(b, mecha.Call("weighted_sum", mecha.Model(path("base")), mecha.Model(path("other")), mecha.Args{"alpha": 0.3}), o)
	out := make([]byte, 2*elems)
	for i := range out { // memory that was never written to costs the kernel
		out[i] = 1
	}
	merge := func(b *testing.B, r *mecha.Recipe) time.Duration {
		start := time.Now()
		if _, err := mecha.MergeInto(ctx, r, memory.NewSink("out", out), o); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	for _, rank := range []int64{4, 16, 64, 128} {
		name := fmt.Sprint("rank=", rank)
		save(path(name), loraOf(r, rank))
		delta := mecha.Call("convert_'sdxl-kohya_kohya_lora'_to_base", mecha.Model(path(name)))
		sum := build(b, mecha.Model(path("base")).Add(delta), o)
		b.Run(name, func(b *testing.B) {
			var added, lerped time.Duration
			for b.Loop() {
				added = fastest(added, merge(b, sum))
				lerped = fastest(lerped, merge(b, lerp))
			}
			b.ReportMetric(added.Seconds()/lerped.Seconds(), "lerps")
			b.ReportMetric(float64(elems*rank)/added.Seconds()/1e9, "GFMA/s")
		})
	}
}
