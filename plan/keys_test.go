package plan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// two are the lines of two models.
const two = "model \"a\"\nmodel \"b\"\n"

// TestWhichKeysComeOutAndAsWhat is the table of availability, element types and shapes.
func TestWhichKeysComeOutAndAsWhat(t *testing.T) {
	for name, c := range map[string]struct {
		merge
		want    string // entries in the order of the file, joined by "; "
		missing int
	}{
		"common keys": {merge{recipe: two + `merge "weighted_sum" &0 &1 alpha=0.3`, models: map[string][]string{
			"a": {"x F16 2,3", "only F16 1"}, "b": {"x F32 2,3", "more F16 1"}}}, "x F16 [2, 3]", 2},
		"fallback": {merge{recipe: two + `merge "fallback" &0 &1`, models: map[string][]string{
			"a": {"x F16 2", "i I64 3"}, "b": {"x F32 5", "y BF16 0,4"}}}, "i I64 [3]; x F16 [2]; y BF16 [0, 4]", 0},
		"order": {merge{recipe: `model "a"`, models: map[string][]string{
			"a": {"b F16 1", "q F4 2", "a U8 1", "c F64 1", "z C64 1", "a2 F32 1", "B F16 1"}}},
			"c F64 [1]; z C64 [1]; a2 F32 [1]; B F16 [1]; b F16 [1]; a U8 [1]; q F4 [2]", 0},
		"output dtype": {merge{recipe: `model "a"`, o: plan.Options{OutputDType: tensor.BF16}, models: map[string][]string{
			"a": {"f F32 1", "i I32 1", "b BOOL 1", "c C64 1"}}}, "c C64 [1]; i I32 [1]; f BF16 [1]; b BOOL [1]", 0},
		"compat": {merge{recipe: two + `merge "weighted_sum" &0 &1`, o: plan.Options{OutputDType: tensor.F16, Compat: true}, models: map[string][]string{
			"a": {"i I32 1", "c C64 1"}, "b": {"i I32 1", "c C64 1"}}}, "c C64 [1]; i F16 [1]", 0},
		"cast": {merge{recipe: "model \"a\"\nmerge \"cast\" &0 dtype=\"int8\"", o: plan.Options{OutputDType: tensor.F32},
			models: map[string][]string{"a": {"x F16 2"}}}, "x I8 [2]", 0},
		"scalars with tensors": {merge{recipe: two + `merge "weighted_sum" &0 &1`, models: map[string][]string{
			"a": {"x F32", "y BF16"}, "b": {"x F16 2,2", "y F16"}}}, "x F32 [2, 2]; y BF16 []", 0},
		"stack": {merge{recipe: two + `merge "stack" &0 &1`, models: map[string][]string{
			"a": {"x F16 2", "i I64 1", "q F4 4"}, "b": {"x F32 2", "i I64 1", "q F4 4"}}}, "i I64 [2, 1]; x F16 [2, 2]; q F4 [2, 4]", 0},
		"number beside a model": {merge{recipe: "model \"a\"\nmerge \"fallback\" &0 0.5", models: map[string][]string{"a": {"x F16 2"}}}, "x F16 [2]", 0},
		"number of several models": {merge{recipe: two + "merge \"fallback\" 0.5 &0\nmerge \"fallback\" &2 &1", models: map[string][]string{
			"a": {"x F16 2"}, "b": {"y BF16 3", "i I64 4"}}}, "i F32 [4]; x F16 [2]; y BF16 [3]", 0},
		"zeros": {merge{recipe: two + "merge \"subtract\" &0 &1\nmerge \"scale\" &2 alpha=0.0", models: map[string][]string{
			"a": {"x F16 2,2"}, "b": {"x F16 2,2"}}}, "x F16 [2, 2]", 0},
		"a value for some keys": {merge{recipe: two + "dict x=0.25\nmerge \"weighted_sum\" &0 &1 alpha=&2", models: map[string][]string{
			"a": {"x F16 2", "y F16 2"}, "b": {"x F16 2", "y F16 2"}}}, "x F16 [2]", 1},
		"an unknown type that nobody needs": {merge{recipe: two + `merge "fallback" &0 &1`, models: map[string][]string{
			"a": {"x F16 2"}, "b": {"x Q9 2"}}}, "x F16 [2]", 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.must(t)
			if got := strings.Join(entries(p), "; "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if p.Missing[0].Count != c.missing {
				t.Errorf("missing %+v", p.Missing[0])
			}
			pos := int64(0)
			for i := range p.Jobs {
				e := p.Layouts[0].At(i)
				j := job(t, p, e.Key)
				if e.Pos != pos || j.Outputs[0].Pos != pos || j.Outputs[0].DType != e.DType || j.Outputs[0].N != e.Shape.N() {
					t.Errorf("%s: at %d, job %+v", e.Key, e.Pos, j)
				}
				pos += e.Size
			}
			if p.Totals.Keys != p.Jobs || p.Totals.BytesWrite != pos {
				t.Errorf("totals %+v", p.Totals)
			}
		})
	}
}

