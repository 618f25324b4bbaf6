package recipe

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
)

// examples are texts as the reference writes them (recipe specification, E2 to E8).
var examples = map[string]string{
	"E2": `model "a.safetensors" model_config=null merge_space=null
model "b.safetensors" model_config=null merge_space=null
dict key=0.5
literal &2 model_config="singleton-mecha" merge_space=null
merge "convert_singleton" &3
merge "weighted_sum" &0 &1 &4`,
	"E3": `model "/m/a.safetensors" model_config="toy-a" merge_space="weight"
dict key="c"
literal &1 model_config="singleton-mecha" merge_space="param"
merge "convert_singleton" &2
merge "pick_component" &0 &3
model "/m/b.safetensors" model_config="toy-a" merge_space="weight"
merge "fallback" &4 &5`,
	"E4": `model "a" model_config="toy-a" merge_space="weight"
model "b" model_config="toy-a" merge_space="weight"
merge "subtract" &1 &0
dict key=0.5
literal &3 model_config="singleton-mecha" merge_space="param"
merge "convert_singleton" &4
merge "scale" &2 &5
dict key=1.0
literal &7 model_config="singleton-mecha" merge_space="param"
merge "convert_singleton" &8
merge "add_difference" &0 &6 &9`,
	"E6": `model "a" model_config=null merge_space=null
model "b" model_config=null merge_space=null
dict key=0.5
literal &2 model_config="singleton-mecha" merge_space=null
merge "convert_singleton" &3
merge "weighted_sum" &0 &1 &4
merge "weighted_sum" &5 &5 &4`,
	"E7": `model "a" model_config=null merge_space=null
model "b" model_config=null merge_space=null
dict key=0.25
literal &2 model_config="singleton-mecha" merge_space=null
merge "convert_singleton" &3
merge "clamp" &0 &1 &0 stiffness=&4`,
	"E8": `model "a" model_config=null merge_space="weight"
model "b" model_config=null merge_space="weight"
dict w=&0 v=&1
literal &2 model_config="toy-a" merge_space="weight"`,
}

func TestTextOfTheReferenceIsWrittenByteForByte(t *testing.T) {
	for name, text := range examples {
		if got := mustFormat(t, mustParse(t, text)); got != text {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, text)
		}
	}
}

