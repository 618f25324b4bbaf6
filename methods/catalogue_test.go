package methods

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// signatures is the table of registered methods of the recipe specification (appendix A),
// written out: identifier, parameters, result. "any" is the symbol of the method, "T" an
// element type that is whatever the argument is, "*" variadic, ";" starts the keyword-only
// ones, "SD" a state dict, "@" a model config.
var signatures = `
weighted_sum: a SD tensor/any, b SD tensor/any, alpha tensor/param=0.5 -> tensor/any
n_average: *models SD tensor/any -> tensor/any
slerp: a tensor/any, b tensor/any, alpha tensor/param=0.5 -> tensor/any
geometric_sum: a tensor/any, b tensor/any, alpha tensor/param=0.5 -> tensor/any
add_difference: a SD tensor/any, b SD tensor/delta, alpha tensor/param=1.0 -> tensor/any
subtract: a tensor/weight, b tensor/weight -> tensor/delta
scale: a SD tensor/delta, alpha tensor/param=1.0 -> tensor/delta
perpendicular_component: a tensor/any, b tensor/any -> tensor/any
train_difference_mask: a tensor/any, b tensor/any, c tensor/any, alpha tensor/param=1.0 -> tensor/param
add_opposite_mask: a tensor/any, b tensor/any, c tensor/any, alpha tensor/param=1.0 -> tensor/param
add_strict_opposite_mask: a tensor/any, b tensor/any, c tensor/any, alpha tensor/param=1.0 -> tensor/param
multiply_quotient: a tensor/any, b tensor/any, c tensor/any, alpha tensor/param=1.0 -> tensor/any
add_cosine_a: a tensor/weight, b tensor/weight, alpha tensor/param=1.0 -> tensor/weight
add_cosine_b: a tensor/weight, b tensor/weight, alpha tensor/param=1.0 -> tensor/weight
crossover: a tensor/any, b tensor/any, alpha float/param=0.5, tilt float/param=0.0 -> tensor/any
clamp: a tensor/any, *bounds tensor/any; stiffness float/param=0.0 -> tensor/any
tensor_sum: a tensor/any, b tensor/any, width float/param=0.5, offset float/param=0.0 -> tensor/any
top_k_tensor_sum: a tensor/any, b tensor/any, width float/param=1.0, offset float/param=0.0 -> tensor/any
rotate: a SD tensor/any, b SD tensor/any, alignment float/param=1.0, alpha tensor/param=0.0, centralization float/param=1.0, stiefel_eps float/param=1e-08, stiefel_max_iters int/param=100 -> tensor/any
truncate_rank: a tensor/delta, rank int/param=8, use_approximate_basis bool/param=true, approximate_basis_iters int/param=2, approximate_basis_seed int/param=null -> tensor/delta
truncate_kronecker: a tensor/delta, kronecker_ratio float/param=0.5, use_approximate_basis bool/param=true, approximate_basis_iters int/param=2, approximate_basis_seed int/param=null -> tensor/delta
get_rank_from_ratio: a tensor/weight or delta, ratio float/param=0.5 -> int/param
ties_sum: *models tensor/delta; k float/param=1.0, vote_sgn bool/param=false -> tensor/delta
ties_sum_extended: *models tensor/delta; k float/param=0.2, vote_sgn bool/param=false, apply_stock bool/param=false, apply_median bool/param=false, cos_eps float/param=1e-06, eps float/param=1e-06, maxiter int/param=100, ftol float/param=1e-20 -> tensor/delta
ties_sum_with_dropout: *deltas tensor/delta; probability tensor/param=0.9, della_eps float/param=0.0, rescale bool/param=true, k float/param=0.2, vote_sgn bool/param=false, apply_stock bool/param=false, cos_eps float/param=1e-06, apply_median bool/param=false, eps float/param=1e-06, maxiter int/param=100, ftol float/param=1e-20, seed int/param=null -> tensor/delta
model_stock: *deltas tensor/delta; cos_eps float/param=1e-06 -> tensor/delta
geometric_median: *models tensor/any; eps float/param=1e-06, maxiter int/param=100, ftol float/param=1e-20 -> tensor/any
dropout: *deltas tensor/delta; probability float/param=0.9, rescale float/param=1.0, overlap float/param=1.0, overlap_emphasis float/param=0.0, seed int/param=null -> tensor/delta
fallback: a SD T/any, default SD T/any -> T/any
cast: a tensor/any, device string/param=null, dtype string/param=null -> tensor/any
omit_non_finite: a tensor/any -> tensor/any
stack: *values tensor/any -> tensor/any
pick_component: a SD T/any, component string/param -> T/any
omit_component: a SD T/any, component string/param -> T/any
get_dtype: a tensor/untied -> string/param
get_device: a tensor/untied -> string/param
rebasin: a SD tensor/any, ref SD tensor/any, iters int/param=10 -> SD tensor/any
rebasin_sdxl_sgm: a SD tensor/any@sdxl-sgm, ref SD tensor/any@sdxl-sgm, iters int/param -> SD tensor/any@sdxl-sgm
randperm: a SD tensor/any, seed int/param=null -> tensor/any
randperm_sdxl_sgm: a SD tensor/any@sdxl-sgm, seed int/param=null -> tensor/any@sdxl-sgm
balance_attention: a SD tensor/any -> tensor/any
balance_attention_sdxl_sgm: a SD tensor/any@sdxl-sgm -> tensor/any@sdxl-sgm
exchange_ema: model SD tensor/any -> tensor/any
exchange_ema_'sd1-ldm': model SD tensor/any@sd1-ldm -> tensor/any@sd1-ldm
extract_kohya_lora: base tensor/delta, rank int/param=8, use_approximate_basis bool/param=true, approximate_basis_iters int/param=2, approximate_basis_seed int/param=null -> SD tensor/weight
extract_lycoris_lora: base tensor/delta, rank int/param=8, use_approximate_basis bool/param=true, approximate_basis_iters int/param=2, approximate_basis_seed int/param=null -> SD tensor/weight
extract_kohya_lokr: base tensor/delta, kronecker_ratio float/param=0.5 -> SD tensor/weight
extract_lycoris_lokr: base tensor/delta, kronecker_ratio float/param=0.5 -> SD tensor/weight
convert_singleton: singleton SD T/any@singleton-mecha -> T/any
convert_sd1_blocks_to_ldm: blocks SD T/any@sd1-supermerger_blocks -> T/any@sd1-ldm
convert_sdxl_blocks_to_sgm: blocks SD T/any@sdxl-supermerger_blocks -> T/any@sdxl-sgm
convert_'sd1-kohya'_to_'sd1-ldm': kohya_sd SD tensor/any@sd1-kohya -> tensor/any@sd1-ldm
convert_'sd1-ldm'_to_'sd1-kohya': ldm_sd SD tensor/any@sd1-ldm -> tensor/any@sd1-kohya
convert_'sdxl-sgm'_to_'sdxl-kohya': sgm_sd SD tensor/any@sdxl-sgm -> tensor/any@sdxl-kohya
convert_'sdxl-kohya'_to_'sdxl-sgm': kohya_sd SD tensor/any@sdxl-kohya -> tensor/any@sdxl-sgm
convert_'sdxl-sgm'_to_'sdxl-kohya_but_diffusers': sgm_sd SD tensor/any@sdxl-sgm -> tensor/any@sdxl-kohya_but_diffusers
convert_'sdxl-kohya_but_diffusers'_to_'sdxl-sgm': kohya_sd SD tensor/any@sdxl-kohya_but_diffusers -> tensor/any@sdxl-sgm
convert_'sdxl-sgm'_to_'sdxl-diffusers_unet_only': sgm_sd SD tensor/any@sdxl-sgm -> tensor/any@sdxl-diffusers_unet_only
convert_'sdxl-diffusers_unet_only'_to_'sdxl-sgm': diffusers_sd SD tensor/any@sdxl-diffusers_unet_only -> tensor/any@sdxl-sgm
convert_'sdxl-kohya_lycoris_lora'_to_base: lora SD tensor/weight@sdxl-kohya_lycoris_lora -> tensor/delta@sdxl-kohya
convert_'sdxl-kohya_but_diffusers_lycoris_lora'_to_base: lora SD tensor/weight@sdxl-kohya_but_diffusers_lycoris_lora -> tensor/delta@sdxl-kohya_but_diffusers
convert_'sd1-kohya_lycoris_lora'_to_base: lora SD tensor/weight@sd1-kohya_lycoris_lora -> tensor/delta@sd1-kohya
convert_'sdxl-kohya_kohya_lora'_to_base: lora SD tensor/weight@sdxl-kohya_kohya_lora -> tensor/delta@sdxl-kohya
convert_'sdxl-kohya_but_diffusers_kohya_lora'_to_base: lora SD tensor/weight@sdxl-kohya_but_diffusers_kohya_lora -> tensor/delta@sdxl-kohya_but_diffusers
convert_'sd1-kohya_kohya_lora'_to_base: lora SD tensor/weight@sd1-kohya_kohya_lora -> tensor/delta@sd1-kohya
`

