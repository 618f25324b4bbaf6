package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/cuda"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/kernels/simd"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Environment variables that exist for tests: output bytes do not depend on them.
const (
	simdVariable    = "MECHA_GPU_SIMD"    // instructions that the CPU device computes with
	libcudaVariable = "MECHA_GPU_LIBCUDA" // path of the CUDA driver's library
)

// deviceKinds are the words that --device accepts.
var deviceKinds = []string{"auto", "cpu", cuda.Kind}

// deviceFlag is the value of --device: a kind, and which devices of it.
type deviceFlag struct {
	kind    string
	indices []int // nil means all
}

// Set parses auto, cpu, cuda, cuda:1 or cuda:0,1; pflag calls it.
func (d *deviceFlag) Set(text string) error {
	kind, list, some := strings.Cut(text, ":")
	if !slices.Contains(deviceKinds, kind) {
		return notOneOf(text, append(slices.Clone(deviceKinds), cuda.Kind+":1", cuda.Kind+":0,1"))
	}
	d.kind, d.indices = kind, nil
	if !some {
		return nil
	}
	if kind != cuda.Kind {
		return fmt.Errorf("%q: only %s devices have numbers", text, cuda.Kind)
	}
	for _, word := range strings.Split(list, ",") {
		i, err := strconv.ParseUint(word, 10, 16)
		if err != nil {
			return fmt.Errorf("%q: expected numbers such as %s:0,1; the command devices lists what there is", text, cuda.Kind)
		}
		d.indices = append(d.indices, int(i))
	}
	return nil
}

// Type shows the accepted words in the help.
func (d *deviceFlag) Type() string { return "auto|cpu|cuda|cuda:1|cuda:0,1" }

// String returns the value as it was given.
func (d *deviceFlag) String() string {
	words := make([]string, len(d.indices))
	for i, n := range d.indices {
		words[i] = strconv.Itoa(n)
	}
	return joined(":", d.kind, strings.Join(words, ","))
}

// openers returns what opens the devices of a kind, in order of preference.
func (a *app) openers(kind string) ([]device.Opener, error) {
	tier, err := a.simdTier()
	if err != nil {
		return nil, err
	}
	all := []device.Opener{cuda.Opener(a.cudaOptions()), cpu.Opener(tier)}
	if kind == "auto" {
		return all, nil
	}
	return slices.DeleteFunc(all, func(o device.Opener) bool { return o.Kind != kind }), nil
}

func (a *app) cudaOptions() cuda.Options { return cuda.Options{Library: a.env(libcudaVariable)} }

// simdTier returns the instructions that the CPU device computes with.
func (a *app) simdTier() (string, error) {
	tier := a.env(simdVariable)
	for _, known := range cpu.Tiers() {
		if tier == known {
			return tier, nil
		}
	}
	switch {
	case tier != "":
		return "", &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("environment variable %s", simdVariable),
			Got: fmt.Sprintf("%q", tier), Want: strings.Join(cpu.Tiers(), " or ")}
	case simd.Available():
		return cpu.AVX2, nil
	}
	return cpu.Portable, nil
}
