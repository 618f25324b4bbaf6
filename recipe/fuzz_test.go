package recipe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"testing"
)

// FuzzParse checks that any text is refused with positions, or read as a graph whose
// canonical text reads back as the same graph and is its own canonical text.
func FuzzParse(f *testing.F) {
	for _, c := range textCases(f) {
		var text string
		if json.Unmarshal(c.Text, &text) == nil {
			f.Add([]byte(text))
		}
	}
	for _, text := range examples {
		f.Add([]byte("version 0.1.0\n" + text))
	}
	env := toyEnv(f)
	env.Limits = Limits{Line: 1 << 12, Instructions: 200, Entries: 2000}
	f.Fuzz(func(t *testing.T, src []byte) {
		g, err := Parse(src, "f", env)
		if err != nil {
			wantPosition(t, err)
			return
		}
		text, err := Format(g)
		if err != nil {
			if !errors.Is(err, errName) { // all else that text can hold can be written
				t.Fatal(err)
			}
			return
		}
		env := env
		env.Limits = Limits{}
		again, err := Parse(text, "f", env)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !again.Equal(g) {
			t.Fatalf("another graph:\n%s", text)
		}
		if second, err := Format(again); err != nil || !bytes.Equal(text, second) {
			t.Fatalf("%v: not canonical:\n%s\n%s", err, text, second)
		}
		_, _ = Solve(t.Context(), g, nil, Options{MergeSpace: AnySpace}) // must not panic
	})
}

// FuzzSolve checks that any recipe over any models is refused, or solved, twice in the same way,
// and that its solved text solves to the same keys again.
func FuzzSolve(f *testing.F) {
	for i, text := range []string{
		"model \"a\"\nmodel \"b\"\nmerge \"weighted_sum\" &0 &1",
		"model \"a\"\nmodel \"b\"\nmerge \"subtract\" &0 &1\nmerge \"add_difference\" &0 &2 0.5\nmerge \"fallback\" &3 &0",
		"model \"a\" model_config=\"toy-a\"\ndict w=&0 v=0.5\nliteral &1 model_config=\"toy-a\"\nmerge \"pick_component\" &2 \"c\"",
		"model \"a\"\ndict IN00=0.5\nmerge \"convert_sdxl_blocks_to_sgm\" &1\nmerge \"weighted_sum\" &0 &0 &2",
		"model \"a\" model_config=\"infer\"\nmerge \"exchange_ema\" &0\nmerge \"get_dtype\" &1\nmerge \"cast\" &0 dtype=&2",
	} {
		f.Add([]byte("version 0.1.0\n"+text), uint16(i), i%2 == 0)
	}
	env := toyEnv(f)
	env.Limits = Limits{Line: 1 << 12, Instructions: 200, Entries: 2000}
	keys := []string{"w", "v", "v_alias", "z", "other", "IN00", "model.diffusion_model.out.0.bias", "first_stage_model.quant_conv.bias"}
	f.Fuzz(func(t *testing.T, src []byte, seed uint16, weight bool) {
		g, err := Parse(src, "f", env)
		if err != nil {
			return
		}
		o := Options{MergeSpace: AnySpace}
		if weight {
			o.MergeSpace = ""
		}
		models := []Model{}
		for _, path := range g.Models() {
			h := fnv.New32()
			fmt.Fprint(h, path, seed)
			var own []string
			for i, k := range keys {
				if h.Sum32()>>i&1 == 1 {
					own = append(own, k)
				}
			}
			models = append(models, Model{path, head(t, own...)})
		}
		s, err := Solve(t.Context(), g, models, o)
		if again, err2 := Solve(t.Context(), g, models, o); fmt.Sprint(err) != fmt.Sprint(err2) || err == nil && !slices.Equal(keysOf(s), keysOf(again)) {
			t.Fatalf("%v, then %v", err, err2)
		}
		if err != nil || len(s.stored) == 0 { // a literal alone has keys that its config does not know
			return
		}
		text, err := s.Format()
		if err != nil {
			return // a name that text cannot hold
		}
		g, err = Parse(text, "f", env)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		again, err := Solve(t.Context(), g, models, o)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if before, after := keysOf(s), keysOf(again); !slices.Equal(before, after) {
			t.Fatalf("%d keys, then %d: %.300q, %.300q\n%s", len(before), len(after), before, after, text)
		}
	})
}

// keysOf lists the keys that a solved recipe makes.
func keysOf(s *Solved) []string {
	var keys []string
	for i := range s.NumKeys() {
		if key := s.Key(i); s.Exists(len(s.Nodes)-1, key, func(int) bool { return false }) {
			keys = append(keys, s.OutputName(key))
		}
	}
	slices.Sort(keys)
	return keys
}
