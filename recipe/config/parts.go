package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// sorted makes a component: keys in byte order of their names.
func sorted(name string, keys ...[]Key) Component {
	all := slices.Concat(keys...)
	slices.SortFunc(all, func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
	return Component{Name: name, Keys: all}
}

// one makes a key.
func one(name string, d tensor.DType, shape ...int64) Key {
	if shape == nil {
		shape = []int64{}
	}
	return Key{Name: name, Shape: shape, DType: d}
}

// optional marks keys whose names contain one of the parts; all of them without parts.
func optional(keys []Key, parts ...string) []Key {
	for i := range keys {
		k := &keys[i]
		in := func(part string) bool { return strings.Contains(k.Name, part) }
		k.Optional = k.Optional || len(parts) == 0 || slices.ContainsFunc(parts, in)
	}
	return keys
}

// alias gives each key another name.
func alias(keys []Key, of func(name string) string) []Key {
	for i := range keys {
		keys[i].Aliases = []string{of(keys[i].Name)}
	}
	return keys
}

// scheduler returns the constants of the noise schedule that original checkpoints carry
// (LatentDiffusion.register_schedule).
func scheduler() Component {
	var keys []Key
	for _, name := range []string{
		"alphas_cumprod", "alphas_cumprod_prev", "betas", "log_one_minus_alphas_cumprod",
		"posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2", "posterior_variance",
		"sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod",
	} {
		keys = append(keys, one(name, tensor.F32, 1000))
	}
	return sorted("scheduler", optional(keys))
}

// emaName returns the name under which the moving average of a tensor of the UNet is kept: names
// in it have no dots, because they are those of buffers.
func emaName(diffuser string) string {
	return "model_ema.diffusion_model" + strings.ReplaceAll(strings.TrimPrefix(diffuser, diffusionModel), ".", "")
}

// ema returns the moving averages of a UNet. They are in order of their own names, after two
// numbers.
func ema(diffuser []Key) Component {
	var keys []Key
	for _, k := range diffuser {
		k.Name = emaName(k.Name)
		k.Aliases = []string{strings.Replace(k.Name, ".diffusion_model", ".", 1)}
		keys = append(keys, k)
	}
	c := sorted("ema", keys)
	c.Keys = optional(append([]Key{one("model_ema.decay", tensor.F32), one("model_ema.num_updates", tensor.I32)}, c.Keys...))
	return c
}

// BaseBlock is the block of all keys that are in no other one.
const BaseBlock = "BASE"

// BlockNames lists the block weights of a UNet with n blocks on either side: BASE, IN00 and
// on, M00, OUT00 and on, and more.
func BlockNames(n int, more ...string) []string {
	names := []string{BaseBlock}
	for i := range n {
		names = append(names, fmt.Sprintf("IN%02d", i))
	}
	names = append(names, "M00")
	for i := range n {
		names = append(names, fmt.Sprintf("OUT%02d", i))
	}
	return append(names, more...)
}

// blocks is the component of these block weights.
func blocks(n int, more ...string) Component {
	var keys []Key
	for _, name := range BlockNames(n, more...) {
		keys = append(keys, one(name, tensor.F32))
	}
	return sorted("blocks", keys)
}
