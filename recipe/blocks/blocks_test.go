package blocks

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// names are the blocks of a config.
func names(t *testing.T, id string) []string {
	t.Helper()
	row, ok := config.Builtin().Get(id)
	if !ok {
		t.Fatalf("no config %s", id)
	}
	c := row.Make()
	var list []string
	for i := range c.Len() {
		list = append(list, c.Name(i))
	}
	return list
}

const sd1, sdxl = "sd1-supermerger_blocks", "sdxl-supermerger_blocks"

func TestListsOfNumbersAreForTheBlocksOfTheConfigs(t *testing.T) {
	for n, want := range map[int][]string{26: names(t, sd1), 25: names(t, sd1)[1:], 21: names(t, sdxl), 20: names(t, sdxl)[:20], 19: names(t, sdxl)[1:20]} {
		w, err := Parse(strings.Repeat("0.5, ", n-1) + "0.25")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range w.Blocks() {
			got = append(got, x.Block)
		}
		if !slices.Equal(got, want) || w.list[n-1].X != 0.25 {
			t.Errorf("%d numbers are for %v, want %v", n, got, want)
		}
	}
}

// TestListsAreReadAsTheyArePasted: from a user interface, a table, a program, one a line.
func TestListsAreReadAsTheyArePasted(t *testing.T) {
	list := strings.Split(strings.Repeat("0.5 ", 19)+"0.25", " ")
	want, err := Parse(strings.Join(list, ","))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{strings.Join(list, " "), strings.Join(list, ", "), strings.Join(list, "\t"), strings.Join(list, "\n"), strings.Join(list, ",\r\n") + ",\r\n",
		"[" + strings.Join(list, ", ") + "]", strings.Join(list[:10], " ") + "\n" + strings.Join(list[10:], " ")} {
		w, err := Parse(text)
		if err != nil || w.String() != want.String() {
			t.Errorf("%q: %v, %v", text, w, err)
		}
	}
}

// TestAListOfNumbersIsForOneModel: the same blocks of another model would have a part of the curve.
func TestAListOfNumbersIsForOneModel(t *testing.T) {
	rest := 0.5
	for _, n := range listLengths() {
		w, err := Parse(strings.Repeat("1,", n))
		if err != nil {
			t.Fatal(err)
		}
		own, other, texts := sdxl, sd1, []string{"is for SDXL", "has 26 blocks", "expected 25 or 26 numbers"}
		if n > 21 {
			own, other, texts = sd1, sdxl, []string{"is for SD1", "has 21 blocks", "expected 19 or 20 or 21 numbers", "IN09"}
		}
		if _, err := w.For(names(t, own), &rest); err != nil || !w.Fits(names(t, own)) {
			t.Errorf("%d numbers and %s: %v", n, own, err)
		}
		_, err = w.For(names(t, other), &rest)
		if tensor.ClassOf(err) != tensor.ClassUsage || w.Fits(names(t, other)) {
			t.Errorf("%d numbers and %s: %v", n, other, err)
			continue
		}
		for _, text := range texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%d numbers and %s: %v, want %q", n, other, err, text)
			}
		}
	}
}

func TestPairsHaveRangesAndTheRest(t *testing.T) {
	w, err := Parse(" IN00-IN05=0.2, m00 : -.5,OUT08-OUT08=1e-1,")
	if err != nil {
		t.Fatal(err)
	}
	rest := 0.75
	all, err := w.For(names(t, sdxl), &rest)
	if err != nil || len(all) != 21 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, x := range all {
		want := 0.75
		switch {
		case x.Block >= "IN00" && x.Block <= "IN05":
			want = 0.2
		case x.Block == "M00":
			want = -0.5
		case x.Block == "OUT08":
			want = 0.1
		}
		if x.X != want {
			t.Errorf("%s has weight %v, want %v", x.Block, x.X, want)
		}
	}
	if !w.Fits(names(t, sd1)) {
		t.Error("SD1 has all of these blocks")
	}
	if _, err := w.For(names(t, sdxl), nil); tensor.ClassOf(err) != tensor.ClassUsage || !strings.Contains(err.Error(), "BASE, IN06, IN07, IN08, OUT00") {
		t.Errorf("without a rest: %v", err)
	}
}