func TestShortFormsAreSpelledOut(t *testing.T) {
	for text, want := range map[string]string{
		"model \"a.safetensors\"\nmodel \"b.safetensors\"\nmerge \"weighted_sum\" &0 &1 0.5": examples["E2"], // E1
		"model \"a\"\nmodel \"b\"\nmerge \"weighted_sum\" &0 &1\nmodel \"./a\"\nmerge \"weighted_sum\" &3 &1 alpha=0.5\n" +
			"merge \"weighted_sum\" &2 &4": examples["E6"],
		"model \"a\"\nmodel \"b\"\nmerge \"clamp\" stiffness=0.25 &0 &1 &0": examples["E7"],
		"dict BASE=0.0 IN00=0.5 IN01=1\nmerge \"convert_sdxl_blocks_to_sgm\" &0": "dict BASE=0.0 IN00=0.5 IN01=1\n" +
			"merge \"convert_sdxl_blocks_to_sgm\" &0", // E5
		`dict a=1e999 b=-inf "c d"="\e\\\"" e\"f=true`: `dict a=1e999 b=-1e999 c\ d="e\\\"" e\"f=true`,
		"dict a=1\nliteral &0 merge_space=\"delta\"":   "dict a=1\nliteral &0 model_config=null merge_space=\"delta\"",
		"model \"flux\" \"flux_dev-flux\"":             "model \"flux\" model_config=\"flux-flux\" merge_space=null",
	} {
		if got := mustFormat(t, mustParse(t, text)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestWhatTextCannotCarryIsRefused(t *testing.T) {
	env := Builtin()
	for name, entries := range map[string][]Entry{
		"line feed in a string": {{Key: "a", Value: methods.StringOf("x\ny")}},
		"line feed in a name":   {{Key: "a\nb"}},
		"= in a name":           {{Key: "a=b"}},
		"empty name":            {{Key: ""}},
		"NaN":                   {{Key: "a", Value: methods.FloatOf(math.NaN())}},
		"not UTF-8":             {{Key: "a", Value: methods.StringOf("\xff")}},
	} {
		g, err := env.Graph(entries)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := Format(g); err == nil {
			t.Errorf("%s is written: %s", name, text)
		}
	}
}

// TestSolvedRecipesAreThoseThatTheReferenceStored compares merge spaces and text with what
// sd-mecha embedded in its output. Its config structural is null in our text.
func TestSolvedRecipesAreThoseThatTheReferenceStored(t *testing.T) {
	b, err := os.ReadFile("testdata/solved.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct{ Name, Text, Space, Solved string }
	}
	if err := json.Unmarshal(b, &file); err != nil || len(file.Cases) < 80 {
		t.Fatal(err, len(file.Cases))
	}
	env := Builtin()
	env.Methods = allAvailable(t)
	for _, c := range file.Cases {
		g, err := Parse([]byte(c.Text), "", env)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		s, err := Solve(t.Context(), g, nil, Options{MergeSpace: methods.Space(c.Space)})
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		got, err := Format(s.Graph)
		want := strings.ReplaceAll(c.Solved, `model_config="structural"`, "model_config=null")
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.Name, err, got, want)
		}
	}
}

// allAvailable is the catalogue with a formula, which does nothing, for every method that
// has the default key map.
func allAvailable(t testing.TB) methods.Set {
	t.Helper()
	rows := methods.Builtin().All()
	for _, m := range rows {
		if m.Status == methods.Known && !m.Interface && m.Implements == "" && !m.Conversion && !m.Return.StateDict {
			m.Status = methods.Available
			m.Formula = func(*methods.Call) (methods.T, error) { return methods.T{}, nil }
		}
	}
	set, err := methods.NewSet(rows...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// randomGraph makes a recipe of n nodes over all kinds of values, hints and methods.
func randomGraph(t testing.TB, env Env, rng *rand.Rand, n int) *Graph {
	t.Helper()
	var nodes []*Expr
	pick := func() any {
		if len(nodes) == 0 || rng.IntN(4) == 0 {
			return randomValue(rng, false)
		}
		return nodes[rng.IntN(len(nodes))]
	}
	for len(nodes) < n {
		e, err := randomNode(env, rng, pick)
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, e)
	}
	g, err := env.Graph(nodes[n-1])
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func randomNode(env Env, rng *rand.Rand, pick func() any) (*Expr, error) {
	h := Hints{[]string{"", "sd1-ldm", config.SingletonID, config.InferID}[rng.IntN(4)], []methods.Space{"", methods.Weight, methods.Delta}[rng.IntN(3)]}
	switch rng.IntN(4) {
	case 0:
		return env.Model(randomName(rng)+"/"+randomName(rng)+"=.safetensors", h)
	case 1:
		var entries []Entry
		for range rng.IntN(4) {
			x := Entry{Key: fmt.Sprint(randomName(rng), len(entries))}
			if n, ok := pick().(*Expr); ok {
				x.Node = n
			} else {
				x.Value = randomValue(rng, true)
			}
			entries = append(entries, x)
		}
		return env.Literal(entries, h)
	}
	all := env.Methods.All()
	m := all[rng.IntN(len(all))]
	var pos []any
	var kw []methods.KW[any]
	for _, p := range m.Params {
		count := 1
		if p.Variadic {
			count = p.MinArgs + rng.IntN(3)
		}
		if p.Default != nil && rng.IntN(2) == 0 {
			break // the rest are defaults too
		}
		for range count {
			if p.Keyword {
				kw = append(kw, methods.KW[any]{Name: p.Name, Value: pick()})
			} else {
				pos = append(pos, pick())
			}
		}
	}
	return env.Merge(m.ID, pos, kw...)
}

func randomName(rng *rand.Rand) string {
	letters := []rune("ab \t\\\"&#.漢\u00a0\r'1-_")
	name := "n"
	for range rng.IntN(6) {
		name += string(letters[rng.IntN(len(letters))])
	}
	return name
}

func randomValue(rng *rand.Rand, text bool) methods.Value {
	switch k := rng.IntN(6); {
	case k == 0:
		return methods.IntOf(int64(rng.Uint64()) >> rng.IntN(64))
	case k == 1:
		return methods.BoolOf(rng.IntN(2) == 0)
	case k == 2 && text:
		return methods.StringOf(randomName(rng) + "=")
	case k == 3 && text:
		return methods.Null()
	case k == 4:
		return methods.Value{Kind: methods.BigIntValue, S: "-99999999999999999999"}
	}
	x := math.Float64frombits(rng.Uint64())
	if x != x {
		x = math.Inf(-1)
	}
	return methods.FloatOf(x)
}

func TestRandomGraphsReadBackAsTheyWere(t *testing.T) {
	env := Builtin()
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 2000 {
		g := randomGraph(t, env, rng, 1+rng.IntN(20))
		text, err := Format(g)
		if err != nil {
			t.Fatalf("graph %d: %v", i, err)
		}
		again, err := Parse(text, "", env)
		if err != nil {
			t.Fatalf("graph %d: %v\n%s", i, err, text)
		}
		if !again.Equal(g) || again.Len() != g.Len() {
			t.Fatalf("graph %d is another one:\n%s", i, text)
		}
		if second, err := Format(again); err != nil || string(second) != string(text) {
			t.Fatalf("graph %d: %v\n%s\nthen\n%s", i, err, text, second)
		}
	}
}