// TestWrongKeysAreNamed is the table of refusals: every text must be in the message.
func TestWrongKeysAreNamed(t *testing.T) {
	lerp := two + `merge "weighted_sum" &0 &1`
	for name, c := range map[string]struct {
		merge
		class tensor.Class
		want  []string
	}{
		"shapes": {merge{recipe: lerp, models: map[string][]string{"a": {"x F16 2,3", "y F16 1", "ok F16 1"}, "b": {"x F16 3,2", "y F16 2", "ok F16 1"}}},
			tensor.ClassInput, []string{`test.mecha:4:1: key "x": weighted_sum: shapes differ: a [2, 3] of a, b [3, 2] of b`, `key "y"`, "[1] of a", "[2] of b"}},
		"shapes of two kinds of models": {merge{recipe: lerp, models: map[string][]string{"a": {"model.diffusion_model.label_emb.0.0.bias F16 1280", "first_stage_model.decoder.conv_in.bias F16 512"},
			"b": {"te2.text_model.final_layer_norm.bias F16 1280", "first_stage_model.decoder.conv_in.bias F16 4"}}},
			tensor.ClassInput, []string{"shapes differ: a [512] of a, b [4] of b", `"a" has sdxl-sgm; "b" has sdxl-kohya`, "a conversion is missing"}},
		"mask": {merge{recipe: two + "model \"m\" merge_space=\"param\"\nmerge \"weighted_sum\" &0 &1 alpha=&2", models: map[string][]string{
			"a": {"x F16 2,3"}, "b": {"x F16 2,3"}, "m": {"x F32 3,1"}}}, tensor.ClassInput, []string{`key "x"`, "alpha [3, 1] of m"}},
		"mask of scalars": {merge{recipe: two + "model \"m\" merge_space=\"param\"\nmerge \"weighted_sum\" &0 &1 alpha=&2", models: map[string][]string{
			"a": {"x F16"}, "b": {"x F16"}, "m": {"x F32 3"}}}, tensor.ClassInput, []string{"alpha [3] of m"}},
		"nothing": {merge{recipe: lerp, models: map[string][]string{"a": {"x F16 1"}, "b": {"y F16 1"}}},
			tensor.ClassInput, []string{"nothing to merge", "a has 1 key, b has 1 key"}},
		"strict": {merge{recipe: lerp, o: plan.Options{StrictKeys: true}, models: map[string][]string{"a": {"x F16 1", "z F16 1"}, "b": {"x F16 1"}}},
			tensor.ClassInput, []string{"1 key cannot be produced: z: found no z in b (--fallback, or |"}},
		"unknown type": {merge{recipe: lerp, models: map[string][]string{"a": {"x Q9 1"}, "b": {"x F16 1"}}},
			tensor.ClassInput, []string{`key "x"`, `unknown element type "Q9"`}},
		"dtype": {merge{recipe: "model \"a\"\ndict x=\"float17\"\nmerge \"cast\" &0 dtype=&1", models: map[string][]string{"a": {"x F16 1"}}},
			tensor.ClassRecipe, []string{"test.mecha:4", `key "x": cast: parameter dtype`, "float17"}},
		"stack": {merge{recipe: two + `merge "stack" &0 &1`, models: map[string][]string{"a": {"x F16 1"}, "b": {"x F16 2"}}},
			tensor.ClassRecipe, []string{"test.mecha:4", `key "x": stack: value 2 has shape [2], the first one [1]`}},
		"a cast of what has no numbers": {merge{recipe: "model \"a\"\nmerge \"cast\" &0 dtype=\"float16\"", models: map[string][]string{"a": {"x C64 1"}}},
			tensor.ClassRecipe, []string{`key "x"`, "C64"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r != nil {
					t.Fatalf("panic: %v", r)
				}
			}()
			_, err := c.plan(t)
			if err == nil || tensor.ClassOf(err) != c.class {
				t.Fatalf("class %v: %v", tensor.ClassOf(err), err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in: %v", w, err)
				}
			}
		})
	}
}

