package config

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

const (
	vaeChannels = 128
	vaeTop      = 4 * vaeChannels // channels of the deepest level
)

// vaeMult is the width of each level, in units of 128 channels.
var vaeMult = []int64{1, 2, 4, 4}

// newVAE lists the tensors of the autoencoder of Stable Diffusion and FLUX. z is the number
// of latent channels; quant adds the convolutions around the latent space. Scheme A has the
// original names, scheme B those of diffusers, where the attention has linear layers instead
// of convolutions.
func newVAE(z int64, quant bool) net {
	v := &vae{}
	v.encoder(z)
	v.decoder(z)
	if quant {
		v.conv("quant_conv", "quant_conv", 2*z, 2*z, 1)
		v.conv("post_quant_conv", "post_quant_conv", z, z, 1)
	}
	return v.net
}

// vae is an autoencoder in the making.
type vae struct{ net }

func (v *vae) encoder(z int64) {
	v.conv("encoder.conv_in", "encoder.conv_in", vaeChannels, 3, 3)
	c := int64(vaeChannels)
	for i, mult := range vaeMult {
		for j := range 2 {
			v.residual(fmt.Sprintf("encoder.down.%d.block.%d", i, j), fmt.Sprintf("encoder.down_blocks.%d.resnets.%d", i, j), c, vaeChannels*mult)
			c = vaeChannels * mult
		}
		if i < len(vaeMult)-1 {
			v.conv(fmt.Sprintf("encoder.down.%d.downsample.conv", i), fmt.Sprintf("encoder.down_blocks.%d.downsamplers.0.conv", i), c, c, 3)
		}
	}
	v.middle("encoder")
	v.norm("encoder.norm_out", "encoder.conv_norm_out", vaeTop)
	v.conv("encoder.conv_out", "encoder.conv_out", 2*z, vaeTop, 3)
}

func (v *vae) decoder(z int64) {
	v.conv("decoder.conv_in", "decoder.conv_in", vaeTop, z, 3)
	v.middle("decoder")
	c := int64(vaeTop)
	for up := range vaeMult {
		i := len(vaeMult) - 1 - up // the deepest level first
		a, b := fmt.Sprintf("decoder.up.%d", i), fmt.Sprintf("decoder.up_blocks.%d", up)
		for j := range 3 {
			v.residual(fmt.Sprintf("%s.block.%d", a, j), fmt.Sprintf("%s.resnets.%d", b, j), c, vaeChannels*vaeMult[i])
			c = vaeChannels * vaeMult[i]
		}
		if i > 0 {
			v.conv(a+".upsample.conv", b+".upsamplers.0.conv", c, c, 3)
		}
	}
	v.norm("decoder.norm_out", "decoder.conv_norm_out", vaeChannels)
	v.conv("decoder.conv_out", "decoder.conv_out", 3, vaeChannels, 3)
}

func (v *vae) residual(a, b string, in, out int64) {
	v.norm(a+".norm1", b+".norm1", in)
	v.conv(a+".conv1", b+".conv1", out, in, 3)
	v.norm(a+".norm2", b+".norm2", out)
	v.conv(a+".conv2", b+".conv2", out, out, 3)
	if in != out {
		v.conv(a+".nin_shortcut", b+".conv_shortcut", out, in, 1)
	}
}

// middle adds the deepest part of the encoder or the decoder: two residual blocks with
// attention between them.
func (v *vae) middle(part string) {
	v.residual(part+".mid.block_1", part+".mid_block.resnets.0", vaeTop, vaeTop)
	a, b := part+".mid.attn_1.", part+".mid_block.attentions.0."
	v.norm(a+"norm", b+"group_norm", vaeTop)
	for _, x := range [][2]string{{"q", "to_q"}, {"k", "to_k"}, {"v", "to_v"}, {"proj_out", "to_out.0"}} {
		v.both([]string{a + x[0] + ".weight"}, tensor.Shape{vaeTop, vaeTop, 1, 1}, []string{b + x[1] + ".weight"}, tensor.Shape{vaeTop, vaeTop})
		v.put(a+x[0]+".bias", b+x[1]+".bias", vaeTop)
	}
	v.residual(part+".mid.block_2", part+".mid_block.resnets.1", vaeTop, vaeTop)
}
