package recipe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// head makes a header of scalars.
func head(t testing.TB, keys ...string) *tensor.Header {
	t.Helper()
	h := tensor.NewHeader(len(keys))
	for i, k := range keys {
		if err := h.Add(k, tensor.F32, tensor.Shape{}, int64(4*i)); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func vet(t testing.TB, text string, o Options) (*Solved, error) {
	t.Helper()
	return Solve(context.Background(), mustParse(t, text), nil, o)
}

// solve solves a recipe with models whose keys are given: "a.safetensors": {"w"}.
func solve(t testing.TB, text string, keys map[string][]string, o Options) (*Solved, error) {
	t.Helper()
	models := []Model{}
	for path, k := range keys {
		models = append(models, Model{path, head(t, k...)})
	}
	return Solve(context.Background(), mustParse(t, text), models, o)
}

func mustSolve(t testing.TB, text string, keys map[string][]string, o Options) *Solved {
	t.Helper()
	s, err := solve(t, text, keys, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

func allKeys(s *Solved) string {
	var keys []string
	for i := range s.NumKeys() {
		keys = append(keys, s.Key(i))
	}
	return strings.Join(keys, " ")
}

// wantError checks that an error has all the words, and class recipe.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
	if c := tensor.ClassOf(err); c != tensor.ClassRecipe {
		t.Errorf("class %v: %v", c, err)
	}
}

const twoModels = "model \"a\"\nmodel \"b\"\n"

func TestSolvedRecipeHasTheFormOfTheReference(t *testing.T) {
	for name, c := range map[string][2]string{
		"sum":   {twoModels + `merge "weighted_sum" &0 &1 alpha=5e-1`, `weight`},
		"task":  {twoModels + "merge \"subtract\" &1 &0\nmerge \"scale\" &2 0.5\nmerge \"add_difference\" &0 &3", `weight`},
		"delta": {twoModels + `merge "subtract" &1 &0`, `delta`},
	} {
		s, err := vet(t, c[0], Options{MergeSpace: methods.Space(c[1])})
		if err != nil {
			t.Fatal(name, err)
		}
		if string(s.Space) != c[1] {
			t.Errorf("%s: space %s", name, s.Space)
		}
	}
	s, _ := vet(t, twoModels+"merge \"subtract\" &1 &0\nmerge \"scale\" &2 0.5\nmerge \"add_difference\" &0 &3", Options{})
	want := `model "a" model_config=null merge_space="weight"
model "b" model_config=null merge_space="weight"
merge "subtract" &1 &0
dict key=0.5
literal &3 model_config="singleton-mecha" merge_space="param"
merge "convert_singleton" &4
merge "scale" &2 &5
dict key=1.0
literal &7 model_config="singleton-mecha" merge_space="param"
merge "convert_singleton" &8
merge "add_difference" &0 &6 &9`
	if got := mustFormat(t, s.Graph); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	text, err := s.Format()
	if err != nil || !strings.HasPrefix(string(text), "version 0.1.0\n# ") {
		t.Errorf("no comment about structural configs: %s, %v", text, err)
	}
	if again, err := Parse(text, "", Builtin()); err != nil || !again.Equal(s.Graph) {
		t.Errorf("the embedded recipe is another one: %v", err)
	}
}

func TestNodeThatIsTiedAndFixedKeepsTheTie(t *testing.T) {
	text := twoModels + "merge \"subtract\" &0 &1\nmerge \"add_difference\" &2 &2"
	_, err := vet(t, text, Options{})
	wantError(t, err, "merge spaces", "subtract (line 4) gives delta", "must be weight", "add_difference (line 5)", "merge space delta")
	if _, err := vet(t, text, Options{MergeSpace: methods.Delta}); err != nil {
		t.Errorf("d + d is a delta: %v", err)
	}
	if s, err := vet(t, text, Options{MergeSpace: AnySpace}); err != nil || s.Space != methods.Delta {
		t.Errorf("space any: %v", err)
	}
}

func TestSpaceErrorsSayWhatDisagreesAndWhatHelps(t *testing.T) {
	_, err := vet(t, twoModels+"merge \"add_difference\" &0 &1\n", Options{})
	if err != nil {
		t.Errorf("an unhinted model can be a delta: %v", err)
	}
	_, err = vet(t, "model \"a\" merge_space=\"weight\"\nmodel \"b\" merge_space=\"weight\"\nmerge \"add_difference\" &0 &1", Options{})
	wantError(t, err, `model "b" (line 3) is weight by its hint`, "parameter b of add_difference (line 4) takes delta", "subtract", "hint")
	_, err = vet(t, twoModels+"merge \"subtract\" &0 &1\nmerge \"subtract\" &2 &1", Options{MergeSpace: methods.Delta})
	wantError(t, err, "subtract (line 4) gives delta", "parameter a of subtract (line 5) takes weight")
	_, err = vet(t, twoModels+`merge "add_opposite_mask" &0 &1 &0`, Options{MergeSpace: methods.ParamSpace})
	wantError(t, err, "is not clear", "weight or delta or param", `model "a" (line 2)`)
	_, err = vet(t, twoModels, Options{MergeSpace: "wieght"})
	wantError(t, err, `unknown merge space "wieght"`, "weight")
}

func TestAnySpaceTakesTheFirstThatIsPossible(t *testing.T) {
	s, err := vet(t, twoModels+`merge "add_opposite_mask" &0 &1 &0`, Options{MergeSpace: AnySpace})
	if err != nil {
		t.Fatal(err)
	}
	if s.Space != methods.ParamSpace || s.Nodes[0].Space != methods.Weight {
		t.Errorf("spaces %s of %s", s.Space, s.Nodes[0].Space)
	}
}

func TestOneNumberMayBeModelAndParameter(t *testing.T) {
	s, err := vet(t, "model \"a\"\nmerge \"weighted_sum\" &0 1.0 1.0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := mustFormat(t, s.Graph)
	for _, space := range []string{"weight", "param"} {
		if !strings.Contains(text, `literal &1 model_config="singleton-mecha" merge_space="`+space+`"`) {
			t.Errorf("no value in %s:\n%s", space, text)
		}
	}
}

func TestUserSpacesAreAcceptedWhereAnyIs(t *testing.T) {
	env := Builtin()
	env.Spaces = env.Spaces.With("mine")
	g, err := Parse([]byte("version 0.1.0\nmodel \"a\" merge_space=\"mine\"\nmerge \"weighted_sum\" &0 &0"), "", env)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Solve(context.Background(), g, nil, Options{MergeSpace: "mine"})
	if err != nil || s.Space != "mine" {
		t.Error(err)
	}
}

func TestStructuralConfigIsTheUnion(t *testing.T) {
	keys := map[string][]string{"a": {"x", "y"}, "b": {"z", "y"}}
	s := mustSolve(t, twoModels+`merge "fallback" &0 &1`, keys, Options{})
	if got := allKeys(s); got != "x y z" {
		t.Errorf("keys %q", got)
	}
	for _, key := range []string{"x", "y", "z"} {
		if !s.Exists(len(s.Nodes)-1, key, nil) {
			t.Errorf("a|b lacks %s", key)
		}
	}
	s = mustSolve(t, twoModels+`merge "weighted_sum" &0 &1`, keys, Options{})
	root := len(s.Nodes) - 1
	if s.Exists(root, "x", nil) || !s.Exists(root, "y", nil) || s.Exists(root, "z", nil) {
		t.Error("weighted_sum has the keys that both have")
	}
	s = mustSolve(t, twoModels+`merge "weighted_sum" &0 &1`, keys, Options{Fallback: "./a"})
	if root := len(s.Nodes) - 1; !s.Exists(root, "x", nil) || s.Exists(root, "z", nil) {
		t.Error("the fallback supplies x")
	}
	if text := mustFormat(t, s.Graph); !strings.HasSuffix(text, `merge "fallback" &5 &0`) {
		t.Errorf("the fallback is not in the recipe:\n%s", text)
	}
}

func TestGoneModelsAreReplacedByAlternatives(t *testing.T) {
	s := mustSolve(t, twoModels+`merge "fallback" &0 &1`, map[string][]string{"a": {"x", "y"}, "b": {"y"}}, Options{})
	gone := func(n int) bool { return s.Nodes[n].Kind == ModelNode && s.Models[s.Nodes[n].Model].Path == "a" }
	if root := len(s.Nodes) - 1; s.Exists(root, "x", gone) || !s.Exists(root, "y", gone) {
		t.Error("without a, only y is left")
	}
}

func TestLiteralsThatSteerDoNotVote(t *testing.T) {
	keys := map[string][]string{"a": {"x", "y"}, "b": {"x", "y"}}
	s := mustSolve(t, twoModels+"dict x=0.5 foo=0.1\nmerge \"weighted_sum\" &0 &1 &2", keys, Options{})
	if got := allKeys(s); got != "x y" {
		t.Errorf("keys %q", got)
	}
	if root := len(s.Nodes) - 1; !s.Exists(root, "x", nil) || s.Exists(root, "y", nil) {
		t.Error("alpha is there for x only")
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "foo") {
		t.Errorf("warnings %q", s.Warnings)
	}
	_, err := solve(t, twoModels+"dict foo=0.5\nmerge \"weighted_sum\" &0 &1 &2", keys, Options{})
	wantError(t, err, "line 4", "none of its keys", "foo")
	_, err = solve(t, twoModels+"dict BASE=0.5 IN00=1\nmerge \"weighted_sum\" &0 &1 &2", keys, Options{})
	wantError(t, err, "keys of sdxl-supermerger_blocks or sd1-supermerger_blocks")
	unet := "model.diffusion_model."
	_, err = solve(t, twoModels+"dict BASE=0.5 IN00=1\nmerge \"weighted_sum\" &0 &1 &2", map[string][]string{"a": {unet + "out.0.bias"}, "b": {unet + "out.0.bias"}}, Options{})
	wantError(t, err, "keys of sd1-supermerger_blocks", "convert_sd1_blocks_to_ldm")
	_, err = solve(t, twoModels+"dict key=0.5\nmerge \"weighted_sum\" &0 &1 &2", keys, Options{})
	wantError(t, err, "convert_singleton")
}

func TestRecipeOfValuesOnlyHasOneKey(t *testing.T) {
	s := mustSolve(t, "dict key=2.0\nliteral &0 merge_space=\"weight\"\nmerge \"weighted_sum\" &1 3.0", nil, Options{})
	if got := allKeys(s); got != "key" {
		t.Errorf("keys %q", got)
	}
	s = mustSolve(t, "merge \"convert_singleton\" &0\n"[:0]+"merge \"weighted_sum\" 2.0 3.0", map[string][]string{}, Options{})
	if got := allKeys(s); got != "key" || !s.Exists(len(s.Nodes)-1, "key", nil) {
		t.Errorf("keys %q", got)
	}
}

func TestLiteralOfNodesTakesKeysFromThem(t *testing.T) {
	s := mustSolve(t, twoModels+"dict w=&0 v=&1\nliteral &2 merge_space=\"weight\"", map[string][]string{"a": {"w", "v"}, "b": {"w"}}, Options{})
	root := len(s.Nodes) - 1
	if !s.Exists(root, "w", nil) || s.Exists(root, "v", nil) {
		t.Error("w comes from a; v would come from b, which lacks it")
	}
	if e, ok := s.Nodes[root].Entry("w"); !ok || s.Nodes[e.Node].Kind != ModelNode {
		t.Error("entry w is not the model")
	}
}

func TestWhatIsKnownButNotAvailableIsSaidSo(t *testing.T) {
	_, err := vet(t, "model \"a\"\nmerge \"ties_sum\" &0", Options{MergeSpace: methods.Delta})
	wantError(t, err, "line 3", "ties_sum", "known, not available yet")
	_, err = vet(t, "model \"a\"\nmerge \"rebasin\" &0 &0", Options{})
	wantError(t, err, "rebasin", "known, not available yet")
	_, err = solve(t, "model \"a\" model_config=\"infer\"", map[string][]string{"a": {"q"}}, Options{})
	wantError(t, err, "infer", "no available one fits")
}

func TestParametersAreCheckedWhenSolving(t *testing.T) {
	for text, words := range map[string][]string{
		`merge "weighted_sum" &0 &1 null`:                                          {"line 4", "parameter alpha", "null"},
		`merge "clamp" &0 &1 stiffness="x"`:                                        {"clamp", "stiffness", `"x"`},
		`merge "clamp" &0 &1 stiffness=&0`:                                         {"clamp", "stiffness", `model "a"`},
		`merge "cast" &0 dtype=3`:                                                  {"cast", "dtype", "3"},
		"dict x=0.5 y=99999999999999999999\nmerge \"scale\" &0 &2":                 {"alpha", "64 bits", `key "y"`},
		"dict x=\"s\"\nmerge \"fallback\" &2 1.0\nmerge \"weighted_sum\" &0 &1 &3": {"line 6", "alpha", `"s"`},
	} {
		_, err := vet(t, twoModels+text, Options{MergeSpace: AnySpace})
		wantError(t, err, words...)
	}
	if _, err := vet(t, twoModels+`merge "weighted_sum" &0 &1 true`, Options{}); err != nil {
		t.Errorf("a boolean is a number: %v", err)
	}
}

func TestNamedConfigsWorkOnceTheyHaveATable(t *testing.T) {
	keys := map[string][]string{"a": {"v_alias", "w"}, "b": {"v", "extra"}}
	s := mustSolve(t, twoModels+`merge "fallback" &0 &1`, keys, Options{})
	if s.Config.ID() != "toy-a" || allKeys(s) != "v w extra" {
		t.Errorf("config %s, keys %q", s.Config.ID(), allKeys(s))
	}
	if i, ok := s.Lookup(0, "v"); !ok || i != 0 {
		t.Error("v is not found under its alias")
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "extra") {
		t.Errorf("warnings %q", s.Warnings)
	}
	if !s.Optional("z") || s.Optional("w") {
		t.Error("z is optional, w is not")
	}
	if s = mustSolve(t, twoModels+`merge "fallback" &0 &1`, keys, Options{ExtraKeys: DropExtra}); allKeys(s) != "v w" {
		t.Errorf("keys %q", allKeys(s))
	}
	if s = mustSolve(t, `model "a" model_config="toy-a"`, map[string][]string{"a": {"w"}}, Options{StrictKeys: true}); allKeys(s) != "w v" {
		t.Errorf("strict: keys %q", allKeys(s))
	}
	_, err := solve(t, twoModels+`merge "fallback" &0 &1`, keys, Options{ExtraKeys: RefuseExtra})
	if err == nil || tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "extra") {
		t.Error(err)
	}
	_, err = solve(t, "model \"a\" model_config=\"toy-a\"\nmodel \"b\"\nmerge \"fallback\" &0 &1", map[string][]string{"a": {"w"}, "b": {"q"}}, Options{})
	if err == nil || tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "none of its keys") {
		t.Error(err)
	}
	s = mustSolve(t, "model \"a\" model_config=\"infer\"", map[string][]string{"a": {"w"}}, Options{})
	if s.Config.ID() != "toy-a" || !strings.Contains(mustFormat(t, s.Graph), `model_config="toy-a"`) {
		t.Error("infer is not resolved")
	}
}

// A literal may name a key as it likes, but once.
func TestKeysOfLiteralsHaveOneName(t *testing.T) {
	keys := map[string][]string{"a": {"v_alias", "w"}, "b": {"v", "w"}}
	_, err := solve(t, twoModels+"dict w=1 v_alias=0.25 v=0.5\nmerge \"weighted_sum\" &0 &1 &2", keys, Options{})
	wantError(t, err, `key "v_alias"`, "model config toy-a under two names", `"v"`, "line 4")
	mustSolve(t, twoModels+"dict w=1 v_alias=0.25\nmerge \"weighted_sum\" &0 &1 &2", keys, Options{})
}

func TestMessagesCountKeysInWords(t *testing.T) {
	s := mustSolve(t, twoModels+`merge "fallback" &0 &1`, map[string][]string{"a": {"w"}, "b": {"v", "extra"}}, Options{})
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "1 of 2 keys is not a key of model config toy-a: extra") {
		t.Errorf("warnings %q", s.Warnings)
	}
	_, err := solve(t, `model "a" model_config="toy-a"`, map[string][]string{"a": {"w", "extra"}}, Options{ExtraKeys: RefuseExtra})
	if err == nil || !strings.Contains(err.Error(), "1 key is not a key of model config toy-a: extra") {
		t.Error(err)
	}
}

func TestConfigsThatDisagreeAreNamed(t *testing.T) {
	_, err := vet(t, "model \"a\" model_config=\"toy-a\"\nmodel \"b\" model_config=\"sd1-ldm\"\nmerge \"weighted_sum\" &0 &1", Options{})
	wantError(t, err, "model configs do not agree", "toy-a", "sd1-ldm", `model "a" (line 2)`, `model "b" (line 3)`)
}

func TestMissingHeaderIsAnError(t *testing.T) {
	_, err := solve(t, twoModels, map[string][]string{"a": {"w"}}, Options{})
	if tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "b") {
		t.Error(err)
	}
}

