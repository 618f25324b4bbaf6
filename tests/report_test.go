package tests

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// eventful are two models to which everything happens that a report tells of, and a
// fallback: x is computed; low and high lose range in float16; nan is omitted and falls back;
// nans is dropped; only is in one model; ids are integers; inf is computed to infinity.
func eventful() map[string]memory.Dict {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	one := func(x ...float32) memory.Tensor { return f32s(tensor.Shape{int64(len(x))}, x...) }
	return map[string]memory.Dict{
		"a": {"x": one(1, 2, 3), "high": one(1e6, 1, -1e6), "low": one(1e-12, 0, -1e-12), "nan": one(1, nan), "nans": one(inf, 1), "only": one(1), "ids": i64s(7, -8), "inf": one(3e38)},
		"b": {"x": one(3, 2, 1), "high": one(1e6, 1, -1e6), "low": one(1e-12, 0, -1e-12), "nan": one(1, 1), "nans": one(1, 1), "ids": i64s(1, 1), "inf": one(3e38)},
		"c": {"nan": one(5, 6), "ids": i64s(0, 0)},
		"d": {"q": one(1)},
	}
}

const eventfulRecipe = `merge "add_difference" &0 &1 alpha=1.0`

func names(n ...string) []string { return n }

// Everything that happens to a key is in the report, with its name and counts.
func TestReportTellsEverything(t *testing.T) {
	models := eventful()
	w := newWorld(t, models)
	got, rep := w.mustMerge(recipeFor("abc", eventfulRecipe, `merge "fallback" &3 &2`), mecha.Options{OutputDType: tensor.F16})
	if !bytes.Equal(got["ids"].Data, models["a"]["ids"].Data) || got["ids"].DType != tensor.I64 {
		t.Errorf("integers became %v %x", got["ids"].DType, got["ids"].Data)
	}
	wantData := map[string][]byte{"x": floats(tensor.F16, nil, 4, 4, 4).Data, "nan": floats(tensor.F16, nil, 5, 6).Data,
		"high": {0, 0x7c, 0, 0x40, 0, 0xfc}, "low": {0, 0, 0, 0, 0, 0x80}, "inf": {0, 0x7c}}
	for key, want := range wantData {
		if x := got[key]; x.DType != tensor.F16 || !bytes.Equal(x.Data, want) {
			t.Errorf("%s is %v %x, want %x", key, x.DType, x.Data, want)
		}
	}
	if len(got) != 6 {
		t.Errorf("%d keys", len(got))
	}
	k := rep.Keys
	if k.Written != 6 || k.Integers != 1 || k.FellBack != 1 || k.Omitted != 1 || k.Computed+k.Copied != 6 {
		t.Errorf("keys %+v", k)
	}
	if !slices.Equal(rep.Dropped.Names, names("nans")) || !slices.Equal(rep.Missing.Names, names("only")) {
		t.Errorf("dropped %+v, missing %+v", rep.Dropped, rep.Missing)
	}
	if o := slices.Sorted(slices.Values(rep.OmittedInputs.Names)); !slices.Equal(o, names("/in/a: nan", "/in/a: nans")) {
		t.Errorf("omitted %v", o)
	}
	lossy := map[string]int64{}
	for _, c := range rep.Lossy.First {
		lossy[c.Key] = c.Elements
	}
	if lossy["high"] != 2 || lossy["low"] != 2 || rep.Lossy.Elements != int64(4+lossy["inf"]) {
		t.Errorf("lossy %+v", rep.Lossy)
	}
	nonFinite := map[string]int64{}
	for _, c := range rep.NonFinite.First {
		nonFinite[c.Key] = c.Elements
	}
	if nonFinite["high"] != 2 || nonFinite["inf"] != 1 || rep.NonFinite.Elements != 3 {
		t.Errorf("non-finite %+v", rep.NonFinite)
	}
	for i, used := range []int{7, 7, 1} { // of c only what was planned
		if m := rep.Models[i]; m.Used > m.Keys || i < 2 && m.Used < used-1 || m.File != "/in/"+string("abc"[i]) {
			t.Errorf("model %+v", m)
		}
	}
}

// A model that nothing is read from is a warning.
func TestModelThatIsNotReadIsAWarning(t *testing.T) {
	w := newWorld(t, eventful())
	_, rep := w.mustMerge(recipeFor("bd", `merge "fallback" &0 &1`), mecha.Options{})
	if slices.ContainsFunc(rep.Warnings, func(s string) bool { return strings.Contains(s, "no tensor of") }) {
		t.Errorf("d supplies q, but: %v", rep.Warnings)
	}
	_, rep = w.mustMerge(recipeFor("bc", `merge "weighted_sum" &0 &1 alpha=0.0`), mecha.Options{})
	if !slices.ContainsFunc(rep.Warnings, func(s string) bool { return strings.Contains(s, "no tensor of c is read") }) || rep.Models[1].Used != 0 {
		t.Errorf("warnings %v, models %+v", rep.Warnings, rep.Models)
	}
}