func TestFilesHoldAnyForm(t *testing.T) {
	want, err := Parse("BASE=0.3,IN00-IN02=0.2")
	if err != nil {
		t.Fatal(err)
	}
	for text, at := range map[string]string{"BASE: 1\n---\nM00: 1\n": "w.yaml:2: the file holds several", "\nblocks:\n  BASE: 1\n": "w.yaml:2: the weight of blocks is a list or a mapping", "# none\n": "w.yaml: there is no weight",
		"BASE: &a [*a]": "w.yaml:1: the weight of BASE is a list", "BASE: &a {IN00: *a}": "w.yaml:1: the weight of BASE is a list"} {
		if _, err := ParseYAML([]byte(text), "w.yaml"); tensor.ClassOf(err) != tensor.ClassUsage || !strings.Contains(err.Error(), at) {
			t.Errorf("%q: %v, want %q", text, err, at)
		}
	}
	for _, text := range []string{"BASE: 0.3\nIN00-IN02: 0.2 # three\n", "BASE: 0.3\nIN00: &two 0.2\nIN01-IN02: *two", "'BASE=0.3, IN00-IN02=0.2'", "{base: .3, in00-in02: 2e-1}", "# a\n- BASE"} {
		w, err := ParseYAML([]byte(text), "w.yaml")
		if text == "# a\n- BASE" {
			if err == nil || !strings.Contains(err.Error(), "w.yaml:2") {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err != nil || w.String() != want.String() {
			t.Errorf("%q: %v, %v", text, w, err)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "no weight",
		"0.1,0.2":                        "list of 2 numbers",
		"0.5":                            "a list of 1 number: expected 25 or 26 (SD1), 19, 20 or 21 (SDXL) (one weight for all",
		"GRAD_V,0.5":                     `number 1: found "GRAD_V"`,
		"1 2,,3":                         `number 3: found ""`,
		"[]":                             "no weight",
		"IN12=1":                         `no block "IN12"`,
		"IN0=1":                          "did you mean",
		"IN05-IN00=1":                    "ends before",
		"IN00-OUT03=1":                   "several kinds",
		"IN00-IN05=1,IN03=2":             "IN03 has two",
		"IN00=x":                         `"x"`,
		"IN00=NaN":                       "a number",
		"IN00=1e999":                     "a number",
		"GRADV":                          "", // case, - and _ do not matter
		"GRAD_W":                         "did you mean GRAD_A or GRAD_V",
		"M00":                            "write M00=0.5",
		strings.Repeat("0.5,", 18) + "a": "number 19, the weight of OUT08",
		strings.Repeat("1,", MaxText):    "bytes",
	} {
		_, err := Parse(text)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
		} else if tensor.ClassOf(err) != tensor.ClassUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", clip(text), err, want)
		}
	}
	if w, _ := Parse("IN11=1"); w.Fits(names(t, sdxl)) {
		t.Error("SDXL has no IN11")
	} else if _, err := w.For(names(t, sdxl), new(float64)); err == nil || !strings.Contains(err.Error(), "no block IN11") {
		t.Errorf("%v", err)
	}
}

// TestPresetsAreTheirCurves: what the presets are is known in closed form, except for rows of
// ones and zeros.
func TestPresetsAreTheirCurves(t *testing.T) {
	step := func(x float64) float64 { return 3*x*x - 2*x*x*x }
	// fold goes from 0 to 1 and back.
	fold := func(x float64) float64 { return math.Abs(x - 2*math.Round(x/2)) }
	hermite := func(x float64) float64 {
		if x == 0 {
			return 0
		}
		return 1.0/24 + x*(25.0/6+x*(-9.625+x*77/12))
	}
	cubic := func(x float64) float64 { return x * (25.0/6 + x*(-9.5+x*19/3)) }
	curves := map[string]func(x float64) float64{
		"GRAD_V": func(x float64) float64 { return math.Abs(1 - 2*x) }, "FLAT_25": func(float64) float64 { return 0.25 },
		"GRAD_A": fold2(fold), "FLAT_75": func(float64) float64 { return 0.75 },
		"ALL_A": func(float64) float64 { return 0 }, "ALL_B": func(float64) float64 { return 1 },
		"SMOOTHSTEP": step, "REVERSE-SMOOTHSTEP": reverse(step),
		"COSINE": cosine, "REVERSE_COSINE": reverse(cosine),
		"TRUE_CUBIC_HERMITE": hermite, "TRUE_REVERSE_CUBIC_HERMITE": reverse(hermite),
		"FAKE_CUBIC_HERMITE": cubic, "FAKE_REVERSE_CUBIC_HERMITE": reverse(cubic),
	}
	for k, name := range map[float64]string{2: "2", 3: "3", 4: "4"} {
		times, over := func(x float64) float64 { return fold(k * step(x)) }, func(x float64) float64 { return step(fold(k * x)) }
		curves["SMOOTHSTEP*"+name], curves["SMOOTHSTEP/"+name] = times, over
		curves["R_SMOOTHSTEP*"+name], curves["R_SMOOTHSTEP/"+name] = reverse(times), reverse(over)
	}
	for name, n := range map[string]int{"WRAP08": 4, "WRAP12": 6, "WRAP14": 7, "WRAP16": 8} {
		curves[name] = func(x float64) float64 {
			if i := int(math.Round(24 * x)); i < n || i >= 25-n {
				return 1
			}
			return 0
		}
	}
	if all := Presets(); len(all) != 38 {
		t.Errorf("%d presets", len(all))
	}
	for name, f := range curves {
		w, ok := Preset(name)
		if !ok {
			t.Errorf("there is no preset %s", name)
			continue
		}
		digits := 1e-14
		if strings.HasPrefix(name, "GRAD_") {
			digits = 1e-10 // as in supermerger
		}
		for i := range 25 {
			if got, want := w.list[i+1], f(float64(i)/24); math.Abs(got.X-want) > digits {
				t.Errorf("%s: %s has %v, want %v", name, got.Block, got.X, want)
			}
		}
	}
}

func reverse(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 { return 1 - f(x) }
}

func fold2(fold func(float64) float64) func(float64) float64 {
	return func(x float64) float64 { return fold(2 * x) }
}

func cosine(x float64) float64 { return (1 + math.Cos(math.Pi*x)) / 2 }

func TestPresetsAreFoundByNamesLikeTheirs(t *testing.T) {
	seen := map[string]string{}
	for _, p := range Presets() {
		if other := seen[plainName(p.Name)]; other != "" {
			t.Errorf("%s and %s are one name", p.Name, other)
		}
		seen[plainName(p.Name)] = p.Name
	}
	for name, want := range map[string]string{"smoothstepx2": "SMOOTHSTEP*2", "r_smoothstep*3": "R_SMOOTHSTEP*3", "reverse smoothstep": "REVERSE-SMOOTHSTEP", "GRAD-V": "GRAD_V"} {
		if w, ok := Preset(name); !ok || w.source != want {
			t.Errorf("%s: %v, %v", name, w.source, ok)
		}
	}
}

func TestPresetsAreForBothModels(t *testing.T) {
	w, err := Parse("wrap08")
	if err != nil {
		t.Fatal(err)
	}
	xl, err := w.For(names(t, sdxl), nil)
	if err != nil || len(xl) != 21 || xl[1].X != 1 || xl[20] != (Weight{"VAE", 0}) {
		t.Errorf("SDXL: %v, %v", xl, err)
	}
	if one, err := w.For(names(t, sd1), nil); err != nil || len(one) != 26 || one[25].X != 1 {
		t.Errorf("SD1: %v, %v", one, err)
	}
}

// FuzzParse: what is read has finite weights, no block twice, and is written so that it is read
// alike.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"IN00-IN05=0.2,M00=0.5", "GRAD_V", "BASE: 0.5\nIN00-IN11: 1", "[0.1, 2]", "=", "IN00-=1", "- -", strings.Repeat("0.5,", 19) + "1", "&a [*a]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read := func(w Weights, err error) {
			if err != nil {
				if tensor.ClassOf(err) != tensor.ClassUsage {
					t.Errorf("%q: class %v", text, tensor.ClassOf(err))
				}
				return
			}
			seen := map[string]bool{}
			for _, x := range w.Blocks() {
				if seen[x.Block] || math.IsNaN(x.X) || math.IsInf(x.X, 0) || !slices.Contains(order, x.Block) {
					t.Errorf("%q gives %v", text, w)
				}
				seen[x.Block] = true
			}
			if again, err := Parse(w.String()); err != nil || again.String() != w.String() {
				t.Errorf("%q: %v is read as %v, %v", text, w, again, err)
			}
		}
		read(Parse(text))
		read(ParseYAML([]byte(text), "f.yaml"))
	})
}
