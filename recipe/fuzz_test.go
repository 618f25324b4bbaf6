package recipe

import (
	"bytes"
	"encoding/json"
	"errors"
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
