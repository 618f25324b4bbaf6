package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
)

// methodText describes a method for people.
func methodText(m *methods.Method) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s(%s)%s\n\n  %s\n", m.ID, signature(m.Params), unavailable(m), strings.ReplaceAll(m.Doc, "\n", "\n  "))
	if len(m.Params) > 0 {
		b.WriteString("\nParameters:\n")
	}
	t := newTable(&b)
	for _, p := range m.Params {
		t.row("  "+p.Name, describeParam(p), p.Doc)
	}
	t.flush()
	fmt.Fprintf(&b, "\nResult: %s\n", describeReturn(m.Return))
	if m.Source != "" {
		fmt.Fprintf(&b, "Source: %s\n", m.Source)
	}
	return b.String()
}

// signature writes parameters as a call: "a, b, *, alpha=0.5".
func signature(params []methods.Param) string {
	var parts []string
	for i, p := range params {
		if p.Keyword && (i == 0 || !params[i-1].Keyword && !params[i-1].Variadic) {
			parts = append(parts, "*")
		}
		s := p.Name
		if p.Variadic {
			s = "*" + s
		}
		if p.Default != nil {
			s += "=" + valueText(*p.Default)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

// describeParam says what an argument may be: "tensor, required, space weight or delta".
func describeParam(p methods.Param) string {
	parts := []string{p.Type.String()}
	if p.Nullable {
		parts[0] += " or null"
	}
	switch {
	case p.Variadic:
		parts = append(parts, fmt.Sprintf("at least %d", p.MinArgs))
	case p.Default == nil:
		parts = append(parts, "required")
	}
	return strings.Join(append(parts, paramSpace(p)), ", ")
}

// paramSpace says which merge spaces an argument may have.
func paramSpace(p methods.Param) string {
	if p.Symbol != nil {
		return "space " + p.Symbol.Name + tiedSet(p.Symbol)
	}
	if p.Default != nil && p.Spaces.Any() {
		return "space param"
	}
	return "space " + p.Spaces.String()
}

// tiedSet explains a symbol that stands for the same space everywhere in a method.
func tiedSet(s *methods.Symbol) string {
	if set := s.Set.String(); set != s.Name {
		return " (one of " + set + ")"
	}
	return " (the same one for all)"
}

// describeReturn says what a method gives.
func describeReturn(r methods.Return) string {
	space := string(r.Space)
	if r.Symbol != nil {
		space = r.Symbol.Name + tiedSet(r.Symbol)
	}
	if space == "" {
		return r.Type.String()
	}
	return r.Type.String() + ", space " + space
}

// valueText writes a value as recipes do.
func valueText(v methods.Value) string {
	switch v.Kind {
	case methods.BoolValue:
		return strconv.FormatBool(v.B)
	case methods.IntValue:
		return strconv.FormatInt(v.I, 10)
	case methods.FloatValue:
		return strconv.FormatFloat(v.F, 'g', -1, 64)
	case methods.StringValue:
		return strconv.Quote(v.S)
	case methods.BigIntValue:
		return v.S
	}
	return "null"
}

// methodsJSON is the list of methods as JSON.
type methodsJSON struct {
	Type    string       `json:"type"` // "methods"
	Schema  int          `json:"schema"`
	Methods []methodJSON `json:"methods"`
}

// methodJSON is a method as JSON.
type methodJSON struct {
	ID        string      `json:"id"`
	Family    string      `json:"family"`
	Doc       string      `json:"doc"`
	Source    string      `json:"source,omitempty"`
	Available bool        `json:"available"`
	Params    []paramJSON `json:"params"`
	Returns   string      `json:"returns"`
}

// paramJSON is a parameter as JSON. Default is written as in a recipe; it is absent if
// the argument is required.
type paramJSON struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Space    string `json:"space"`
	Default  string `json:"default,omitempty"`
	Nullable bool   `json:"nullable,omitempty"`
	Variadic bool   `json:"variadic,omitempty"`
	Keyword  bool   `json:"keyword,omitempty"`
	Doc      string `json:"doc"`
}

// methodListJSON makes the JSON form of methods.
func methodListJSON(all []*methods.Method) methodsJSON {
	list := methodsJSON{Type: "methods", Schema: 1}
	for _, m := range all {
		j := methodJSON{ID: m.ID, Family: m.Family, Doc: m.Doc, Source: m.Source,
			Available: m.Status == methods.Available, Params: []paramJSON{}, Returns: describeReturn(m.Return)}
		for _, p := range m.Params {
			q := paramJSON{Name: p.Name, Type: p.Type.String(), Space: strings.TrimPrefix(paramSpace(p), "space "),
				Nullable: p.Nullable, Variadic: p.Variadic, Keyword: p.Keyword, Doc: p.Doc}
			if p.Default != nil {
				q.Default = valueText(*p.Default)
			}
			j.Params = append(j.Params, q)
		}
		list.Methods = append(list.Methods, j)
	}
	return list
}