// extractions are the implementations of the extract interfaces, whose signatures are
// those of the interfaces with configs.
var extractions = `
extract_lora_'sdxl-kohya_lycoris_lora' extract_lokr_'sdxl-kohya_lycoris_lora'
extract_lora_'sdxl-kohya_but_diffusers_lycoris_lora' extract_lokr_'sdxl-kohya_but_diffusers_lycoris_lora'
extract_lora_'sd1-kohya_lycoris_lora' extract_lokr_'sd1-kohya_lycoris_lora'
extract_lora_'sdxl-kohya_kohya_lora' extract_lokr_'sdxl-kohya_kohya_lora'
extract_lora_'sdxl-kohya_but_diffusers_kohya_lora' extract_lokr_'sdxl-kohya_but_diffusers_kohya_lora'
extract_lora_'sd1-kohya_kohya_lora' extract_lokr_'sd1-kohya_kohya_lora'
`

// signature writes a row as in signatures.
func signature(m *Method) string {
	var b strings.Builder
	b.WriteString(m.ID + ": ")
	for i := range m.Params {
		p := &m.Params[i]
		if i > 0 {
			b.WriteString(map[bool]string{true: "; ", false: ", "}[p.Keyword && !m.Params[i-1].Keyword])
		}
		if p.Variadic {
			b.WriteByte('*')
		}
		space := p.Spaces.String()
		switch {
		case p.Symbol != nil:
			space = p.Symbol.Name
		case p.Spaces.Any():
			space = "untied"
		}
		fmt.Fprintf(&b, "%s %s", p.Name, typed(p.StateDict, p.Type, space, p.Config))
		if p.Default != nil {
			b.WriteString("=" + p.Default.String())
		}
	}
	r := &m.Return
	space := string(r.Space)
	if r.Symbol != nil {
		space = r.Symbol.Name
	}
	return b.String() + " -> " + typed(r.StateDict, r.Type, space, r.Config)
}

