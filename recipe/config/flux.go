package config

import "fmt"

// newFlux lists the tensors of the transformer of FLUX.1 dev. Both schemes have the original
// names.
func newFlux() net {
	const (
		double    = 19
		single    = 38
		width     = 3072
		hidden    = 4 * width
		head      = 128
		context   = 4096
		pooled    = 768
		timeWidth = 256
		patch     = 64 // 16 latent channels of 2 x 2
	)
	var n net
	lin := func(name string, out, in int64) { n.lin(name, name, out, in) }
	embed := func(name string, in int64) {
		lin(name+".in_layer", width, in)
		lin(name+".out_layer", width, width)
	}
	queryKey := func(p string) {
		n.put(p+"query_norm.scale", p+"query_norm.scale", head)
		n.put(p+"key_norm.scale", p+"key_norm.scale", head)
	}
	lin("img_in", width, patch)
	lin("txt_in", width, context)
	embed("time_in", timeWidth)
	embed("vector_in", pooled)
	embed("guidance_in", timeWidth)
	for i := range double {
		for _, side := range []string{"img", "txt"} {
			p := fmt.Sprintf("double_blocks.%d.%s_", i, side)
			lin(p+"mod.lin", 6*width, width)
			lin(p+"attn.qkv", 3*width, width)
			queryKey(p + "attn.norm.")
			lin(p+"attn.proj", width, width)
			lin(p+"mlp.0", hidden, width)
			lin(p+"mlp.2", width, hidden)
		}
	}
	for i := range single {
		p := fmt.Sprintf("single_blocks.%d.", i)
		lin(p+"linear1", 3*width+hidden, width)
		lin(p+"linear2", width, width+hidden)
		lin(p+"modulation.lin", 3*width, width)
		queryKey(p + "norm.")
	}
	lin("final_layer.adaLN_modulation.1", 2*width, width)
	lin("final_layer.linear", patch, width)
	return n
}