func TestAllMismatchesAreInOneError(t *testing.T) {
	var a, b []string
	for i := range 300 {
		a = append(a, "k"+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10))+" F16 2")
		b = append(b, strings.TrimSuffix(a[i], "2")+"3")
	}
	_, err := merge{recipe: two + `merge "weighted_sum" &0 &1`, models: map[string][]string{"a": a, "b": b}}.plan(t)
	if n := strings.Count(err.Error(), "shapes differ"); n != 300 {
		t.Errorf("%d keys are listed", n)
	}
	p := merge{recipe: two + `merge "weighted_sum" &0 &1`, models: map[string][]string{"a": a, "b": b}, o: plan.Options{FirstShape: true}}.must(t)
	if j := job(t, p, "k000"); p.Mismatched[0].Count != 300 || !j.Outputs[0].Note.Mismatch || !j.Outputs[0].Note.Copied || reads(j) != "0:0" {
		t.Errorf("%d mismatches, job %+v", p.Mismatched[0].Count, j)
	}
}

// TestMissingKeysHideWhatIsWrongWithThem merges keys whose operands do not fit, but which
// cannot be made anyway: the fallback is taken, or they are left out.
func TestMissingKeysHideWhatIsWrongWithThem(t *testing.T) {
	models := map[string][]string{"a": {"x F16 2", "y F16 1"}, "b": {"x F16 3", "y F16 1"}, "c": {"y F16 1"}, "d": {"x F16 7", "y F16 1"}}
	text := two + "model \"c\"\nmodel \"d\"\nmerge \"weighted_sum\" &0 &1\nmerge \"weighted_sum\" &4 &2\n"
	if got := strings.Join(entries(merge{recipe: text, models: models}.must(t)), "; "); got != "y F16 [1]" {
		t.Error(got)
	}
	if got := strings.Join(entries(merge{recipe: text + `merge "fallback" &5 &3`, models: models}.must(t)), "; "); got != "x F16 [7]; y F16 [1]" {
		t.Error(got)
	}
}

// TestOnlyWhatIsUsedIsNoted looks at the counts of keys by how they came to be, and at reads.
func TestOnlyWhatIsUsedIsNoted(t *testing.T) {
	models := map[string][]string{"a": {"x F16 2", "i I64 1"}, "b": {"x F16 2", "y F16 2", "i F16 1"}, "c": {"x F16 2", "y F16 3", "z F16 1"}}
	p := merge{recipe: two + "model \"c\"\nmerge \"weighted_sum\" &1 &2 alpha=0.5\nmerge \"fallback\" &0 &1\nmerge \"fallback\" &4 &2", models: models}.must(t)
	for key, want := range map[string]struct {
		reads string
		note  plan.Note
	}{
		"x": {"0:0", plan.Note{Copied: true}},
		"i": {"0:1", plan.Note{Copied: true}},
		"y": {"1:1", plan.Note{Copied: true, FellBack: true}},
		"z": {"2:2", plan.Note{Copied: true, FellBack: true}},
	} {
		if j := job(t, p, key); reads(j) != want.reads || j.Outputs[0].Note != want.note {
			t.Errorf("%s: reads %s, note %+v", key, reads(j), j.Outputs[0].Note)
		}
	}
	if want := []int{2, 1, 1}; !slices.Equal(p.Used, want) || p.Totals.FellBack != 2 || p.Totals.Copied != 4 {
		t.Errorf("used %v, totals %+v", p.Used, p.Totals)
	}
}