func typed(stateDict bool, t Type, space, config string) string {
	s := t.String()
	if t == Any {
		s = "T"
	}
	if stateDict {
		s = "SD " + s
	}
	s += "/" + space
	if config != "" {
		s += "@" + config
	}
	return s
}

func TestCatalogueHasTheSignaturesOfTheSpecification(t *testing.T) {
	set := Builtin()
	seen := map[string]bool{}
	for _, want := range strings.Split(strings.TrimSpace(signatures), "\n") {
		id, _, _ := strings.Cut(want, ": ")
		seen[id] = true
		m, ok := set.Get(id)
		if !ok {
			t.Errorf("no method %s", id)
			continue
		}
		if got := signature(m); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	for _, id := range strings.Fields(extractions) {
		seen[id] = true
		if _, ok := set.Get(id); !ok {
			t.Errorf("no method %s", id)
		}
	}
	for _, id := range set.IDs() {
		if !seen[id] {
			t.Errorf("method %s is not in the specification", id)
		}
	}
}

func TestExtractionsAreTheirInterfacesWithConfigs(t *testing.T) {
	set := Builtin()
	for _, id := range strings.Fields(extractions) {
		m, _ := set.Get(id)
		face, ok := set.Get(m.Implements)
		if !ok || !face.Interface {
			t.Fatalf("%s implements %q, which is no interface", id, m.Implements)
		}
		_, config, _ := strings.Cut(strings.TrimSuffix(id, "'"), "'")
		base, _, _ := strings.Cut(config, "_lycoris_lora")
		base, _, _ = strings.Cut(base, "_kohya_lora")
		bare := *m
		bare.ID, bare.Return.Config = face.ID, ""
		bare.Params = slices.Clone(m.Params)
		for i := range bare.Params {
			if bare.Params[i].Config != base {
				t.Errorf("%s: parameter %s has config %q, want %q", id, bare.Params[i].Name, bare.Params[i].Config, base)
			}
			bare.Params[i].Config = ""
		}
		if m.Return.Config != config || signature(&bare) != signature(face) {
			t.Errorf("%s: %s, interface %s", id, signature(m), signature(face))
		}
	}
}

func TestAvailableRowsAreThoseWithAFormula(t *testing.T) {
	for _, m := range Builtin().All() {
		if runs := m.Formula != nil || m.Forward != nil; !m.Interface && runs != (m.Status == Available) {
			t.Errorf("%s: status %v", m.ID, m.Status)
		}
	}
}

func TestRowsAreDocumented(t *testing.T) {
	for _, m := range Builtin().All() {
		if len(m.Doc) < 20 || !strings.HasSuffix(m.Doc, ".") || m.Source == "" || m.Family == "" {
			t.Errorf("%s: doc %q, source %q, family %q", m.ID, m.Doc, m.Source, m.Family)
		}
		for _, p := range m.Params {
			if len(p.Doc) < 5 || strings.HasSuffix(p.Doc, ".") {
				t.Errorf("%s: doc of parameter %s: %q", m.ID, p.Name, p.Doc)
			}
		}
	}
}

func TestBuiltinMakesANewCatalogueEachTime(t *testing.T) {
	a, b := Builtin(), Builtin()
	for _, id := range a.IDs() {
		x, _ := a.Get(id)
		y, _ := b.Get(id)
		if x == y || (len(x.Params) > 0 && &x.Params[0] == &y.Params[0]) {
			t.Fatalf("%s is shared", id)
		}
	}
}
