package main

import (
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/kernels/simd"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// simdVariable is the environment variable that overrides the instructions that the CPU
// device computes with. It exists for tests: output bytes do not depend on it.
const simdVariable = "MECHA_GPU_SIMD"

// devices returns what opens the devices that --device names, in order of preference.
func (a *app) devices(name string) ([]device.Opener, error) {
	tier, err := a.simdTier()
	if err != nil {
		return nil, err
	}
	all := []device.Opener{cpu.Opener(tier)}
	if name == "auto" {
		return all, nil
	}
	for _, o := range all {
		if o.Kind == name {
			return []device.Opener{o}, nil
		}
	}
	return nil, usage("--device %s: there is no such device in this build", name)
}

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
