package config

// Identifiers that are not of models.
const (
	// SingletonID is the config of bare values: one key named "key".
	SingletonID = "singleton-mecha"

	// InferID is a hint: the config must be found from the keys, and must be a named one.
	InferID = "infer"
)

// SingletonKey is the only key of the config singleton-mecha.
const SingletonKey = "key"

// builtin lists the configs that sd-mecha 1.1.5 registers, by identifier. Inner is the
// identifier that is written inside the file of the reference, where it differs and is not
// that of another config.
var builtin = []Row{
	{ID: "flux-flux", Inner: "flux_dev-flux"},
	{ID: "sd1-kohya"},
	{ID: "sd1-ldm"},
	{ID: "sd1-supermerger_blocks"},
	{ID: "sd3-comfyui"},
	{ID: "sdxl-diffusers_unet_only"},
	{ID: "sdxl-kohya"},
	{ID: "sdxl-kohya_but_diffusers"},
	{ID: "sdxl-sgm"},
	{ID: "sdxl-supermerger_blocks"},
	{ID: SingletonID, Make: func() *Config { return Singleton() }},
	{ID: "sdxl-kohya_lycoris_lora", Adapter: true},
	{ID: "sdxl-kohya_but_diffusers_lycoris_lora", Adapter: true},
	{ID: "sd1-kohya_lycoris_lora", Adapter: true},
	{ID: "sdxl-kohya_kohya_lora", Adapter: true},
	{ID: "sdxl-kohya_but_diffusers_kohya_lora", Adapter: true},
	{ID: "sd1-kohya_kohya_lora", Adapter: true},
}

// Singleton returns the config singleton-mecha: one component "keys" with the one key
// "key", of which nothing is known.
func Singleton() *Config {
	key := Key{Name: SingletonKey}
	return &Config{
		id:         SingletonID,
		components: []Component{{Name: "keys", Keys: []Key{key}}},
		keys:       []Key{key},
		index:      map[string]int32{SingletonKey: 0},
	}
}
