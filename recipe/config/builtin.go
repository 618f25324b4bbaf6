package config

import (
	"sync"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Identifiers that are not of models.
const (
	// SingletonID is the config of bare values: one key named "key".
	SingletonID = "singleton-mecha"

	// InferID is a hint: the config must be found from the keys, and must be a named one.
	InferID = "infer"
)

// SingletonKey is the only key of the config singleton-mecha.
const SingletonKey = "key"

// builtin returns the configs that sd-mecha 1.1.5 registers: models by identifier, then
// adapters in the order of the reference. Inner is the identifier that is written inside the
// file of the reference, where it differs and is not that of another config. Each config is
// made when it is first asked for, once.
var builtin = sync.OnceValue(func() []Row {
	rows := make([]Row, 0, 17)
	tables := map[string]func() []Component{}
	for _, m := range []struct {
		Row
		parts func() []Component
	}{
		{Row{ID: "flux-flux", Inner: "flux_dev-flux", probe: fluxProbe}, fluxDev},
		{Row{ID: "sd1-kohya", probe: []string{sd1KohyaText, kohyaUNet, kohyaVAE}}, sd1Kohya},
		{Row{ID: "sd1-ldm", probe: append([]string{sd1LDMText, firstStage, diffusionModel, "model_ema."}, schedulerProbe...)}, sd1LDM},
		{Row{ID: "sd1-supermerger_blocks", probe: blocksProbe}, sd1Blocks},
		{Row{ID: "sd3-comfyui", probe: []string{diffusionModel, "model.model_sampling.", firstStage, "text_encoders."}}, sd3},
		{Row{ID: "sdxl-diffusers_unet_only", probe: unetProbe}, sdxlUNetOnly},
		{Row{ID: "sdxl-kohya", probe: []string{firstStage, sdxlKohyaTextL, sdxlKohyaTextG, kohyaUNet}}, sdxlKohyaOriginal},
		{Row{ID: "sdxl-kohya_but_diffusers", file: "sdxl-kohya", probe: []string{firstStage, sdxlKohyaTextL, sdxlKohyaTextG, kohyaUNet}}, sdxlKohyaDiffusers},
		{Row{ID: "sdxl-sgm", probe: append([]string{"conditioner.", firstStage, diffusionModel, "edm_vpred.", "v_pred", "ztsnr"}, schedulerProbe...)}, sdxlSGM},
		{Row{ID: "sdxl-supermerger_blocks", probe: blocksProbe}, sdxlBlocks},
		{Row{ID: SingletonID, probe: []string{SingletonKey}}, singleton},
	} {
		m.Make = maker(m.ID, m.parts)
		tables[m.ID] = m.parts
		rows = append(rows, m.Row)
	}
	for _, a := range AdapterConfigs() {
		row := Row{ID: a.ID(), Adapter: true, Base: a.Base, probe: []string{a.Kind.Prefix + "_"}}
		row.Make = sync.OnceValue(func() *Config { return &Config{id: a.ID(), factors: newFactors(tables[a.Base](), a.Kind)} })
		rows = append(rows, row)
	}
	return rows
})

// What keys of configs begin with, where it is more than a prefix or two.
var (
	fluxProbe = []string{diffusionModel, "double_blocks.", "single_blocks.", "img_in.", "txt_in.", "time_in.", "vector_in.", "guidance_in.",
		"final_layer.", "text_encoders.", kohyaVAE}
	unetProbe      = []string{"time_embedding.", "add_embedding.", "conv_in.", "conv_norm_out.", "conv_out.", "down_blocks.", "mid_block.", "up_blocks."}
	blocksProbe    = []string{"BASE", "IN", "M00", "OUT", "VAE"}
	schedulerProbe = []string{"alphas_", "betas", "log_", "posterior_", "sqrt_"}
)

func byID(rows []Row, id string) Row {
	for _, r := range rows {
		if r.ID == id {
			return r
		}
	}
	panic("config: " + id + " is not in the built-in table") // a test makes all of them
}

// maker returns a function that makes a built-in config once.
func maker(id string, parts func() []Component) func() *Config {
	return sync.OnceValue(func() *Config {
		c, err := New(id, parts()...)
		if err != nil {
			panic("config: " + err.Error()) // a test makes all of them
		}
		return c
	})
}

// Singleton returns the config singleton-mecha: one component "keys" with the one key
// "key", of which nothing is known.
func Singleton() *Config { return byID(builtin(), SingletonID).Make() }

func singleton() []Component {
	return []Component{{Name: "keys", Keys: []Key{{Name: SingletonKey, DType: tensor.InvalidDType}}}}
}
