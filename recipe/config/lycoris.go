package config

import (
	"slices"
	"strings"
	"sync"
)

// AdapterKind is a naming of LoRA and LoKr files.
type AdapterKind struct {
	Name   string // in the identifiers of configs: sd1-kohya_kohya_lora
	Prefix string // of the stems of keys: lora_unet_conv_in
}

// Adapters names a base config and a naming of adapter files for it.
type Adapters struct {
	Base string
	Kind AdapterKind
}

// ID returns the identifier of the config of the adapter files.
func (a Adapters) ID() string { return a.Base + "_" + a.Kind.Name + "_lora" }

// AdapterConfigs lists the configs of adapter files in the order in which the reference
// registers them.
func AdapterConfigs() []Adapters {
	var all []Adapters
	for _, kind := range []AdapterKind{{"lycoris", "lycoris"}, {"kohya", "lora"}} {
		for _, base := range []string{"sdxl-kohya", "sdxl-kohya_but_diffusers", "sd1-kohya"} {
			all = append(all, Adapters{base, kind})
		}
	}
	return all
}

// AdapterConfig returns what an identifier names of AdapterConfigs.
func AdapterConfig(id string) (Adapters, bool) {
	for _, a := range AdapterConfigs() {
		if a.ID() == id {
			return a, true
		}
	}
	return Adapters{}, false
}

// Suffixes of the keys of a target. LoRA has up and down factors, and one between them for
// convolutions; LoKr has Kronecker factors, each of which may be cut into two or three.
const (
	LoraUp   = "lora_up.weight"
	LoraMid  = "lora_mid.weight"
	LoraDown = "lora_down.weight"
	Alpha    = "alpha"
	LokrW1   = "lokr_w1"
	LokrW1A  = "lokr_w1_a"
	LokrW1B  = "lokr_w1_b"
	LokrW2   = "lokr_w2"
	LokrW2A  = "lokr_w2_a"
	LokrW2B  = "lokr_w2_b"
	LokrT2   = "lokr_t2"
)

// adapterSuffixes is the order of the keys of a target in a config.
var adapterSuffixes = []string{LoraUp, LoraMid, LoraDown, Alpha, LokrW1, LokrW1A, LokrW1B, LokrW2, LokrW2A, LokrW2B, LokrT2}

// Target is a tensor of a base config that an adapter may change.
type Target struct {
	Base Key
	Stem string // of the keys of the adapter, without the dot: lora_unet_conv_in
}

// Keys returns the names of the keys with the given suffixes.
func (t Target) Keys(suffixes ...string) []string {
	names := make([]string, len(suffixes))
	for i, s := range suffixes {
		names[i] = t.Stem + "." + s
	}
	return names
}

// Targets lists what the files change of the base config.
func (a Adapters) Targets() []Target { return Targets(byID(builtin(), a.Base).Make(), a.Kind) }

// Targets lists what adapters of a kind may change in a base config, in its order: keys that
// are no biases, are floating-point, and have two dimensions or more, as far as is known.
func Targets(base *Config, kind AdapterKind) []Target {
	var all []Target
	for _, k := range base.keys {
		if isTarget(k) {
			all = append(all, Target{k, stem(k.Name, kind.Prefix)})
		}
	}
	return all
}

func isTarget(k Key) bool {
	return !strings.HasSuffix(k.Name, "bias") && (!k.DType.Valid() || k.DType.IsFloat()) && (k.Shape == nil || len(k.Shape) >= 2)
}

// stem flattens the name of a base key. It is not inverted: the table of targets is.
func stem(key, prefix string) string {
	return prefix + "_" + strings.ReplaceAll(strings.TrimSuffix(key, ".weight"), ".", "_")
}

// AdapterForm is one way in which the factors of a target may be stored. A target has the
// first form all of whose keys are there.
type AdapterForm struct {
	Suffixes []string // in the order in which the reference lists them
	Lokr     bool     // else LoRA
	Tucker   bool     // with a factor between: LoraMid, LokrT2
	Alpha    bool
}

// AdapterForms lists the 16 forms, in the order in which they are tried. Their suffixes are not to
// be changed.
func AdapterForms() []AdapterForm { return slices.Clone(adapterForms()) }

// adapterForms makes the list once: it is asked for with every key.
var adapterForms = sync.OnceValue(func() (all []AdapterForm) {
	add := func(f AdapterForm, factors ...string) {
		for _, withAlpha := range []bool{true, false} {
			f.Alpha, f.Suffixes = withAlpha, slices.Clone(factors)
			if withAlpha {
				f.Suffixes = append(f.Suffixes, Alpha)
			}
			all = append(all, f)
		}
	}
	add(AdapterForm{Tucker: true}, LoraMid, LoraUp, LoraDown)
	add(AdapterForm{}, LoraUp, LoraDown)
	for _, w1 := range [][]string{{LokrW1}, {LokrW1A, LokrW1B}} {
		add(AdapterForm{Lokr: true, Tucker: true}, slices.Concat(w1, []string{LokrW2A, LokrW2B, LokrT2})...)
		add(AdapterForm{Lokr: true}, slices.Concat(w1, []string{LokrW2})...)
		add(AdapterForm{Lokr: true}, slices.Concat(w1, []string{LokrW2A, LokrW2B})...)
	}
	return all
})
