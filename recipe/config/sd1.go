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
		sorted("vae", newVAE(4, true).side(schemeB, kohyaVAE, tensor.F32)),
	}
}

func sd1Blocks() []Component { return []Component{blocks(12)} }
