package config

import "fmt"

// newMMDiT lists the tensors of the transformer of Stable Diffusion 3 medium. Both schemes
// have the original names.
func newMMDiT() net {
	const (
		depth     = 24
		width     = 64 * depth
		patch     = 2
		latent    = 16
		context   = 4096
		pooled    = 2048
		timeWidth = 256
		grid      = 192 // positions along a side
	)
	var n net
	lin := func(name string, out, in int64) { n.lin(name, name, out, in) }
	n.put("pos_embed", "pos_embed", 1, grid*grid, width)
	n.conv("x_embedder.proj", "x_embedder.proj", width, latent, patch)
	lin("context_embedder", width, context)
	lin("t_embedder.mlp.0", width, timeWidth)
	lin("t_embedder.mlp.2", width, width)
	lin("y_embedder.mlp.0", width, pooled)
	lin("y_embedder.mlp.2", width, width)
	for i := range depth {
		for _, side := range []string{"context_block", "x_block"} {
			p := fmt.Sprintf("joint_blocks.%d.%s.", i, side)
			lin(p+"attn.qkv", 3*width, width)
			if side == "context_block" && i == depth-1 { // its result is not used
				lin(p+"adaLN_modulation.1", 2*width, width)
				continue
			}
			lin(p+"adaLN_modulation.1", 6*width, width)
			lin(p+"attn.proj", width, width)
			lin(p+"mlp.fc1", 4*width, width)
			lin(p+"mlp.fc2", width, 4*width)
		}
	}
	lin("final_layer.adaLN_modulation.1", 2*width, width)
	lin("final_layer.linear", patch*patch*latent, width)
	return n
}
