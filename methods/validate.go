package methods

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reserved are names that formulas and key maps use for other things.
var reserved = []string{"key", "key_relation", "cache", "output_reused", "out", "keys", "build", "params"}

// paramName is what text recipes and scripts can write as the name of an argument.
var paramName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate checks that the row is well-formed: the rules for definitions of methods in the
// recipe specification, as far as one row shows them.
func (m *Method) Validate() error {
	for _, check := range []func(*Method) error{
		(*Method).checkHead, (*Method).checkParams, (*Method).checkReturn, (*Method).checkConfigs, (*Method).checkKind,
	} {
		if err := check(m); err != nil {
			return err
		}
	}
	return nil
}

// checkHead checks the identifier and that there is a formula where there has to be one.
func (m *Method) checkHead() error {
	switch {
	case m.ID == "" || strings.ContainsAny(m.ID, "\n\"\\"):
		return fmt.Errorf("identifier %q is empty or cannot be written in a recipe", m.ID)
	case m.Status == Available && m.Formula == nil && m.Forward == nil && !m.Interface:
		return errors.New("no formula")
	case m.Status == Known && (m.Formula != nil || m.Forward != nil):
		return errors.New("it has a formula but is not available")
	case m.Interface && (m.Formula != nil || m.Forward != nil):
		return errors.New("an interface has no formula")
	case m.Formula != nil && m.Forward != nil:
		return errors.New("both a formula and a choice of an argument")
	}
	return nil
}

// checkParams checks each parameter and their order.
func (m *Method) checkParams() error {
	variadic, optional := false, false
	for i := range m.Params {
		p := &m.Params[i]
		if err := p.validate(); err != nil {
			return fmt.Errorf("parameter %q: %w", p.Name, err)
		}
		if _, j, _ := m.Param(p.Name); j != i {
			return fmt.Errorf("parameter %q is there twice", p.Name)
		}
		switch {
		case p.Keyword:
		case variadic:
			return fmt.Errorf("parameter %q follows a variadic one, so it has to be keyword-only", p.Name)
		case optional && p.Default == nil && !p.Variadic:
			return fmt.Errorf("parameter %q has no default but follows one that has", p.Name)
		}
		if !p.Keyword && i > 0 && m.Params[i-1].Keyword {
			return fmt.Errorf("parameter %q follows a keyword-only one, so it has to be keyword-only", p.Name)
		}
		variadic = variadic || p.Variadic
		optional = optional || p.Default != nil && !p.Keyword
	}
	return nil
}

// validate checks one parameter.
func (p *Param) validate() error {
	switch {
	case !paramName.MatchString(p.Name):
		return errors.New("not a name (letters, digits and _)")
	case slices.Contains(reserved, p.Name):
		return fmt.Errorf("the name is reserved (as are %s)", strings.Join(reserved, ", "))
	case p.Type > Any:
		return fmt.Errorf("unknown type %d", p.Type)
	case p.Config == "structural":
		return errors.New("structural is not a config that can be named")
	case p.Symbol != nil && !p.Spaces.Any():
		return errors.New("both a symbol and a set of spaces")
	case p.Variadic && (p.Keyword || p.Default != nil):
		return errors.New("a variadic parameter has no default and is not keyword-only")
	case p.MinArgs < 0 || p.MinArgs > 0 && !p.Variadic:
		return errors.New("MinArgs is for variadic parameters")
	}
	if p.Default == nil {
		return nil
	}
	if p.Symbol != nil || !slices.Equal(p.Spaces.list, []Space{ParamSpace}) {
		return errors.New("a parameter with a default is in the space param only")
	}
	return p.Check(*p.Default)
}

