package methods

import (
	"slices"
	"strings"
	"testing"
)

func steps(w Ways, to string) string {
	var ids []string
	list, ok := w.To(to)
	if !ok {
		return "none"
	}
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	return strings.Join(ids, " ")
}

func TestConversionsAreFoundByTheFewestSteps(t *testing.T) {
	set := Builtin()
	for _, c := range []struct{ from, to, want string }{
		{"sd1-ldm", "sd1-kohya", "convert_'sd1-ldm'_to_'sd1-kohya'"},
		{"sdxl-kohya", "sdxl-diffusers_unet_only", "convert_'sdxl-kohya'_to_'sdxl-sgm' convert_'sdxl-sgm'_to_'sdxl-diffusers_unet_only'"},
		{"sdxl-kohya_kohya_lora", "sdxl-sgm", "convert_'sdxl-kohya_kohya_lora'_to_base convert_'sdxl-kohya'_to_'sdxl-sgm'"},
		{"sdxl-supermerger_blocks", "sdxl-kohya", "convert_sdxl_blocks_to_sgm convert_'sdxl-sgm'_to_'sdxl-kohya'"},
		{"sdxl-sgm", "sdxl-sgm", ""},
		{"sd1-ldm", "sdxl-sgm", "none"},
		{"sdxl-sgm", "sdxl-supermerger_blocks", "none"},
		{"singleton-mecha", "sdxl-sgm", "none"},
		{"", "sdxl-sgm", "none"},
	} {
		if got := steps(set.Ways(c.from), c.to); got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
	if got := set.Ways("sdxl-diffusers_unet_only").Targets(); !slices.Equal(got, []string{"sdxl-kohya", "sdxl-kohya_but_diffusers", "sdxl-sgm"}) {
		t.Errorf("targets %v", got)
	}
}

// TestOfSeveralConfigsTheNearestIsTaken: a LoRA for text encoders only is one of two layouts of SDXL.
func TestOfSeveralConfigsTheNearestIsTaken(t *testing.T) {
	set := Builtin()
	loras := []string{"sdxl-kohya_kohya_lora", "sdxl-kohya_but_diffusers_kohya_lora"}
	for to, want := range map[string]string{"sdxl-kohya": loras[0], "sdxl-sgm": loras[0], "sdxl-kohya_but_diffusers": loras[1], loras[1]: loras[1], "sd1-ldm": ""} {
		from, way, ok := set.Shortest(loras, to)
		if direct, _ := set.Ways(from).To(to); from != want || ok != (want != "") || len(way) != len(direct) {
			t.Errorf("to %s: from %q in %d steps, want from %q", to, from, len(way), want)
		}
	}
}

// TestTiesGoByTheNamesOfConfigs has two ways of two steps, defined in the wrong order.
func TestTiesGoByTheNamesOfConfigs(t *testing.T) {
	row := func(from, to string) *Method {
		same := sameSpace()
		return &Method{ID: from + ">" + to, Doc: "d", Params: []Param{Input("x", "a model").Tied(same).OfConfig(from)},
			Return: Return{Symbol: same, Config: to}, Conversion: true, Control: true, Formula: func(c *Call) (T, error) { return c.T("x"), nil },
			Keys: func(string, []string) (KeyMap, error) {
				return func(out string) (Relation, bool) { return from1(out), true }, nil
			}}
	}
	set, err := NewSet(row("t-a", "t-y"), row("t-y", "t-z"), row("t-a", "t-x"), row("t-x", "t-z"), row("t-z", "t-a"))
	if err != nil {
		t.Fatal(err)
	}
	if got := steps(set.Ways("t-a"), "t-z"); got != "t-a>t-x t-x>t-z" {
		t.Error(got)
	}
}

func from1(out string) Relation { return from(out, out) }
