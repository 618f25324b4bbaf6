package recipe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// An interface stands for the one of its implementations whose configs its arguments have. Most
// implementations give the config that they take: the interface is solved as any method is, and the
// implementation chosen at the end. Others map one config to another: what they give is known only
// when their arguments have their configs, so that those are found first.

// maps reports whether implementations of an interface give another config than they take.
func (s *solver) maps(face *methods.Method) bool {
	return slices.ContainsFunc(s.g.env.Methods.All(), func(m *methods.Method) bool {
		return m.Implements == face.ID && slices.ContainsFunc(m.Params, func(p methods.Param) bool { return p.Config != "" && p.Config != m.Return.Config })
	})
}

// dispatch chooses implementations for interfaces that map configs, those below others first. Where
// no model was opened there may be several, one of which is taken at the end.
func (s *solver) dispatch() error {
	var errs errorList
	for i := range s.nodes {
		if m := s.nodes[i].method; m == nil || !m.Interface || s.wrong || !s.maps(m) {
			continue
		}
		warnings := len(s.warnings) // they come again when everything is solved
		s.findComponents()
		for _, args := range s.nodes[i].args {
			for _, a := range args {
				if c := s.configs[a]; c.config == nil {
					if err := s.choose(c); err != nil {
						return err
					}
				}
			}
		}
		s.warnings = s.warnings[:warnings]
		if s.vet && len(s.implementations(i)) > 1 {
			continue
		}
		errs.add(s.implement(i))
	}
	return errs.join()
}

// implementations lists those of an interface that take its arguments.
func (s *solver) implementations(i int) (list []*methods.Method) {
	for _, m := range s.g.env.Methods.All() {
		if m.Implements == s.nodes[i].method.ID && s.accepts(m, i) {
			list = append(list, m)
		}
	}
	return list
}

// implement replaces an interface by the first of its implementations whose configs and
// spaces the arguments have. Values for all keys have no config and do not take part.
func (s *solver) implement(i int) error {
	n, list := &s.nodes[i], s.implementations(i)
	if len(list) == 0 {
		return s.noImplementation(n, n.method)
	}
	if n.method = list[0]; n.method.Status == methods.Known {
		return s.errorAt(n.expr, fmt.Errorf("method %s: known, not available yet", n.method.ID))
	}
	return nil
}

// noImplementation says which configs the arguments of an interface have, and which it is for.
func (s *solver) noImplementation(n *occurrence, face *methods.Method) error {
	var got, want []string
	from := ""
	for p := range face.Params {
		for _, a := range n.args[p] {
			if _, constant := s.nodes[a].expr.constant(); constant {
				continue
			}
			id := "of no config that is known"
			if c := s.configs[a].config; !c.Structural() {
				id = "of config " + c.ID()
				from = c.ID()
			}
			got = append(got, fmt.Sprintf("%s %s, in the space %s", face.Params[p].Name, id, s.spaces[a]))
		}
	}
	for _, m := range s.g.env.Methods.All() {
		for p := range m.Params {
			if id := m.Params[p].Config; m.Implements == face.ID && id != "" && !slices.Contains(want, id) {
				want = append(want, id)
			}
		}
	}
	err := &tensor.Error{Err: fmt.Errorf("%s has no implementation for these arguments", face.ID), Got: strings.Join(got, ", ")}
	if len(want) > 0 {
		err.Want = "config " + strings.Join(want, " or ")
		err.Hint = s.conversionTo(want, from)
	}
	return s.pointAt(n.expr, err)
}

// conversionTo is the hint that names the conversions of from to a config of want; "" if there are none.
func (s *solver) conversionTo(want []string, from string) string {
	ways := s.g.env.Methods.Ways(from)
	for _, to := range want {
		if steps, ok := ways.To(to); ok && len(steps) > 0 {
			return "a conversion is missing: " + names(steps)
		}
	}
	return ""
}

// accepts reports whether an implementation takes the arguments of an interface. Where no model was
// opened, one may have any config, and the config that the result must have may say more.
func (s *solver) accepts(m *methods.Method, i int) bool {
	n := &s.nodes[i]
	if s.vet && m.Return.Config != "" && slices.ContainsFunc(s.configs[i].pins, func(p pin) bool { return p.id != m.Return.Config }) {
		return false
	}
	for p := range m.Params {
		for _, a := range n.args[p] {
			if _, constant := s.nodes[a].expr.constant(); constant {
				continue
			}
			known := s.configs[a].config
			open := s.vet && known.Structural()
			if id := m.Params[p].Config; id != "" && id != known.ID() && !open || !m.Params[p].Spaces.Has(s.spaces[a]) {
				return false
			}
		}
	}
	return true
}
