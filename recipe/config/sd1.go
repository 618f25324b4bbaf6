package config

import (
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Prefixes of the parts of checkpoints.
const (
	diffusionModel = "model.diffusion_model."
	firstStage     = "first_stage_model."
	sd1LDMText     = "cond_stage_model.transformer."
	sd1KohyaText   = "te."
	kohyaUNet      = "unet."
	kohyaVAE       = "vae."
)

// sd1LDM is Stable Diffusion 1 with the original names.
func sd1LDM() []Component {
	text := append(newCLIP(clipL).side(schemeA, sd1LDMText, tensor.F32), positionIDs(sd1LDMText))
	diffuser := sorted("diffuser", newUNet(sd1UNet).side(schemeA, diffusionModel, tensor.F32))
	return []Component{
		sorted("clip_l", alias(text, func(s string) string { return strings.Replace(s, ".text_model.", ".", 1) })),
		sorted("vae", newVAE(4, true).side(schemeA, firstStage, tensor.F32)),
		diffuser,
		ema(diffuser.Keys),
		scheduler(),
	}
}

// sd1Kohya is Stable Diffusion 1 with the names of diffusers and of Hugging Face.
func sd1Kohya() []Component {
	return []Component{
		sorted("clip_l", newCLIP(clipL).side(schemeA, sd1KohyaText, tensor.F32)),
		sorted("diffuser", newUNet(sd1UNet).side(schemeB, kohyaUNet, tensor.F32)),
		sorted("vae", older(newVAE(4, true).side(schemeB, kohyaVAE, tensor.F32))),
	}
}

// olderAttention is what diffusers called the layers of the attention of an autoencoder while it had
// a class of its own for them (AttentionBlock of models/attention.py).
var olderAttention = strings.NewReplacer(".to_q.", ".query.", ".to_k.", ".key.", ".to_v.", ".value.", ".to_out.0.", ".proj_attn.")

// older gives the keys of an autoencoder the names that they had.
func older(keys []Key) []Key {
	for i := range keys {
		if name := olderAttention.Replace(keys[i].Name); name != keys[i].Name {
			keys[i].Older = []string{name}
		}
	}
	return keys
}

func sd1Blocks() []Component { return []Component{blocks(12)} }