// checkReturn checks the space and the type of the result.
func (m *Method) checkReturn() error {
	r := &m.Return
	switch {
	case r.Type > Any:
		return fmt.Errorf("unknown type of result %d", r.Type)
	case (r.Symbol != nil) == (r.Space != ""):
		return errors.New("the result is either in one space or in that of a symbol")
	case r.Config == "structural":
		return errors.New("structural is not a config that can be named")
	}
	if r.Symbol != nil && !slices.ContainsFunc(m.Params, func(p Param) bool { return p.Symbol == r.Symbol }) {
		return fmt.Errorf("the result has the space of symbol %q, which no parameter has", r.Symbol.Name)
	}
	return nil
}

// checkConfigs checks that configs that differ are joined by a key map, and what a
// conversion has to say.
func (m *Method) checkConfigs() error {
	var configs []string
	add := func(c string) {
		if c != "" && !slices.Contains(configs, c) {
			configs = append(configs, c)
		}
	}
	inputs := 0
	for i := range m.Params {
		add(m.Params[i].Config)
		if !m.Params[i].Keyword && m.Params[i].Default == nil {
			inputs++
		}
	}
	from := len(configs) == 1
	add(m.Return.Config)
	mapped := m.Keys != nil || m.Broadcast || m.Interface || m.Status == Known
	switch {
	case m.Conversion && (inputs != 1 || !from):
		return errors.New("a conversion has one input, of a named config")
	case len(configs) > 1 && !mapped:
		return fmt.Errorf("no key map joins the configs %s", strings.Join(configs, ", "))
	case m.Return.StateDict && !mapped:
		return errors.New("a method that makes a state dict needs a key map")
	}
	return nil
}

// checkKind checks what interfaces and implementations may not have, and that at most one
// field says how keys are mapped.
func (m *Method) checkKind() error {
	n := 0
	for _, b := range []bool{m.Keys != nil, m.FirstAvailable, m.Broadcast} {
		if b {
			n++
		}
	}
	switch {
	case n > 1:
		return errors.New("more than one of Keys, FirstAvailable and Broadcast")
	case m.Interface && n > 0:
		return errors.New("an interface has no key map")
	case m.Interface && m.Implements != "":
		return errors.New("an interface does not implement another")
	case m.Interface && slices.ContainsFunc(m.Params, func(p Param) bool { return p.Keyword }):
		return errors.New("an interface has no keyword-only parameters")
	}
	return nil
}

// checkImplements checks an implementation against its interface in the set.
func (s Set) checkImplements(m *Method) error {
	if m.Implements == "" {
		return nil
	}
	face, ok := s.Get(m.Implements)
	switch {
	case !ok || !face.Interface:
		return fmt.Errorf("it implements %q, which is not an interface", m.Implements)
	case len(face.Params) != len(m.Params):
		return fmt.Errorf("it has %d parameters, the interface %s has %d", len(m.Params), face.ID, len(face.Params))
	case face.Return.Type != m.Return.Type:
		return fmt.Errorf("it gives %v, the interface %s gives %v", m.Return.Type, face.ID, face.Return.Type)
	}
	for i := range m.Params {
		if err := face.Params[i].fits(&m.Params[i]); err != nil {
			return fmt.Errorf("parameter %d is not that of the interface %s: %w", i, face.ID, err)
		}
	}
	return nil
}

// fits checks parameter p of an implementation against that of its interface.
func (face *Param) fits(p *Param) error {
	switch {
	case face.Name != p.Name:
		return fmt.Errorf("name %s, expected %s", p.Name, face.Name)
	case face.Type != p.Type:
		return fmt.Errorf("type %v, expected %v", p.Type, face.Type)
	case face.Variadic != p.Variadic || face.Keyword != p.Keyword:
		return errors.New("they are not given in the same way")
	case face.Default == nil && p.Default != nil:
		return errors.New("it adds a default")
	case !face.Spaces.Any() && !slices.Equal(face.Spaces.list, p.Spaces.list):
		return fmt.Errorf("space %v, expected %v", p.Spaces, face.Spaces)
	case face.Config != "" && face.Config != p.Config:
		return fmt.Errorf("config %q, expected %q", p.Config, face.Config)
	}
	return nil
}
