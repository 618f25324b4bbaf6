package main

import (
	"strings"
	"testing"
)

const (
	loraKey  = "te.text_model.encoder.layers.0.mlp.fc1.weight"
	loraStem = "lora_te_text_model_encoder_layers_0_mlp_fc1."
	addLora  = "a + 0.5 * convert(l, a) | a"
)

// loraFolder holds a model of SD 1 and LoRAs: one for it, one with keys that are without effect, one
// for another tensor, and one with names that are not known.
func loraFolder(t *testing.T) string {
	lora := func(stem string, more ...string) model {
		l := model{stem + "lora_up.weight": f32([]int64{2, 1}, 1, 2), stem + "lora_down.weight": f32([]int64{1, 2}, 3, 4), stem + "alpha": f32([]int64{}, 2)}
		for _, key := range more {
			l[key] = f32([]int64{1}, 1)
		}
		return l
	}
	return folder(t, map[string][]byte{
		"a.st":     model{loraKey: f32([]int64{2, 2}, 1, 1, 1, 1), "unet.conv_in.bias": f32([]int64{1}, 7)}.encode(t),
		"l.st":     lora(loraStem).encode(t),
		"extra.st": lora(loraStem, loraStem+"dora_scale", "lora_unet_conv_in.lora_up.weight").encode(t),
		"other.st": lora("lora_unet_conv_out.").encode(t),
		"peft.st":  model{"unet.conv_in.lora_A.weight": f32([]int64{1, 2}, 1, 2)}.encode(t),
	})
}

// TestLoRAsEndToEnd adds a LoRA to a model, and by way of a file with the difference.
func TestLoRAsEndToEnd(t *testing.T) {
	t.Chdir(loraFolder(t))
	want := f32([]int64{2, 2}, 4, 5, 7, 9)
	for name, args := range map[string][]string{
		"at once":     {"merge", "-e", addLora, "-m", "a=a.st", "-m", "l=l.st"},
		"in a layout": {"merge", "-e", `convert(convert(a, "sd1-ldm") + 0.5 * convert(l, "sd1-ldm") | convert(a, "sd1-ldm"), "sd1-kohya")`, "-m", "a=a.st", "-m", "l=l.st"},
		"by a file":   {"merge", "-e", `a + 0.5 * model("d.st", merge_space="delta") | a`, "-m", "a=a.st"},
	} {
		if name == "by a file" {
			c := cli{lib: facade{}}
			c.want(t, c.run("convert", "l.st", "--to", "sd1-kohya", "-o", "d.st", "--strict", "--strict-keys"), 0, "changes 1 tensor of sd1-kohya")
		}
		c := cli{lib: facade{}}
		c.want(t, c.run(append(args, "-o", "out.st", "--strict")...), 0)
		if got, _ := readModel(t, "out.st"); string(got[loraKey].bytes) != string(want.bytes) || len(got) != 2 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWhatOfALoRAIsWithoutEffectIsSaid in warnings; it is an error if checks are strict, and always
// if it is all.
func TestWhatOfALoRAIsWithoutEffectIsSaid(t *testing.T) {
	t.Chdir(loraFolder(t))
	for _, x := range []struct {
		code  int
		args  string
		words []string
	}{
		{0, "l=extra.st", []string{"changes 1 tensor of sd1-kohya", "extra.st: 1 key is of factors that are not complete", "extra.st: 1 key is beside factors that are complete"}},
		{8, "l=extra.st --strict", []string{`1 key is beside factors that are complete, and without effect, the first is "` + loraStem + `dora_scale"`}},
		{4, "l=other.st", []string{"nothing of this LoRA has a place in the result", "3 keys for tensors that the rest of the recipe lacks"}},
		{4, "l=peft.st", []string{"no model config fits the keys", "this one has unet.conv_in.lora_A.weight"}},
	} {
		c := cli{lib: facade{}}
		c.want(t, c.run(append([]string{"merge", "-e", addLora, "-m", "a=a.st", "-o", "out.st", "-m"}, strings.Fields(x.args)...)...), x.code, x.words...)
	}
	c := cli{lib: facade{}}
	c.want(t, c.run("plan", "-e", addLora, "-m", "a=a.st", "-m", "l=l.st", "--json"), 0)
	lines := c.lines(t)
	models := lines[len(lines)-1]["models"].([]any)
	if a := models[1].(map[string]any)["adapter"].(map[string]any); a["targets"] != 1.0 || a["base"] != "sd1-kohya" || models[0].(map[string]any)["adapter"] != nil {
		t.Errorf("%v", models)
	}
}
