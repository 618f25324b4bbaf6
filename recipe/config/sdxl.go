package config

import "github.com/mecha-gpu/mecha-gpu/tensor"

// Prefixes of the text encoders of SDXL checkpoints.
const (
	sdxlSGMTextL   = "conditioner.embedders.0.transformer."
	sdxlSGMTextG   = "conditioner.embedders.1.model."
	sdxlKohyaTextL = "te1."
	sdxlKohyaTextG = "te2."
)

// sdxlSGM is SDXL with the original names.
func sdxlSGM() []Component {
	textL := append(newCLIP(clipL).side(schemeA, sdxlSGMTextL, tensor.F32), positionIDs(sdxlSGMTextL))
	textG := optional(newCLIP(clipG).side(schemeB, sdxlSGMTextG, tensor.F32), ".resblocks.31.", ".ln_final.")
	moreG := []Key{one(sdxlSGMTextG+"logit_scale", tensor.F32), one(sdxlSGMTextG+"text_projection", tensor.F32, clipG.width, clipG.width)}
	marks := []Key{ // of models that predict the velocity, and how they were trained
		one("edm_vpred.sigma_max", tensor.F32), one("edm_vpred.sigma_min", tensor.F32),
		one("v_pred", tensor.I64, 0), one("ztsnr", tensor.I64, 0),
	}
	return []Component{
		sorted("clip_l", optional(textL, ".encoder.layers.11.", ".final_layer_norm.")),
		sorted("clip_g", textG, optional(moreG)),
		sorted("vae", newVAE(4, true).side(schemeA, firstStage, tensor.F32)),
		sorted("diffuser", newUNet(sdxlUNet).side(schemeA, diffusionModel, tensor.F32), optional(marks)),
		scheduler(),
	}
}

// sdxlKohya is SDXL with the names of kohya's scripts: those of Hugging Face for the text
// encoders, the original ones for the VAE, and either for the UNet.
func sdxlKohya(unet scheme, d tensor.DType) []Component {
	textL := append(newCLIP(clipL).side(schemeA, sdxlKohyaTextL, tensor.F32), positionIDs(sdxlKohyaTextL))
	textG := append(newCLIP(clipG).side(schemeA, sdxlKohyaTextG, tensor.F32),
		one(sdxlKohyaTextG+"text_projection.weight", tensor.F32, clipG.width, clipG.width))
	return []Component{
		sorted("vae", newVAE(4, true).side(schemeA, firstStage, tensor.F32)),
		sorted("clip_l", optional(textL, ".encoder.layers.11.")),
		sorted("clip_g", optional(textG, ".encoder.layers.31.")),
		sorted("diffuser", newUNet(sdxlUNet).side(unet, kohyaUNet, d)),
	}
}

func sdxlKohyaOriginal() []Component  { return sdxlKohya(schemeA, tensor.F32) }
func sdxlKohyaDiffusers() []Component { return sdxlKohya(schemeB, tensor.F16) }

// sdxlUNetOnly is the UNet of SDXL alone, with the names of diffusers.
func sdxlUNetOnly() []Component {
	return []Component{sorted("diffuser", newUNet(sdxlUNet).side(schemeB, "", tensor.F16))}
}

func sdxlBlocks() []Component { return []Component{blocks(9, "VAE")} }
