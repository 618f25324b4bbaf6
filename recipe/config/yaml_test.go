package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// yamlDigests are of the config files of sd-mecha 1.1.5.
var yamlDigests = map[string]string{
	"flux-flux":                "e41083c3dbad53e603839c118b1717a9aef7c04407e2faaa14fa95adad48a12d",
	"sd1-kohya":                "d87f30ccfc1f4f2451c74e78a498b1b4c0647ed872dcfc92ad07a9750ef66044",
	"sd1-ldm":                  "2255cf679e269529b59de713af6b631114da5b7996c4e7c26111f2fb92520c48",
	"sd1-supermerger_blocks":   "2382a72b5a58e8af0a0f1573bc925aabea0f8f41b72e5a981cbeba720f979472",
	"sd3-comfyui":              "2a19de7b2053aed43bc0031d0699076b6640fb7a5636e6e75dd8ea34dddea7c5",
	"sdxl-diffusers_unet_only": "4b251856295fd8249e105cdfe9337bcf143f668f2ca603ccfc246199b9803b86",
	"sdxl-kohya":               "b2ffcc9181b525bf44d3a50580979179775cd3dd8ca3e015f0a87bf068068fe7",
	"sdxl-kohya_but_diffusers": "f4f5b4adf492d2e1e3dae7559347c574b9dad72bb751da656dfeef9c09c08c5d",
	"sdxl-sgm":                 "e5efd7aabd63e1c9232368e8c43ce88babf0d0748444f087cc9db89f4c3b803b",
	"sdxl-supermerger_blocks":  "e36b4a8bfbdd70638e249025b1badab090aa7c57fa2c3688df4cc08bbfb90f1b",
	"singleton-mecha":          "056086f5412c5b650293cb7d31307a6fea956a61665c62f4391ebbf567e0f24e",
}

func TestBuiltinConfigsAreWrittenAsTheFilesOfTheReference(t *testing.T) {
	for id, want := range yamlDigests {
		row, _ := Builtin().Get(id)
		text, err := WriteYAML(row.FileID(), row.Make())
		if h := sha256.Sum256(text); err != nil || hex.EncodeToString(h[:]) != want {
			t.Errorf("%s: %v, digest %x", id, err, h)
		}
		again, err := ReadYAML("/somewhere/"+id+".yaml", text)
		if err != nil || again.ID != id || again.FileID() != row.FileID() {
			t.Errorf("%s is read as %s, %s: %v", id, again.ID, again.Inner, err)
			continue
		}
		_, a := lines(row.Make())
		if _, b := lines(again.Make()); !slices.Equal(a, b) {
			t.Errorf("%s is read as something else", id)
		}
	}
}

