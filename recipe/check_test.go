package recipe

import (
	"strings"
	"testing"
)

// What is wrong for every key is said once, before anything is planned, also where no model is
// opened.
func TestWrongConstantsAreReportedOnce(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{`"cast" &0 dtype="float17"`, `unknown dtype "float17"`},
		{`"cast" &0 dtype=4`, "found 4, expected a string"},
		{`"pick_component" &0 5`, "found 5, expected a string"},
		{`"fallback" &0 "b.safetensors"`, `the result is not a tensor: found "b.safetensors", expected a tensor or a number (a string is not a file: use a model)`},
		{`"weighted_sum" &0 &0 ` + strings.Repeat("9", 100_000), "999..., expected a tensor or a number"},
	} {
		text := "model \"a.safetensors\"\nmerge " + c.args
		for name, fail := range map[string]func() error{
			"vet": func() error { _, err := vet(t, text, Options{}); return err },
			"solve": func() error {
				_, err := solve(t, text, map[string][]string{"a.safetensors": {"x", "y"}}, Options{})
				return err
			},
		} {
			err := fail()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s of %.40s: %v", name, c.args, err)
			} else if n := strings.Count(err.Error(), "line 3:1: "); n != 1 || len(err.Error()) > 500 {
				t.Errorf("%s of %.40s: %d times: %.500s", name, c.args, n, err)
			} else if want := "\n\t" + ("merge " + c.args)[:min(20, 6+len(c.args))]; !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), "\n\t^") {
				t.Errorf("%s of %.40s does not show the line: %s", name, c.args, err)
			}
		}
	}
}

// A recipe that gives names of types, say, has no state dict of tensors as its result.
func TestResultThatIsNoTensorIsRefused(t *testing.T) {
	_, err := vet(t, "model \"a.safetensors\"\nmerge \"get_dtype\" &0", Options{MergeSpace: AnySpace})
	if err == nil || !strings.Contains(err.Error(), "the result is not a tensor: found get_dtype (line 3), which gives a string, expected a tensor") {
		t.Error(err)
	}
}

// Where two configs meet, the conversion that is missing is named, if there is one.
func TestConfigsThatDisagreeHaveAConversionOrNone(t *testing.T) {
	model := func(id string) string { return "model \"" + id + "\" model_config=\"" + id + "\"\n" }
	for _, c := range []struct{ text, want string }{
		{model("sdxl-sgm") + model("sdxl-kohya") + `merge "n_average" &0 &1`, "a conversion from sdxl-kohya to sdxl-sgm is missing: convert_'sdxl-kohya'_to_'sdxl-sgm'"},
		{model("sdxl-sgm") + "dict IN00=0.5\nliteral &1 model_config=\"sdxl-supermerger_blocks\"\nmerge \"weighted_sum\" &0 &0 &2", "convert_sdxl_blocks_to_sgm"},
		{"dict IN00=0.5\nliteral &0 model_config=\"sdxl-supermerger_blocks\"\n" + model("sdxl-sgm") + "merge \"weighted_sum\" &2 &2 &1", "convert_sdxl_blocks_to_sgm"},
		{model("sdxl-sgm") + `merge "convert_'sdxl-kohya'_to_'sdxl-sgm'" &0`, "a conversion from sdxl-sgm to sdxl-kohya is missing"},
		{model("sdxl-sgm") + model("sd1-ldm") + `merge "n_average" &0 &1`, "no conversion leads from one to the other"},
	} {
		if _, err := vet(t, c.text, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
	}
}

// One look at a recipe finds what is wrong with its merge spaces, its model configs and its values.
func TestErrorsOfAllKindsAreListedTogether(t *testing.T) {
	const head = "model \"a\" merge_space=\"weight\"\nmodel \"b\" merge_space=\"weight\"\nmerge \"add_difference\" &0 &1\n"
	for text, want := range map[string][]string{
		head + "merge \"cast\" &2 dtype=\"float17\"": {"line 4:1: the merge spaces do not agree", `line 5:1: cast: parameter dtype: unknown dtype "float17"`},
		head + "model \"c\" model_config=\"sdxl-sgm\"\nmodel \"d\" model_config=\"sd1-ldm\"\nmerge \"n_average\" &2 &3 &4": {
			"line 4:1: the merge spaces do not agree", "the model configs do not agree"},
		head + "merge \"exchange_ema\" &2": {"line 4:1: the merge spaces do not agree"},
	} {
		_, err := vet(t, text, Options{})
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s\n%q is not in %v", text, w, err)
			}
		}
		if err != nil && strings.Contains(err.Error(), "no implementation") {
			t.Errorf("%v: follows from the first error", err)
		}
	}
}