func TestIntegersPassThrough(t *testing.T) {
	models := map[string][]string{"a": {"i I64 3", "c C64 1", "q F4 2", "m F32 1", "f F16 1"}, "b": {"i I64 3", "c C64 1", "q F4 2", "m I32 1", "f F16 1"}}
	p := merge{recipe: two + "merge \"weighted_sum\" &0 &1\nmerge \"weighted_sum\" &2 &1", models: models}.must(t)
	for _, key := range []string{"i", "c", "q", "m"} {
		if j := job(t, p, key); !j.Outputs[0].Note.Integer || !j.Outputs[0].Note.Copied || len(j.Segments[0].Reads) != 1 || j.Segments[0].Reads[0].Model != 0 {
			t.Errorf("%s: %+v", key, j)
		}
	}
	if j := job(t, p, "f"); j.Outputs[0].Note != (plan.Note{}) || p.Totals.Integers != 4 || p.Totals.BytesRead != 3*8+8+1+4+2+2 {
		t.Errorf("f: %+v, totals %+v", j.Outputs[0].Note, p.Totals)
	}
}

// TestHalfMergeTypesRoundStoredTensorsOnce counts the roundings of a program.
func TestHalfMergeTypesRoundStoredTensorsOnce(t *testing.T) {
	models := map[string][]string{"a": {"x F32 2", "i F32 1"}, "b": {"x F32 2", "i I32 1"}}
	for d, want := range map[tensor.DType]int{tensor.F32: 0, tensor.F64: 0, tensor.F16: 2, tensor.BF16: 2} {
		p := merge{recipe: two + "merge \"weighted_sum\" &0 &1 alpha=0.3\nmerge \"weighted_sum\" &2 &1 alpha=0.3", models: models, o: plan.Options{MergeDType: d}}.must(t)
		j := job(t, p, "x")
		prog := j.Segments[0].Inst.Sweeps[0].Bodies[0].Steps[0].Prog
		if got := strings.Count(prog.String(), "= round"); got != want {
			t.Errorf("%v: %d roundings in\n%v", d, got, prog)
		}
		if prog.Compute.DType() == tensor.F64 != (d == tensor.F64) {
			t.Errorf("%v: computes in %v", d, prog.Compute)
		}
	}
}

func TestOneElementShortcutsDropReads(t *testing.T) {
	models := map[string][]string{"a": {"x F16 2"}, "b": {"x F16 2"}}
	for alpha, want := range map[string]string{"0.0": "0:0", "1.0": "1:0", "0.5": "0:0 1:0"} {
		p := merge{recipe: two + `merge "weighted_sum" &0 &1 alpha=` + alpha, models: models}.must(t)
		if got := reads(job(t, p, "x")); got != want {
			t.Errorf("alpha %s reads %s", alpha, got)
		}
	}
}

// TestRestarts generates a job again without inputs that turned out to be not finite.
func TestRestarts(t *testing.T) {
	models := map[string][]string{"a": {"x F16 2", "y F16 2"}, "b": {"x F16 2", "y F16 2"}, "c": {"x F32 2", "y F32 9"}}
	p := merge{recipe: two + "model \"c\"\nmerge \"weighted_sum\" &0 &1 alpha=0.3\nmerge \"fallback\" &3 &2", models: models, o: plan.Options{Guard: true}}.must(t)
	j := job(t, p, "x")
	guards := slices.Clone(j.Segments[0].Inst.Guards)
	if slices.Sort(guards); len(guards) != 2 || j.Outputs[0].Note.FellBack {
		t.Fatalf("guards %v, note %+v", guards, j.Outputs[0].Note)
	}
	again := job(t, p, "x", guards[1])
	if reads(again) != "2:0" || again.Outputs[0].DType != tensor.F16 || !again.Outputs[0].Note.FellBack || again.Outputs[0].Note.Copied || again.Segments[0].Inst.Outs[0].DType != tensor.F16 {
		t.Errorf("again: %s %+v", reads(again), again)
	}
	last := again.Segments[0].Inst.Guards
	i, _ := p.Layouts[0].Lookup("x")
	if gone, err := p.Generate(i, append(guards, last...)); err != nil || !gone.Dropped() || len(gone.Segments) != 0 {
		t.Errorf("without all: %+v, %v", gone, err)
	}
	i, _ = p.Layouts[0].Lookup("y")
	if _, err := p.Generate(i, job(t, p, "y").Segments[0].Inst.Guards[:1]); tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), `key "y"`) || !strings.Contains(err.Error(), "[9]") {
		t.Errorf("an alternative of another shape: %v", err)
	}
	if j := job(t, p, "x"); reads(j) != "0:0 1:0" {
		t.Errorf("restarting changed the plan: %s", reads(j))
	}
}

