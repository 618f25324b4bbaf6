package config

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// clipSize is what tells the text encoders of CLIP apart.
type clipSize struct {
	width  int64
	layers int
}

// The sizes are those of the published models: openai/clip-vit-large-patch14 and
// laion/CLIP-ViT-bigG-14.
var (
	clipL = clipSize{width: 768, layers: 12}
	clipG = clipSize{width: 1280, layers: 32}
)

const (
	clipTokens    = 49408 // size of the vocabulary
	clipPositions = 77    // longest text
)

// newCLIP lists the tensors of a text encoder: scheme A has the names of Hugging Face, scheme
// B those of open_clip, which keeps query, key and value projections in one tensor.
func newCLIP(size clipSize) net {
	var n net
	d := size.width
	n.put("text_model.embeddings.position_embedding.weight", "positional_embedding", clipPositions, d)
	n.weight("text_model.embeddings.token_embedding", "token_embedding", clipTokens, d)
	for i := range size.layers {
		a, b := fmt.Sprintf("text_model.encoder.layers.%d.", i), fmt.Sprintf("transformer.resblocks.%d.", i)
		fused := func(part, name string, as, bs tensor.Shape) {
			qkv := make([]string, 3)
			for k, x := range []string{"q", "k", "v"} {
				qkv[k] = a + "self_attn." + x + "_proj." + part
			}
			n.both(qkv, as, []string{b + "attn." + name}, bs)
		}
		fused("weight", "in_proj_weight", tensor.Shape{d, d}, tensor.Shape{3 * d, d})
		fused("bias", "in_proj_bias", tensor.Shape{d}, tensor.Shape{3 * d})
		n.lin(a+"self_attn.out_proj", b+"attn.out_proj", d, d)
		n.norm(a+"layer_norm1", b+"ln_1", d)
		n.norm(a+"layer_norm2", b+"ln_2", d)
		n.lin(a+"mlp.fc1", b+"mlp.c_fc", 4*d, d)
		n.lin(a+"mlp.fc2", b+"mlp.c_proj", d, 4*d)
	}
	n.norm("text_model.final_layer_norm", "ln_final", d)
	return n
}

// positionIDs is a buffer of older versions of the text encoder of Hugging Face.
func positionIDs(prefix string) Key {
	return Key{Name: prefix + positionIDsName, Shape: tensor.Shape{1, clipPositions}, DType: tensor.I64, Optional: true}
}

const positionIDsName = "text_model.embeddings.position_ids"