// TestConfigsOfAdaptersAreWritten with all keys, though they keep none.
func TestConfigsOfAdaptersAreWritten(t *testing.T) {
	const id = "sd1-kohya_kohya_lora"
	row, _ := Builtin().Get(id)
	text, err := WriteYAML(id, row.Make())
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadYAML(id+".yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	_, a := lines(row.Make())
	if _, b := lines(again.Make()); !slices.Equal(a, b) || len(a) != row.Make().Len() {
		t.Errorf("%d of %d lines", len(b), len(a))
	}
}

const plainYAML = `identifier: toy-a
components:
  c:
    x: {shape: [1, 2], dtype: float32, aliases: [x1, x2], optional: true}
    y: {}
    z: {shape: []}
    e: {shape: [0]}
`

// TestYAMLIsReadAsPyYAMLDoes writes one config in many ways.
func TestYAMLIsReadAsPyYAMLDoes(t *testing.T) {
	row, err := ReadYAML("toy-a.yaml", []byte(plainYAML))
	if err != nil {
		t.Fatal(err)
	}
	_, want := lines(row.Make())
	x, _, _ := row.Make().Find("x2")
	z, _, _ := row.Make().Find("z")
	y, _, _ := row.Make().Find("y")
	if x.Name != "x" || !x.Optional || x.DType != tensor.F32 || y.Shape != nil || z.Shape == nil {
		t.Errorf("x %+v, y %+v, z %+v", x, y, z)
	}
	for name, text := range map[string]string{
		"nulls":           strings.NewReplacer("y: {}", "y: {shape: null, dtype: ~, aliases: , optional: null}").Replace(plainYAML),
		"nothing":         strings.ReplaceAll(plainYAML, "y: {}", "y:"),
		"yes":             strings.ReplaceAll(plainYAML, "true", "yes"),
		"on":              strings.ReplaceAll(plainYAML, "true", "On"),
		"numbers":         strings.ReplaceAll(plainYAML, "[1, 2]", "[0x1, 0_2]"),
		"synonym":         strings.ReplaceAll(plainYAML, "float32", "float"),
		"quotes":          strings.NewReplacer("x:", `"x":`, "toy-a", "'toy-a'", "float32", `"float32"`, "[x1, x2]", `["x1", 'x2']`).Replace(plainYAML),
		"comments":        "# a\n---\n" + strings.ReplaceAll(plainYAML, "components:", "components: # b") + "# c\n",
		"block":           strings.ReplaceAll(plainYAML, "{shape: [1, 2], dtype: float32, aliases: [x1, x2], optional: true}", "\n      optional: true\n      aliases:\n      - x1\n      - x2\n      dtype: float32\n      shape:\n        - 1\n        - 2"),
		"flow":            "{identifier: toy-a, components: {c: {x: {shape: [1,\n 2], dtype: float32, aliases: [x1, x2], optional: true}, y: {}, z: {shape: []}, e: {shape: [0]}}}}",
		"other order":     "components:\n" + strings.SplitN(plainYAML, "components:\n", 2)[1] + "identifier: toy-a\n",
		"anchor":          strings.NewReplacer("[x1, x2]", "&n [x1, x2]", "y: {}", "y: {aliases: &none []}", "z: {", "z: {aliases: *none, ").Replace(plainYAML),
		"merge":           strings.NewReplacer("z: {shape: []}", "z: &m {shape: []}", "e: {shape: [0]}", "e: {<<: *m, shape: [0]}").Replace(plainYAML),
		"merge several":   strings.NewReplacer("y: {}", "y: &y {}", "z: {shape: []}", "z: &m {shape: []}", "e: {shape: [0]}", "e: {<<: [*y, *m], shape: [0]}").Replace(plainYAML),
		"carriage":        strings.ReplaceAll(plainYAML, "\n", "\r\n"),
		"byte order":      "\ufeff" + plainYAML,
		"one long scalar": strings.ReplaceAll(plainYAML, "toy-a", ">-\n  toy-a"),
	} {
		row, err := ReadYAML("toy-a.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, got := lines(row.Make()); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestYAMLThatIsNoConfigIsRefusedWithItsPlace(t *testing.T) {
	bomb := "identifier: toy-a\ncomponents:\n  c:\n    k0: &k0 {}\n"
	for i := range 40 {
		bomb += fmt.Sprintf("    k%d: &k%d {<<: [*k%d, *k%d]}\n", i+1, i+1, i, i)
	}
	for name, c := range map[string]struct{ text, place, key, word string }{
		"nothing":            {"", "f-a.yaml", "", "empty"},
		"no YAML":            {"a: [", "f-a.yaml", "", "not well-formed"},
		"two documents":      {plainYAML + "---\na: b\n", "f-a.yaml:8", "", "several documents"},
		"a list":             {"- a\n", "f-a.yaml:1", "", "mapping"},
		"another entry":      {plainYAML + "version: 1\n", "f-a.yaml:8", "", `"version"`},
		"no components":      {"identifier: toy-a\n", "f-a.yaml:1", "", "missing"},
		"null components":    {"identifier: toy-a\ncomponents:\n", "f-a.yaml:2", "", "mapping"},
		"another attribute":  {strings.ReplaceAll(plainYAML, "y: {}", "y: {dtpe: float16}"), "f-a.yaml:5", "y", `"dtpe"`},
		"an unknown type":    {strings.ReplaceAll(plainYAML, "float32", "floot32"), "f-a.yaml:4", "x", "floot32"},
		"a length of text":   {strings.ReplaceAll(plainYAML, "[0]", "[a]"), "f-a.yaml:7", "e", `"a"`},
		"a negative length":  {strings.ReplaceAll(plainYAML, "[0]", "[-1]"), "f-a.yaml:7", "e", `"-1"`},
		"half a length":      {strings.ReplaceAll(plainYAML, "[0]", "[1.5]"), "f-a.yaml:7", "e", `"1.5"`},
		"a shape too large":  {strings.ReplaceAll(plainYAML, "[0]", "[4294967296, 4294967296]"), "f-a.yaml:7", "e", "int64"},
		"a shape of a name":  {strings.ReplaceAll(plainYAML, "[0]", "x"), "f-a.yaml:7", "e", `"x"`},
		"one alias":          {strings.ReplaceAll(plainYAML, "[x1, x2]", "x1"), "f-a.yaml:4", "x", `"x1"`},
		"optional perhaps":   {strings.ReplaceAll(plainYAML, "true", "perhaps"), "f-a.yaml:4", "x", `"perhaps"`},
		"a key twice":        {plainYAML + "    x: {}\n", "f-a.yaml:8", "", `"x" is there twice`},
		"in two components":  {plainYAML + "  d:\n    x: {}\n", "f-a.yaml", "x", "twice"},
		"an alias of a key":  {strings.ReplaceAll(plainYAML, "x2", "y"), "f-a.yaml", "y", "twice"},
		"a bad identifier":   {strings.ReplaceAll(plainYAML, "toy-a", "Toy"), "f-a.yaml", "", `"Toy"`},
		"a Python object":    {strings.ReplaceAll(plainYAML, "{}", "!!python/object/apply:os.system [ls]"), "f-a.yaml:5", "y", "!!python"},
		"a tag of one's own": {strings.ReplaceAll(plainYAML, "float32", "!mine float32"), "f-a.yaml:4", "x", "!mine"},
		"an unknown anchor":  {strings.ReplaceAll(plainYAML, "{}", "*y"), "f-a.yaml", "", "unknown anchor"},
		"a bomb of merges":   {bomb, "f-a.yaml", "", "nodes a byte"},
		"itself":             {strings.ReplaceAll(plainYAML, "{}", "&y {<<: *y}"), "f-a.yaml", "y", "too deep"},
		"too deep":           {strings.Repeat("[", 20000), "f-a.yaml", "", "not well-formed"},
		"too long":           {strings.Repeat("#", MaxYAML+1), "f-a.yaml", "", "too long"},
	} {
		_, err := ReadYAML("f-a.yaml", []byte(c.text))
		var e *tensor.Error
		if !errors.As(err, &e) || e.Class != tensor.ClassRecipe || !strings.HasPrefix(e.Path, c.place) || !strings.Contains(err.Error(), c.word) || c.key != "" && e.Key != c.key {
			t.Errorf("%s: %v, want %s, key %q, with %q", name, err, c.place, c.key, c.word)
		}
	}
}

func TestFileNamesAreIdentifiersIfTheyCanBe(t *testing.T) {
	for file, want := range map[string][2]string{"/x/toy-b.yaml": {"toy-b", "toy-a"}, "toy-a.yml": {"toy-a", ""}, "My Config.yaml": {"toy-a", ""}} {
		if row, err := ReadYAML(file, []byte(plainYAML)); err != nil || row.ID != want[0] || row.Inner != want[1] {
			t.Errorf("%s: %s, %s: %v", file, row.ID, row.Inner, err)
		}
	}
	row, err := ReadYAML("mine-x.yaml", []byte(strings.ReplaceAll(plainYAML, "toy-a", "sdxl-sgm")))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Builtin().WithRows(row)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := r.Get("sdxl-sgm"); got.ID != "sdxl-sgm" || got.Make().Len() != 2531 {
		t.Error("a file takes the identifier of a built-in config")
	}
	if got, ok := r.Get("mine-x"); !ok || got.Make().Len() != 4 || got.FileID() != "sdxl-sgm" {
		t.Error("the config of the file is not found")
	}
	if _, err := r.WithRows(row); err == nil {
		t.Error("an identifier is defined twice")
	}
}

func TestNamesAreQuotedWhereTheyHaveToBe(t *testing.T) {
	keys := []Key{}
	for _, name := range []string{"plain.weight", "1", "-", "null", "Yes", "a: b", "a #b", "{x}", "", " ", "é", "line\nfeed", `"`, "\\", "<<", "~", "0x10", "a,b", "*x", "&x", "!x"} {
		keys = append(keys, Key{Name: name, Aliases: []string{name + "'"}, Shape: tensor.Shape{1}, DType: tensor.F4})
	}
	c := make1(t, "toy-a", keys...)
	if _, err := WriteYAML("toy-a", c); err != nil { // it reads what it wrote
		t.Error(err)
	}
	long := make1(t, "toy-a", Key{Name: strings.Repeat("x", 2000)})
	if _, err := WriteYAML("toy-a", long); err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("a name that YAML cannot have as a key: %v", err)
	}
}

func TestConfigOfAHeader(t *testing.T) {
	c, err := FromHeader("toy-a", header(t, 12, "k.%d"))
	if err != nil || c.Len() != 12 || c.Name(2) != "k.10" || !c.Key(2).Shape.Equal(tensor.Shape{1}) || c.Key(2).DType != tensor.F32 {
		t.Errorf("%v: %v", err, names(c))
	}
	if _, err := FromHeader("nope", header(t, 1, "k%d")); err == nil {
		t.Error("the identifier is not checked")
	}
}

// FuzzReadYAML: whatever is read can be written, and means the same when it is read again.
func FuzzReadYAML(f *testing.F) {
	f.Add([]byte(plainYAML))
	f.Add([]byte("identifier: a-b\ncomponents: {c: {&x k: &y {<<: *y}}}"))
	f.Add([]byte("{identifier: a-b, components: {c: {? [1] : {}}}}"))
	f.Add([]byte("identifier: a-b\ncomponents:\n  c:\n    ~: {shape: [010, 1_0]}\n    é: {optional: off}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		row, err := ReadYAML("a-b.yaml", text)
		if err != nil {
			if tensor.ClassOf(err) != tensor.ClassRecipe {
				t.Errorf("error %v", err)
			}
			return
		}
		written, err := WriteYAML(row.FileID(), row.Make())
		if err != nil {
			return
		}
		again, err := ReadYAML("a-b.yaml", written)
		if err != nil {
			t.Fatalf("what was written is refused: %v\n%s", err, written)
		}
		_, a := lines(row.Make())
		if _, b := lines(again.Make()); !slices.Equal(a, b) || row.FileID() != again.FileID() {
			t.Errorf("%q became %q", a, b)
		}
	})
}
