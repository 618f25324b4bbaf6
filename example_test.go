package mecha_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// vector makes a float32 tensor with one axis.
func vector(x ...float32) memory.Tensor {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return memory.Tensor{DType: tensor.F32, Shape: tensor.Shape{int64(len(x))}, Data: b}
}

// floats returns the elements of a float32 tensor.
func floats(t memory.Tensor) []float32 {
	x := make([]float32, len(t.Data)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
	}
	return x
}

// sources are models in memory, by the names that recipes use.
func sources(models map[string]memory.Dict) map[string]tensor.Source {
	all := map[string]tensor.Source{}
	for name, d := range models {
		s, err := memory.NewSource(name, d, nil)
		if err != nil {
			log.Fatal(err)
		}
		all[name] = s
	}
	return all
}

// save merges one model in memory, as it is, into a file.
func save(path string, d memory.Dict) {
	r, err := mecha.Build(mecha.Model("m"), mecha.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := mecha.Merge(context.Background(), r, path, mecha.Options{Sources: sources(map[string]memory.Dict{"m": d})}); err != nil {
		log.Fatal(err)
	}
}

// Merge two checkpoints by a recipe in the text format.
func Example() {
	dir, err := os.MkdirTemp("", "mecha")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	save(filepath.Join(dir, "a.safetensors"), memory.Dict{"w": vector(1, 2, 3)})
	save(filepath.Join(dir, "b.safetensors"), memory.Dict{"w": vector(5, 6, 7)})

	ctx, o := context.Background(), mecha.Options{ModelDirs: []string{dir}}
	r, err := mecha.ParseRecipe([]byte(`version 0.1.0
model "a.safetensors"
model "b.safetensors"
merge "weighted_sum" &0 &1 alpha=0.25
`), "quarter.mecha", o)
	if err != nil {
		log.Fatal(err)
	}
	out := filepath.Join(dir, "out.safetensors")
	report, err := mecha.Merge(ctx, r, out, o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("keys written:", report.Keys.Written)

	src, err := safetensors.Open(ctx, vfs.OS{}, out)
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	w := make([]byte, 12)
	if err := src.ReadAt(w, src.Header().At(0).Pos); err != nil {
		log.Fatal(err)
	}
	fmt.Println(floats(memory.Tensor{Data: w}))
	// Output:
	// keys written: 1
	// [2 3 4]
}

// Merge tensors of the program, into tensors of the program.
func ExampleMergeInto() {
	o := mecha.Options{Sources: sources(map[string]memory.Dict{
		"tuned": {"w": vector(3, 5), "head": vector(9)},
		"base":  {"w": vector(1, 1)},
	})}
	tuned, base := mecha.Model("tuned"), mecha.Model("base")
	r, err := mecha.Build(base.Add(tuned.Sub(base).Scale(0.5)).Or(tuned), o)
	if err != nil {
		log.Fatal(err)
	}
	sink := memory.NewSink("out", nil)
	if _, err := mecha.MergeInto(context.Background(), r, sink, o); err != nil {
		log.Fatal(err)
	}
	fmt.Println("w", floats(sink.Dict()["w"]))
	fmt.Println("head", floats(sink.Dict()["head"]))
	// Output:
	// w [2 3]
	// head [9]
}

// Say what a merge would do, from headers alone.
func ExamplePlanMerge() {
	o := mecha.Options{Sources: sources(map[string]memory.Dict{
		"a": {"w": vector(1, 2, 3), "only in a": vector(1)},
		"b": {"w": vector(5, 6, 7)},
	})}
	r, err := mecha.Build(mecha.Call("weighted_sum", mecha.Model("a"), mecha.Model("b"), mecha.Args{"alpha": 0.25}), o)
	if err != nil {
		log.Fatal(err)
	}
	p, err := mecha.PlanMerge(context.Background(), r, o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d key, %d bytes read, %d written\n", p.Keys.Written, p.BytesRead, p.BytesWrite)
	fmt.Println("missing:", p.Missing.Names)
	// Output:
	// 1 key, 24 bytes read, 12 written
	// missing: [only in a]
}

// A method of the program, as a formula over lazy tensors. It is fused with the methods
// around it: nothing between them is stored.
func ExampleOptions_fused() {
	screen := methods.Fused("screen", "1 - (1-a)(1-b)", func(x ...methods.T) methods.T {
		one := x[0].Num(1)
		return one.Sub(one.Sub(x[0]).Mul(one.Sub(x[1])))
	}, methods.Input("a", "a model"), methods.Input("b", "another one"))

	o := mecha.Options{
		Methods: []*methods.Method{screen},
		Sources: sources(map[string]memory.Dict{"a": {"w": vector(0, 0.5, 1)}, "b": {"w": vector(0.5, 0.5, 0.25)}}),
	}
	r, err := mecha.Build(mecha.Call("screen", mecha.Model("a"), mecha.Model("b")), o)
	if err != nil {
		log.Fatal(err)
	}
	sink := memory.NewSink("out", nil)
	if _, err := mecha.MergeInto(context.Background(), r, sink, o); err != nil {
		log.Fatal(err)
	}
	fmt.Println(floats(sink.Dict()["w"]))
	// Output: [0.5 0.75 1]
}

// A method of the program, as a plain function over elements. It is given whole rows here.
func ExampleOptions_plain() {
	largest := methods.Plain("keep_largest", "zero but the largest of each row", kernels.CutRows,
		func(dst []float32, src [][]float32, cols int) error {
			for row := 0; row < len(dst); row += cols {
				best := row
				for i := row; i < row+cols; i++ {
					if dst[i] = 0; src[0][i] > src[0][best] {
						best = i
					}
				}
				dst[best] = src[0][best]
			}
			return nil
		}, methods.Input("a", "a model"))

	w := vector(1, 3, 2, 9, 8, 7)
	w.Shape = tensor.Shape{2, 3}
	o := mecha.Options{Methods: []*methods.Method{largest}, Sources: sources(map[string]memory.Dict{"a": {"w": w}})}
	r, err := mecha.Build(mecha.Call("keep_largest", mecha.Model("a")), o)
	if err != nil {
		log.Fatal(err)
	}
	sink := memory.NewSink("out", nil)
	if _, err := mecha.MergeInto(context.Background(), r, sink, o); err != nil {
		log.Fatal(err)
	}
	fmt.Println(floats(sink.Dict()["w"]))
	// Output: [0 3 0 9 0 0]
}

// A factor for each key, and what the recipe looks like as text.
func ExampleBuild() {
	a, b := mecha.Model("a.safetensors"), mecha.Model("b.safetensors")
	alpha := map[string]any{"in.weight": 0.25, "out.weight": 0.75}
	r, err := mecha.Build(mecha.Call("weighted_sum", a, b, alpha), mecha.Options{})
	if err != nil {
		log.Fatal(err)
	}
	text, err := r.Text()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(text)
	// Output:
	// version 0.1.0
	// model "a.safetensors" model_config=null merge_space=null
	// model "b.safetensors" model_config=null merge_space=null
	// dict in.weight=0.25 out.weight=0.75
	// merge "weighted_sum" &0 &1 &2
}

// The same with package recipe, which has all kinds of nodes and hints.
func ExampleNewRecipe() {
	env, err := mecha.Env(mecha.Options{})
	if err != nil {
		log.Fatal(err)
	}
	a, err := env.Model("a.safetensors", recipe.Hints{Space: methods.Weight})
	if err != nil {
		log.Fatal(err)
	}
	half, err := env.Merge("cast", []any{a}, methods.KW[any]{Name: "dtype", Value: "float16"})
	if err != nil {
		log.Fatal(err)
	}
	g, err := env.Graph(half)
	if err != nil {
		log.Fatal(err)
	}
	v, err := mecha.Vet(context.Background(), mecha.NewRecipe(g, "half"), mecha.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Models, v.Methods, v.MergeSpace)
	// Output: [a.safetensors] [convert_singleton cast] weight
}

// Make several outputs in one pass: every input tensor is read once. Outputs and inputs may be
// files, as the base is here, or in memory.
func ExampleMergeAll() {
	dir, err := os.MkdirTemp("", "mecha")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	save(filepath.Join(dir, "base.safetensors"), memory.Dict{"w": vector(1, 2, 3)})

	o := mecha.Options{ModelDirs: []string{dir}, Sources: sources(map[string]memory.Dict{"tuned": {"w": vector(5, 6, 7)}})}
	var outs []mecha.Output
	for _, alpha := range []float64{0.25, 0.5, 1} {
		e := mecha.Call("weighted_sum", mecha.Model("base.safetensors"), mecha.Model("tuned"), mecha.Args{"alpha": alpha})
		r, err := mecha.Build(e, o)
		if err != nil {
			log.Fatal(err)
		}
		outs = append(outs, mecha.Output{Recipe: r, Sink: memory.NewSink(fmt.Sprint("alpha ", alpha), nil)})
	}
	report, err := mecha.MergeAll(context.Background(), outs, o)
	if err != nil {
		log.Fatal(err)
	}
	for _, out := range outs {
		fmt.Println(out.Sink.Name(), floats(out.Sink.(*memory.Sink).Dict()["w"]))
	}
	fmt.Println(report.BytesRead, "bytes read")
	// Output:
	// alpha 0.25 [2 3 4]
	// alpha 0.5 [3 4 5]
	// alpha 1 [5 6 7]
	// 24 bytes read
}

// Convert a model to another layout.
func ExampleConvert() {
	dir, err := os.MkdirTemp("", "mecha")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "sgm.safetensors"), filepath.Join(dir, "kohya.safetensors")
	save(in, memory.Dict{"model.diffusion_model.out.2.bias": vector(1, 2, 3, 4), "v_pred": vector()})

	report, err := mecha.Convert(context.Background(), in, "sdxl-kohya", out, mecha.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("left behind:", report.Models[0].Unread.Names)
	src, err := safetensors.Open(context.Background(), vfs.OS{}, out)
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	fmt.Println(src.Header().At(0).Key)
	// Output:
	// left behind: [v_pred]
	// unet.out.2.bias
}
