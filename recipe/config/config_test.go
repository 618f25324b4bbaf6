package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// list is keys without shapes.
type list []string

func (l list) Len() int          { return len(l) }
func (l list) Name(i int) string { return l[i] }
func (l list) Has(s string) bool { return slices.Contains(l, s) }
func names(c *Config) (n []string) {
	for i := range c.Len() {
		n = append(n, c.Name(i))
	}
	return n
}

func make1(t testing.TB, id string, keys ...Key) *Config {
	t.Helper()
	c, err := New(id, Component{"c", keys})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRegistryKnowsTheSeventeenConfigs(t *testing.T) {
	r := Builtin()
	if n := len(r.All()); n != 17 {
		t.Errorf("%d configs", n)
	}
	for _, row := range r.All() {
		if got, ok := r.Get(row.ID); !ok || got.ID != row.ID {
			t.Errorf("%s is not found", row.ID)
		}
		if !identifier.MatchString(row.ID) {
			t.Errorf("identifier %s", row.ID)
		}
		if first, second := row.Make(), row.Make(); first != second {
			t.Errorf("%s is made anew", row.ID)
		}
	}
	if row, ok := r.Get("flux_dev-flux"); !ok || row.ID != "flux-flux" {
		t.Error("the inner identifier of flux-flux is not found")
	}
	for _, id := range []string{StructuralID, InferID, "", "nope-nope"} {
		if _, ok := r.Get(id); ok {
			t.Errorf("%q is found", id)
		}
	}
}

func TestNearestIdentifiersAreCanonical(t *testing.T) {
	r := Builtin()
	for id, want := range map[string]string{"sdxl_kohya": "sdxl-kohya", "flux_dev-fluxx": "flux-flux", "sd1ldm": "sd1-ldm"} {
		if near := r.Nearest(id); len(near) == 0 || near[0] != want {
			t.Errorf("%s: %v, want %s", id, near, want)
		}
	}
	if near := r.Nearest("zzz"); len(near) != 0 {
		t.Errorf("zzz: %v", near)
	}
}

func TestRegistryIsAValue(t *testing.T) {
	a := Builtin()
	b, err := a.With(make1(t, "toy-a", Key{Name: "x"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Get("toy-a"); ok {
		t.Error("With changed the registry")
	}
	row, ok := b.Get("toy-a")
	first, second := row.Make(), row.Make()
	if !ok || first != second {
		t.Error("a config is made more than once")
	}
	for _, c := range []*Config{make1(t, "toy-a"), make1(t, "sd1-ldm"), make1(t, "flux_dev-flux"), Structural()} {
		if _, err := b.With(c); err == nil {
			t.Errorf("%s is registered twice", c.ID())
		}
	}
}

func TestConfigsFindKeysByNameAndAlias(t *testing.T) {
	c := make1(t, "toy-a", Key{Name: "x"}, Key{Name: "y", Aliases: []string{"y1", "y2"}, Optional: true})
	if got := names(c); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("keys %v", got)
	}
	for name, want := range map[string]string{"x": "x", "y": "y", "y1": "y", "y2": "y"} {
		if got, ok := c.Canonical(name); !ok || got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, ok := c.Canonical("z"); ok || c.Structural() {
		t.Error("z is no key")
	}
	if k, i, ok := c.Find("y2"); !ok || i != 1 || !k.Optional || !slices.Equal(c.Aliases("y"), []string{"y1", "y2"}) || c.Aliases("y1") != nil {
		t.Error("y2 is y")
	}
}

func TestConfigsThatAreNotWellFormedAreRefused(t *testing.T) {
	for _, id := range []string{"", "toy", "toy-a-b", "Toy-a", "toy-", "toy a-b"} {
		if _, err := New(id); err == nil {
			t.Errorf("identifier %q", id)
		}
	}
	for _, keys := range [][]Key{{{Name: "x"}, {Name: "x"}}, {{Name: "x"}, {Name: "y", Aliases: []string{"x"}}}, {{Name: "x", Aliases: []string{"x"}}}} {
		if _, err := New("toy-a", Component{"c", keys}); err == nil || tensor.ClassOf(err) != tensor.ClassRecipe {
			t.Errorf("keys %v: %v", keys, err)
		}
	}
}

func TestStructuralConfigIsTheUnionInOrderOfAppearance(t *testing.T) {
	c := Structural(list{"b", "a"}, list{"a", "c"}, list{"d", "c", "b"})
	if got := names(c); !slices.Equal(got, []string{"b", "a", "c", "d"}) {
		t.Errorf("keys %v", got)
	}
	for _, k := range names(c) {
		if got, ok := c.Canonical(k); !ok || got != k {
			t.Errorf("%s is no key", k)
		}
	}
	if _, ok := c.Canonical("e"); ok || !c.Structural() || c.Key(2).Name != "c" {
		t.Error("e is no key, c is")
	}
	if Structural().Len() != 0 {
		t.Error("nothing has no keys")
	}
}

func header(t testing.TB, n int, name string) *tensor.Header {
	t.Helper()
	h := tensor.NewHeader(n)
	for i := range n {
		if err := h.Add(fmt.Sprintf(name, i), tensor.F32, tensor.Shape{1}, int64(4*i)); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestStructuralConfigOfManyKeysIsSmall(t *testing.T) {
	a, b := header(t, 100_000, "model.layers.%d.weight"), header(t, 100_000, "model.layers.%d.weight")
	var c *Config
	allocations := testing.AllocsPerRun(1, func() { c = Structural(Header(a), Header(b)) })
	if c.Len() != 100_000 || allocations > 10 {
		t.Errorf("%d keys, %v allocations", c.Len(), allocations)
	}
}

func keysOf(prefix string, n int) (keys []Key) {
	for i := range n {
		keys = append(keys, Key{Name: fmt.Sprint(prefix, i)})
	}
	return keys
}

func TestDetectionTakesATenthOfTheKeys(t *testing.T) {
	r, err := Registry{}.With(make1(t, "toy-a", keysOf("k", 20)...))
	if err != nil {
		t.Fatal(err)
	}
	input := func(known, unknown int) (l list) {
		for i := range known {
			l = append(l, fmt.Sprint("k", i))
		}
		for i := range unknown {
			l = append(l, fmt.Sprint("u", i))
		}
		return l
	}
	for _, c := range []struct{ known, unknown, want int }{{1, 9, 1}, {1, 10, 0}, {2, 18, 1}, {0, 5, 0}, {20, 0, 1}} {
		if got := r.Detect([]Keys{input(c.known, c.unknown)}); len(got) != c.want {
			t.Errorf("%d of %d keys: %d configs", c.known, c.known+c.unknown, len(got))
		}
	}
	if got := r.Detect([]Keys{input(5, 0), input(0, 5)}); len(got) != 0 {
		t.Error("a config has to fit all inputs")
	}
	if got := r.Detect(nil); len(got) != 0 {
		t.Error("nothing fits no input")
	}
	if got := r.Detect([]Keys{list{}}); len(got) != 0 {
		t.Error("nothing fits an empty input")
	}
}

func ids(list []Match) (s []string) {
	for _, m := range list {
		s = append(s, m.Config.ID())
	}
	return s
}

// A key that is there under two of its names is known under both: a copy of a key does not speak
// against the config. It counts once for the tenth.
func TestDetectionKnowsEveryNameOfAKey(t *testing.T) {
	keys := keysOf("k", 20)
	keys[0].Aliases = []string{"old"}
	r, err := Registry{}.With(make1(t, "toy-a", keys...))
	if err != nil {
		t.Fatal(err)
	}
	got := r.Detect([]Keys{list{"k0", "old", "k1", "u"}})
	if len(got) != 1 || got[0].Matched != 3 || got[0].Extra != 0.25 || got[0].Absent != 18 {
		t.Errorf("%+v", got)
	}
	unknown := list{"k0", "old"}
	for i := range 10 {
		unknown = append(unknown, fmt.Sprint("u", i))
	}
	if got := r.Detect([]Keys{unknown}); len(got) != 0 {
		t.Errorf("one of 12 keys is enough: %+v", got)
	}
}

func TestDetectionIsDeterministic(t *testing.T) {
	optional := append(keysOf("k", 4), Key{Name: "o", Optional: true})
	more := append(keysOf("k", 4), Key{Name: "m"})
	shaped := slices.Clone(more)
	shaped[0].Shape = tensor.Shape{2}
	configs := []*Config{make1(t, "toy-c", optional...), make1(t, "toy-b", optional...), make1(t, "toy-a", more...),
		make1(t, "toy-0", keysOf("k", 2)...), make1(t, "toy-s", shaped...)}
	for range 20 {
		r, err := Registry{}.With(configs...)
		if err != nil {
			t.Fatal(err)
		}
		// toy-0 knows two of four keys; toy-a and toy-s lack m; the shape of k0 in toy-s differs.
		want := []string{"toy-b", "toy-c", "toy-a", "toy-s", "toy-0"}
		if got := ids(r.Detect([]Keys{Header(header(t, 4, "k%d"))})); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		configs = append(configs[1:], configs[0])
	}
}

func TestSingletonFitsOneKeyOnly(t *testing.T) {
	r := Builtin()
	if got := ids(r.Detect([]Keys{list{"key"}})); !slices.Equal(got, []string{SingletonID}) {
		t.Errorf("key: %v", got)
	}
	if got := r.Detect([]Keys{list{"key", "other"}}); len(got) != 0 {
		t.Errorf("a model with a key named key: %v", ids(got))
	}
}

func TestAliasesCountAsTheirKeys(t *testing.T) {
	r, err := Registry{}.With(make1(t, "toy-a", Key{Name: "x", Aliases: []string{"x1"}}, Key{Name: "y"}))
	if err != nil {
		t.Fatal(err)
	}
	got := r.Detect([]Keys{list{"x1", "y"}, list{"x", "z"}})
	if len(got) != 1 || got[0].Extra != 0.25 || got[0].Missing != 0.25 || got[0].Matched != 3 {
		t.Errorf("%+v", got)
	}
}

func BenchmarkDetectOfAnotherArchitecture(b *testing.B) {
	r, in := Builtin(), []Keys{Header(header(b, 100_000, "model.layers.%d.weight"))}
	for b.Loop() {
		if found := r.Detect(in); len(found) > 0 {
			b.Fatal(ids(found))
		}
	}
}

func BenchmarkDetectOfSDXL(b *testing.B) {
	r := Builtin()
	row, _ := r.Get("sdxl-sgm")
	c := row.Make()
	h := tensor.NewHeader(c.Len())
	for i := range c.Len() {
		if err := h.Add(c.Name(i), tensor.F16, tensor.Shape{1}, int64(2*i)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if found := r.Detect([]Keys{Header(h)}); found[0].Config != c {
			b.Fatal(ids(found))
		}
	}
}

func BenchmarkMakeAllConfigs(b *testing.B) {
	for b.Loop() {
		for _, parts := range []func() []Component{fluxDev, sd1Kohya, sd1LDM, sd3, sdxlUNetOnly, sdxlKohyaOriginal, sdxlKohyaDiffusers, sdxlSGM} {
			if _, err := New("a-b", parts()...); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestOlderNamesAreReadAndNotWritten: the autoencoders of diffusers had other names.
func TestOlderNamesAreReadAndNotWritten(t *testing.T) {
	row, _ := Builtin().Get("sd1-kohya")
	c := row.Make()
	old := 0
	for _, part := range []string{"encoder", "decoder"} {
		for now, was := range map[string]string{"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"} {
			for _, what := range []string{".weight", ".bias"} {
				key, name := "vae."+part+".mid_block.attentions.0."+now+what, "vae."+part+".mid_block.attentions.0."+was+what
				if got, ok := c.Canonical(name); !ok || got != key || !slices.Equal(c.Aliases(key), []string{name}) {
					t.Errorf("%s is %q; %s has the aliases %q", name, got, key, c.Aliases(key))
				}
				old++
			}
		}
	}
	for i := range c.Len() {
		old -= len(c.Key(i).Older)
	}
	text, err := WriteYAML("sd1-kohya", c)
	if old != 0 || err != nil || strings.Contains(string(text), "query") || strings.Contains(string(text), "aliases") {
		t.Errorf("%d keys too few have older names, or they are written; %v", old, err)
	}
}