// TestFactorsThatFallBackAreNoFallbacks of the result: most keys have the factor for other keys.
func TestFactorsThatFallBackAreNoFallbacks(t *testing.T) {
	models := map[string][]string{"a": {"x F16 2", "y F16 2"}, "b": {"x F16 2", "y F16 2"}}
	p := merge{recipe: two + "dict x=0.25\nmerge \"fallback\" &2 0.5\nmerge \"weighted_sum\" &0 &1 alpha=&3", models: models}.must(t)
	if p.Totals.FellBack != 0 || p.Totals.Keys != 2 || job(t, p, "y").Outputs[0].Note.FellBack {
		t.Errorf("%+v", p.Totals)
	}
}

// TestGuardsThatTheRecipeAsksFor are there also if the policy has none.
func TestGuardsThatTheRecipeAsksFor(t *testing.T) {
	models := map[string][]string{"a": {"x F16 2"}, "b": {"x F16 2"}}
	for name, text := range map[string]string{
		"of a model":  two + "merge \"omit_non_finite\" &0\nmerge \"fallback\" &2 &1",
		"of a cast":   two + "merge \"cast\" &0 dtype=\"float16\"\nmerge \"omit_non_finite\" &2\nmerge \"fallback\" &3 &1",
		"of a result": two + "merge \"weighted_sum\" &0 &1 alpha=0.3\nmerge \"omit_non_finite\" &2\nmerge \"fallback\" &3 &1",
	} {
		p := merge{recipe: text, models: models}.must(t)
		guards := job(t, p, "x").Segments[0].Inst.Guards
		if len(guards) != 1 {
			t.Errorf("%s: guards %v", name, guards)
			continue
		}
		if j := job(t, p, "x", guards...); reads(j) != "1:0" || !j.Outputs[0].Note.FellBack {
			t.Errorf("%s: again: %s", name, reads(j))
		}
	}
}

// keyMapped is a method with two ways to make a key: from "x.a" and "x.b", or from "x".
func keyMapped() *methods.Method {
	m := methods.Fused("pair", "a test", func(x ...methods.T) methods.T { return x[len(x)-1] }, methods.Input("m", "a model"))
	m.Keys = func(string, []string) (methods.KeyMap, error) {
		return func(out string) (methods.Relation, bool) {
			return methods.Relation{Outputs: []string{out}, Alternatives: []methods.Clause{
				{Inputs: [][]string{{out + ".a", out + ".b"}}}, {Inputs: [][]string{{out}}}}}, out != "none"
		}, nil
	}
	return m
}

func TestTheFirstAlternativeOfAKeyMapThatExistsIsTaken(t *testing.T) {
	p := merge{recipe: "model \"a\"\nmerge \"pair\" &0", own: []*methods.Method{keyMapped()},
		models: map[string][]string{"a": {"x F16 1", "x.a F16 2", "x.b F16 2", "y F16 3", "y.a F16 3", "none F16 1"}}}.must(t)
	if got := strings.Join(entries(p), "; "); got != "x F16 [2]; x.a F16 [2]; x.b F16 [2]; y F16 [3]; y.a F16 [3]" {
		t.Error(got)
	}
	if j := job(t, p, "x"); reads(j) != "0:2" { // what the formula does not need is not read
		t.Errorf("x reads %s", reads(j))
	}
}

func TestFaultsOfFormulasAreErrors(t *testing.T) {
	bad := methods.Fused("bad", "a test", func(x ...methods.T) methods.T { return x[0].Trace().Concat(x[0].Sum(), x[0]) }, methods.Input("m", "a model"))
	_, err := merge{recipe: "model \"a\"\nmerge \"bad\" &0", own: []*methods.Method{bad}, models: map[string][]string{"a": {"x F16 2"}}}.plan(t)
	var te *tensor.Error
	if !errors.As(err, &te) || te.Class != tensor.ClassRecipe || te.Key != "x" || te.Path != "test.mecha:3:1" || !strings.Contains(err.Error(), "bad: ") {
		t.Errorf("%v", err)
	}
	// The error does not stick to keys that do not need the formula.
	p := merge{recipe: two + "merge \"bad\" &1\nmerge \"fallback\" &0 &2", own: []*methods.Method{bad}, models: map[string][]string{"a": {"x F16 2"}, "b": {}}}.must(t)
	if p.Jobs != 1 {
		t.Errorf("%d jobs", p.Jobs)
	}
}
