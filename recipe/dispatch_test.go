package recipe

import (
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/methods"
)

// Keys by which models are known.
var (
	sd1Keys  = []string{"te.text_model.encoder.layers.0.mlp.fc1.weight", "unet.down_blocks.0.resnets.0.conv1.weight", "vae.decoder.conv_in.weight"}
	sdxlKeys = []string{"te1.text_model.encoder.layers.0.mlp.fc1.weight", "te2.text_model.encoder.layers.0.mlp.fc1.weight", "unet.input_blocks.4.1.proj_in.weight"}
)

// chosen lists the methods of a solved recipe that implement an interface, with the config of what they
// give.
func chosen(s *Solved) string {
	var all []string
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.Method != nil && n.Method.Implements != "" {
			all = append(all, n.Method.ID+" gives "+n.Config.ID())
		}
	}
	return strings.Join(all, ", ")
}

// TestInterfacesThatMapConfigs: the implementation is that of the config of the models, and what is
// above has the config that it gives; the recipe keeps the name of the interface.
func TestInterfacesThatMapConfigs(t *testing.T) {
	const text = "model \"a\"\nmodel \"b\"\nmerge \"subtract\" &0 &1\nmerge \"extract_kohya_lora\" &2 rank=4\n"
	for base, keys := range map[string][]string{"sd1-kohya": sd1Keys, "sdxl-kohya": sdxlKeys} {
		models := map[string][]string{"a": keys, "b": keys}
		s := mustSolve(t, text, models, Options{})
		lora := base + "_kohya_lora"
		if got := chosen(s); got != "extract_lora_'"+lora+"' gives "+lora || s.Config.ID() != lora || s.Space != methods.Weight {
			t.Errorf("%s: %s, in %s", base, got, s.Space)
		}
		if out, err := s.Format(); err != nil || !strings.Contains(string(out), `merge "extract_kohya_lora"`) {
			t.Errorf("%v: %s", err, out)
		}
		// A LoRA of the difference that a LoRA stands for: the second one depends on the first.
		again := text + "merge \"convert_'" + lora + "'_to_base\" &9\nmerge \"extract_lycoris_lokr\" &10\n"
		again = strings.Replace(again, "&9", "&3", 1)
		again = strings.Replace(again, "&10", "&4", 1)
		want := "extract_lora_'" + lora + "' gives " + lora + ", extract_lokr_'" + base + "_lycoris_lora' gives " + base + "_lycoris_lora"
		if got := chosen(mustSolve(t, again, models, Options{})); got != want {
			t.Errorf("%s: %s, want %s", base, got, want)
		}
		// Where no model is opened, what is done with the result says which it is.
		s, err := vet(t, again, Options{})
		if err != nil || !strings.HasPrefix(chosen(s), "extract_lora_'"+lora+"'") {
			t.Errorf("%s: %v", base, err)
		}
	}
	if _, err := vet(t, text, Options{}); err != nil {
		t.Errorf("without models: %v", err)
	}
	s, err := vet(t, strings.Replace(text, `model "a"`, `model "a" model_config="sd1-kohya"`, 1), Options{})
	if err != nil || chosen(s) != "extract_lora_'sd1-kohya_kohya_lora' gives sd1-kohya_kohya_lora" {
		t.Errorf("with a hint: %v", err)
	}
}

func TestInterfacesWithoutAnImplementationSayWhichTheyHave(t *testing.T) {
	const text = "model \"a\"\nmerge \"subtract\" &0 &0\nmerge \"extract_kohya_lora\" &1\n"
	ldm := []string{"cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight", "model.diffusion_model.input_blocks.1.0.in_layers.2.weight", "first_stage_model.decoder.conv_in.weight"}
	for name, keys := range map[string][]string{"sd1-ldm": ldm, "of no config": {"layers.7.q", "layers.7.k"}} {
		_, err := solve(t, text, map[string][]string{"a": keys}, Options{})
		if name == "sd1-ldm" {
			wantError(t, err, "a conversion is missing: convert_'sd1-ldm'_to_'sd1-kohya'")
		}
		wantError(t, err, "extract_kohya_lora", name, "sd1-kohya", "sdxl-kohya", "sdxl-kohya_but_diffusers")
	}
}
