package config

import "fmt"

// unetSize is what tells the UNets of Stable Diffusion apart.
type unetSize struct {
	mult       []int64 // width of each level, in units of 320 channels
	depth      []int   // transformer blocks after a residual block, by level; 0: no attention
	mid        int     // transformer blocks in the middle
	context    int64   // width of the text embedding
	linearProj bool    // proj_in and proj_out are linear, not convolutions
	added      int64   // width of the added embedding (size, pooled text); 0: none
}

// The sizes are those of the published models: the configuration files v1-inference.yaml of
// Stable Diffusion 1 and sd_xl_base.yaml of generative-models.
var (
	sd1UNet  = unetSize{mult: []int64{1, 2, 4, 4}, depth: []int{1, 1, 1, 0}, mid: 1, context: 768}
	sdxlUNet = unetSize{mult: []int64{1, 2, 4}, depth: []int{0, 2, 10}, mid: 10, context: 2048, linearProj: true, added: 2816}
)

const (
	unetChannels  = 320
	unetTime      = 4 * unetChannels // width of the time embedding
	unetLatent    = 4                // channels in and out
	unetResBlocks = 2                // residual blocks of a level on the way down; one more on the way up
)

// unet is a UNet in the making.
type unet struct {
	net
	unetSize
	c     int64   // channels at this point
	stack []int64 // channels of the skip connections
}

// newUNet lists the tensors of a UNet: scheme A has the names of the original repositories
// (LDM, SGM), scheme B those of diffusers.
func newUNet(size unetSize) net {
	u := &unet{unetSize: size}
	u.embeddings()
	u.conv("input_blocks.0.0", "conv_in", unetChannels, unetLatent, 3)
	u.c, u.stack = unetChannels, []int64{unetChannels}
	u.down()
	u.residual("middle_block.0", "mid_block.resnets.0", u.c, u.c)
	u.attention("middle_block.1", "mid_block.attentions.0", u.mid)
	u.residual("middle_block.2", "mid_block.resnets.1", u.c, u.c)
	u.up()
	u.norm("out.0", "conv_norm_out", unetChannels)
	u.conv("out.2", "conv_out", unetLatent, unetChannels, 3)
	return u.net
}

func (u *unet) embeddings() {
	u.lin("time_embed.0", "time_embedding.linear_1", unetTime, unetChannels)
	u.lin("time_embed.2", "time_embedding.linear_2", unetTime, unetTime)
	if u.added > 0 {
		u.lin("label_emb.0.0", "add_embedding.linear_1", unetTime, u.added)
		u.lin("label_emb.0.2", "add_embedding.linear_2", unetTime, unetTime)
	}
}

func (u *unet) down() {
	n := 1
	for i, mult := range u.mult {
		for j := range unetResBlocks {
			a, b := fmt.Sprintf("input_blocks.%d", n), fmt.Sprintf("down_blocks.%d", i)
			u.level(a, b, i, j, u.c, unetChannels*mult)
			u.stack = append(u.stack, u.c)
			n++
		}
		if i < len(u.mult)-1 {
			u.conv(fmt.Sprintf("input_blocks.%d.0.op", n), fmt.Sprintf("down_blocks.%d.downsamplers.0.conv", i), u.c, u.c, 3)
			u.stack = append(u.stack, u.c)
			n++
		}
	}
}

func (u *unet) up() {
	n := 0
	for up := range u.mult {
		i := len(u.mult) - 1 - up // the deepest level first
		b := fmt.Sprintf("up_blocks.%d", up)
		for j := range unetResBlocks + 1 {
			skip := u.stack[len(u.stack)-1]
			u.stack = u.stack[:len(u.stack)-1]
			u.level(fmt.Sprintf("output_blocks.%d", n), b, i, j, u.c+skip, unetChannels*u.mult[i])
			n++
		}
		if i > 0 {
			at := 1 // after the residual block, and the attention if there is one
			if u.depth[i] > 0 {
				at = 2
			}
			u.conv(fmt.Sprintf("output_blocks.%d.%d.conv", n-1, at), b+".upsamplers.0.conv", u.c, u.c, 3)
		}
	}
}

// level adds residual block j of level i, with its attention.
func (u *unet) level(a, b string, i, j int, in, out int64) {
	u.residual(a+".0", fmt.Sprintf("%s.resnets.%d", b, j), in, out)
	u.c = out
	if u.depth[i] > 0 {
		u.attention(a+".1", fmt.Sprintf("%s.attentions.%d", b, j), u.depth[i])
	}
}

func (u *unet) residual(a, b string, in, out int64) {
	u.norm(a+".in_layers.0", b+".norm1", in)
	u.conv(a+".in_layers.2", b+".conv1", out, in, 3)
	u.lin(a+".emb_layers.1", b+".time_emb_proj", out, unetTime)
	u.norm(a+".out_layers.0", b+".norm2", out)
	u.conv(a+".out_layers.3", b+".conv2", out, out, 3)
	if in != out {
		u.conv(a+".skip_connection", b+".conv_shortcut", out, in, 1)
	}
}

// attention adds a spatial transformer of the given depth.
func (u *unet) attention(a, b string, depth int) {
	proj := func(name string) {
		if u.linearProj {
			u.lin(a+name, b+name, u.c, u.c)
		} else {
			u.conv(a+name, b+name, u.c, u.c, 1)
		}
	}
	u.norm(a+".norm", b+".norm", u.c)
	proj(".proj_in")
	for d := range depth {
		block := fmt.Sprintf(".transformer_blocks.%d", d)
		u.transformer(a+block, b+block)
	}
	proj(".proj_out")
}

// transformer adds a transformer block: self attention, cross attention, feed forward.
func (u *unet) transformer(a, b string) {
	c := u.c
	attn := func(name string, keys int64) {
		u.weight(a+name+".to_q", b+name+".to_q", c, c)
		u.weight(a+name+".to_k", b+name+".to_k", c, keys)
		u.weight(a+name+".to_v", b+name+".to_v", c, keys)
		u.lin(a+name+".to_out.0", b+name+".to_out.0", c, c)
	}
	attn(".attn1", c)
	attn(".attn2", u.context)
	u.lin(a+".ff.net.0.proj", b+".ff.net.0.proj", 8*c, c) // gated: twice 4c
	u.lin(a+".ff.net.2", b+".ff.net.2", c, 4*c)
	for _, name := range []string{".norm1", ".norm2", ".norm3"} {
		u.norm(a+name, b+name, c)
	}
}