func TestDiamondsOfDepth40AreLinear(t *testing.T) {
	var b strings.Builder
	b.WriteString("model \"a\"\nmerge \"weighted_sum\" &0 &0\n")
	for i := range 39 {
		fmt.Fprintf(&b, "merge \"weighted_sum\" &%d &%d\n", i+1, i+1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	g := mustParse(t, b.String())
	go func() {
		s, err := Solve(ctx, g, []Model{{"a", head(t, "x")}}, Options{})
		if err == nil && (!s.Exists(len(s.Nodes)-1, "x", nil) || len(s.Nodes) != 43) {
			err = fmt.Errorf("%d nodes", len(s.Nodes))
		}
		if err == nil {
			_, err = s.Format()
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Fatal("not linear")
	}
}

func TestManyErrorsAreCut(t *testing.T) {
	text := "model \"a\" merge_space=\"delta\"\n"
	for i := range 100 {
		text += fmt.Sprintf("model \"m%d\" merge_space=\"delta\"\nmerge \"subtract\" &%d &0\n", i, 2*i+1)
	}
	refs := ""
	for i := range 100 {
		refs += fmt.Sprintf(" &%d", 2*i+2)
	}
	_, err := vet(t, text+"merge \"n_average\""+refs, Options{MergeSpace: AnySpace})
	wantError(t, err, "parameter a of subtract", "and 81 more errors")
}

func TestLiteralOfParamSpaceIsDescribedByItsLine(t *testing.T) {
	s := mustSolve(t, twoModels+"dict x=0.5\nmerge \"weighted_sum\" &0 &1 &2", map[string][]string{"a": {"x"}, "b": {"x"}}, Options{})
	var names []string
	for i := range s.Nodes {
		n := &s.Nodes[i]
		names = append(names, fmt.Sprintf("%s %s", n.Name, n.Space))
	}
	want := "model \"a\" (line 2) weight, model \"b\" (line 3) weight, the literal (line 4) param, weighted_sum (line 5) weight"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCancelledSolveStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Solve(ctx, mustParse(t, twoModels), nil, Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
