package config

import "fmt"

// newT5 lists the tensors of the encoder of T5-XXL (google/t5-v1_1-xxl). Both schemes have the
// names of Hugging Face.
func newT5() net {
	const blocks, width, hidden, heads, buckets, vocabulary = 24, 4096, 10240, 64, 32, 32128
	var n net
	weight := func(name string, shape ...int64) { n.weight(name, name, shape...) }
	weight("shared", vocabulary, width)
	for i := range blocks {
		attn, ff := fmt.Sprintf("encoder.block.%d.layer.0.", i), fmt.Sprintf("encoder.block.%d.layer.1.", i)
		for _, x := range []string{"q", "k", "v", "o"} {
			weight(attn+"SelfAttention."+x, width, width)
		}
		if i == 0 { // the other blocks use it too
			weight(attn+"SelfAttention.relative_attention_bias", buckets, heads)
		}
		weight(attn+"layer_norm", width)
		weight(ff+"DenseReluDense.wi_0", hidden, width)
		weight(ff+"DenseReluDense.wi_1", hidden, width)
		weight(ff+"DenseReluDense.wo", width, hidden)
		weight(ff+"layer_norm", width)
	}
	weight("encoder.final_layer_norm", width)
	return n
}