// Different shapes are an error that lists every key with all shapes, or, if asked for, the
// first model's tensor, and are in the report.
func TestShapesThatDifferAreListed(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{
		"a": {"u": f32s(tensor.Shape{2}, 1, 2), "v": f32s(tensor.Shape{2, 1}, 3, 4), "w": f32s(tensor.Shape{1}, 5)},
		"b": {"u": f32s(tensor.Shape{3}, 1, 2, 3), "v": f32s(tensor.Shape{1, 2}, 3, 4), "w": f32s(tensor.Shape{1}, 7)},
	})
	text := recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.5`)
	_, err := merge(w.Mem, text, "/out/m", mecha.Options{})
	if tensor.ClassOf(err) != tensor.ClassInput || len(w.files("/out")) != 0 {
		t.Fatalf("error %v, files %v", err, w.files("/out"))
	}
	for _, want := range []string{`"u"`, "[2]", "[3]", `"v"`, "[2, 1]", "[1, 2]", "weighted_sum"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not hold %s", err, want)
		}
	}
	if strings.Contains(err.Error(), `"w"`) {
		t.Errorf("w is right: %v", err)
	}
	got, rep := w.mustMerge(text, mecha.Options{OnShapeMismatch: mecha.FirstShape})
	if !slices.Equal(rep.Mismatched.Names, names("u", "v")) || !bytes.Equal(got["u"].Data, f32s(nil, 1, 2).Data) || !got["v"].Shape.Equal(tensor.Shape{2, 1}) {
		t.Errorf("mismatched %+v, u %v, v %v", rep.Mismatched, got["u"].Shape, got["v"].Shape)
	}
	if !bytes.Equal(got["w"].Data, f32s(nil, 6).Data) {
		t.Errorf("w is %x", got["w"].Data)
	}
}

// Strict checks fail after the output is complete; strict keys before anything is written.
func TestStrictChecksFail(t *testing.T) {
	w := newWorld(t, eventful())
	text := recipeFor("ab", eventfulRecipe)
	rep, err := merge(w.Mem, text, "/out/m", mecha.Options{Strict: true})
	if rep == nil || tensor.ClassOf(err) != tensor.ClassStrict || tensor.ClassOf(err).ExitCode() != 8 {
		t.Fatalf("report %v, error %v", rep, err)
	}
	for _, want := range []string{`"inf"`, `"only"`, "dropped"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not hold %s", err, want)
		}
	}
	if _, _, err := decode(w.get("/out/m")); err != nil {
		t.Errorf("the output: %v", err)
	}
	check(t, w.Remove("/out/m"))
	rep, err = merge(w.Mem, text, "/out/m", mecha.Options{StrictKeys: true})
	if rep != nil || tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "only") || len(w.files("/out")) != 0 {
		t.Errorf("report %v, error %v, files %v", rep, err, w.files("/out"))
	}
	// Row 17: a key that a fallback supplies is not missing.
	if _, err = merge(w.Mem, recipeFor("abd", `merge "weighted_sum" &0 &1`, `merge "fallback" &3 &0`, `merge "fallback" &4 &2`), "/out/m", mecha.Options{StrictKeys: true}); err != nil {
		t.Error(err)
	}
}

// The report in JSON says what the one for people says.
func TestReportInJSONSaysWhatTheTextSays(t *testing.T) {
	dir := t.TempDir()
	for name, d := range eventful() {
		check(t, os.WriteFile(filepath.Join(dir, name), encode(t, d, nil), 0o600))
	}
	check(t, os.WriteFile(filepath.Join(dir, "r.mecha"), []byte(recipeFor("abc", eventfulRecipe, `merge "fallback" &3 &2`)), 0o600))
	run := func(flags ...string) (stdout, stderr []byte) {
		cmd := exec.Command(program(t), append([]string{"merge", filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "out"), "--output-dtype", "float16", "--strict"}, flags...)...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != 8 {
			t.Errorf("exit code %d: %s", code, &errs)
		}
		return out.Bytes(), errs.Bytes()
	}
	_, text := run()
	out, _ := run("--json")
	var rep mecha.Report
	for line := range bytes.Lines(out) {
		if bytes.Contains(line, []byte(`"type":"report"`)) {
			check(t, json.Unmarshal(line, &rep))
		}
	}
	if rep.Keys.Written != 6 || rep.Dropped.Count != 1 {
		t.Fatalf("report %+v", rep)
	}
	want := append([]string{"6 keys", "fallback", "1 omitted", "integers"}, rep.Dropped.Names...)
	want = append(append(want, rep.Missing.Names...), rep.OmittedInputs.Names...)
	for _, c := range append(rep.NonFinite.First, rep.Lossy.First...) {
		want = append(want, c.Key)
	}
	for _, x := range want {
		if !bytes.Contains(text, []byte(x)) {
			t.Errorf("the text does not hold %q:\n%s", x, text)
		}
	}
}
