package gorgonia_test

import (
	"context"
	"fmt"
	"log"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/device/gorgonia"
	"github.com/mecha-gpu/mecha-gpu/tensor"
	gt "gorgonia.org/tensor"
)

// vector makes a model of one tensor.
func vector(x ...float32) gorgonia.State {
	return gorgonia.State{Tensors: map[string]*gt.Dense{"w": gt.New(gt.WithShape(len(x)), gt.WithBacking(x))}}
}

// Merge the variables of a program and take the result back as variables.
func Example() {
	a, err := gorgonia.NewSource("a", vector(1, 2, 3))
	if err != nil {
		log.Fatal(err)
	}
	b, err := gorgonia.NewSource("b", vector(5, 6, 7))
	if err != nil {
		log.Fatal(err)
	}
	o := mecha.Options{Sources: map[string]tensor.Source{"a": a, "b": b}}
	r, err := mecha.Build(mecha.Call("weighted_sum", mecha.Model("a"), mecha.Model("b"), 0.25), o)
	if err != nil {
		log.Fatal(err)
	}
	merged := gorgonia.NewSink("merged", false)
	if _, err := mecha.MergeInto(context.Background(), r, merged, o); err != nil {
		log.Fatal(err)
	}
	fmt.Println(merged.State().Tensors["w"].Data())
	// Output: [2 3 4]
}

// Keep a tensor as a float32 variable and store it as float16.
func ExampleNewSource() {
	s := vector(1, 0.333333)
	s.Stored = map[string]tensor.DType{"w": tensor.F16}
	src, err := gorgonia.NewSource("half", s)
	if err != nil {
		log.Fatal(err)
	}
	e := src.Header().At(0)
	back, err := gorgonia.Load(context.Background(), src, false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Key, e.DType, e.Shape, back.Tensors["w"].Data())
	// Output: w F16 [2] [1 0.33325195]
}
