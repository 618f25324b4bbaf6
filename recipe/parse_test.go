package recipe

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// textCase is a recipe and what the reference made of it.
type textCase struct {
	Name      string          `json:"name"`
	Text      json.RawMessage `json:"text"`
	OK        json.RawMessage `json:"ok"`
	ErrorType string          `json:"error_type"`
	Go        string          `json:"go"`
}

func textCases(t testing.TB) []textCase {
	t.Helper()
	b, err := os.ReadFile("testdata/mecha-text-cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []textCase }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

func TestTextCasesOfTheReference(t *testing.T) {
	cases := textCases(t)
	if len(cases) != 99 {
		t.Fatalf("%d cases, want 99", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if c.Go == "skip" {
				return // a Python list, not text
			}
			var text string
			if err := json.Unmarshal(c.Text, &text); err != nil {
				t.Fatal(err)
			}
			g, err := Parse([]byte(text), "", Builtin())
			if c.Go == "reject" || c.Go == "same" && c.OK == nil {
				wantPosition(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.OK != nil {
				sameStructure(t, g.Root(), c.OK)
			}
		})
	}
}

// wantPosition checks that a refusal says where it is.
func wantPosition(t *testing.T, err error) {
	t.Helper()
	var list *ParseErrors
	if !errors.As(err, &list) {
		t.Fatalf("got %v, want a ParseErrors", err)
	}
	for _, e := range list.List {
		if e.Line < 1 || e.Column < 1 || e.Err == nil || e.Err.Error() == "" {
			t.Errorf("no position: %#v", e)
		}
	}
	if tensor.ClassOf(err) != tensor.ClassRecipe {
		t.Errorf("class %v", tensor.ClassOf(err))
	}
}

// sameStructure compares a node with the reference's structure as JSON.
func sameStructure(t *testing.T, got *Expr, want json.RawMessage) {
	t.Helper()
	var a, b any
	enc, err := json.Marshal(structure(got))
	if err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal(enc, &a) != nil || json.Unmarshal(want, &b) != nil {
		t.Fatal("not JSON")
	}
	if m, ok := b.(map[string]any); ok && m["dict"] != nil { // a plain map is a literal
		b = map[string]any{"literal": m["dict"], "model_config": nil, "merge_space": nil}
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("got  %s\nwant %s", x, y)
	}
}

// structure writes a node as the cases do: arguments by position, then by name.
func structure(e *Expr) any {
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	m := map[string]any{"model_config": text(e.Hints().Config), "merge_space": text(string(e.Hints().Space))}
	switch e.Kind() {
	case ModelNode:
		m["model"] = e.Path()
	case LiteralNode:
		entries := map[string]any{}
		for _, x := range e.Entries() {
			if x.Node != nil {
				entries[x.Key] = structure(x.Node)
			} else {
				entries[x.Key] = valueStructure(x.Value)
			}
		}
		m["literal"] = entries
	case MergeNode:
		args, kwargs := []any{}, map[string]any{}
		for p, list := range e.Args() {
			for _, a := range list {
				if param := e.Method().Params[p]; param.Keyword {
					kwargs[param.Name] = structure(a)
				} else {
					args = append(args, structure(a))
				}
			}
		}
		return map[string]any{"merge": e.Method().ID, "args": args, "kwargs": kwargs}
	}
	return m
}

func valueStructure(v methods.Value) any {
	switch v.Kind {
	case methods.NullValue:
		return nil
	case methods.BoolValue:
		return v.B
	case methods.StringValue:
		return v.S
	case methods.FloatValue:
		return map[string]any{"float": FormatFloat(v.F)}
	}
	text, _ := valueText(v)
	return map[string]any{"int": text}
}

// toyEnv is the built-in environment with the config toy-a.
func toyEnv(t testing.TB) Env {
	t.Helper()
	keys := []config.Key{{Name: "w"}, {Name: "v", Aliases: []string{"v_alias"}}, {Name: "z", Optional: true}}
	toy, err := config.New("toy-a", config.Component{Name: "c", Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	env := Builtin()
	if env.Configs, err = env.Configs.With(toy); err != nil {
		t.Fatal(err)
	}
	return env
}

func mustParse(t testing.TB, text string) *Graph {
	t.Helper()
	g, err := Parse([]byte("version 0.1.0\n"+text), "", toyEnv(t))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return g
}

func mustFormat(t testing.TB, g *Graph) string {
	t.Helper()
	b, err := Format(g)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(string(b), "version 0.1.0\n")
	if !ok {
		t.Fatalf("no version line: %s", b)
	}
	return text
}

// Editors of Windows write it, and nobody sees it.
func TestByteOrderMarkIsNotPartOfTheText(t *testing.T) {
	if g, err := Parse([]byte("\ufeffversion 0.1.0\r\nmodel \"a\"\r\n"), "", Builtin()); err != nil || g.Root() == nil {
		t.Error(err)
	}
	if _, err := Parse([]byte("version 0.1.0\n\ufeffmodel \"a\"\n"), "", Builtin()); err == nil {
		t.Error("a mark inside the text was accepted")
	}
}

func TestAllErrorsOfATextAreCollected(t *testing.T) {
	text := "version 0.1.0\nmodel \"a\nmerge \"wsum\" &0 &0\nmerge \"subtract\" &0 foo=&7\nmerge \"add_difference\" &0 &1\ndict a=1 a=x"
	_, err := Parse([]byte(text), "r.mecha", Builtin())
	var list *ParseErrors
	if !errors.As(err, &list) {
		t.Fatal(err)
	}
	var at []int
	for _, e := range list.List {
		at = append(at, e.Line)
	}
	if !slices.Equal(at, []int{2, 3, 4, 6}) {
		t.Errorf("errors in lines %v: %v", at, err)
	}
}
