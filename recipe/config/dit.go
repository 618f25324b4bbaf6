package config

import (
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Prefixes of the text encoders of checkpoints for ComfyUI.
const (
	comfyTextG = "text_encoders.clip_g."
	comfyTextL = "text_encoders.clip_l."
	comfyT5    = "text_encoders.t5xxl."
	hfModel    = "transformer."
)

// sd3 is Stable Diffusion 3 medium as ComfyUI keeps it.
func sd3() []Component {
	clip := func(name, prefix string, size clipSize) Component {
		return sorted(name, newCLIP(size).side(schemeA, prefix+hfModel, tensor.F32), []Key{
			one(prefix+"logit_scale", tensor.F32),
			one(prefix+hfModel+"text_projection.weight", tensor.F32, size.width, size.width),
		})
	}
	return []Component{
		sorted("vae", newVAE(16, false).side(schemeA, firstStage, tensor.F32)),
		sorted("diffuser", newMMDiT().side(schemeA, diffusionModel, tensor.F32), []Key{one("model.model_sampling.sigmas", tensor.F32, 1000)}),
		clip("clip_g", comfyTextG, clipG),
		clip("clip_l", comfyTextL, clipL),
		sorted("t5xxl", newT5().side(schemeA, comfyT5+hfModel, tensor.F32), []Key{one(comfyT5+"logit_scale", tensor.F32)}),
	}
}

// fluxDev is FLUX.1 dev as ComfyUI keeps it. The keys of the transformer are also known by
// their original names, without a prefix.
func fluxDev() []Component {
	diffuser := newFlux().side(schemeA, diffusionModel, tensor.BF16)
	return []Component{
		sorted("diffuser", alias(diffuser, func(s string) string { return strings.TrimPrefix(s, diffusionModel) })),
		sorted("clip_l", newCLIP(clipL).side(schemeA, comfyTextL+hfModel, tensor.F32)),
		sorted("t5xxl", newT5().side(schemeA, comfyT5+hfModel, tensor.F32)),
		sorted("vae", newVAE(16, false).side(schemeA, kohyaVAE, tensor.F32)),
	}
}
