package recipe

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// detect finds the config of a component in which none is named.
func (s *solver) detect(c *component) error {
	sources := s.sources(c)
	root := c == s.configs[len(s.nodes)-1]
	if len(sources) == 0 && root { // values only: the result has one key
		c.config = config.Singleton()
		return nil
	}
	if found := s.g.env.Configs.Detect(sources); len(found) > 0 {
		c.config = found[0].Config
		if found[0].Extra > 0 {
			s.checkMixture(c)
		}
		return nil
	}
	if c.infer != nil {
		return s.errorAt(c.infer, errors.New("the hint infer asks for a named model config, but no available one fits the keys"))
	}
	c.config = config.Structural(sources...)
	s.checkMixture(c)
	return nil
}

// checkMixture warns of models that would have another config if they were alone, such as one
// model in two layouts: few of their keys are the same, and the merge may be of those only. If
// something names the config that they share, it may be what is wrong.
func (s *solver) checkMixture(c *component) {
	var ids []string // of each config that a model has, "" for none
	models := map[string][]string{}
	worse := false
	for _, m := range s.voting(c) {
		keys := []config.Keys{config.Header(s.models[m].Header)}
		id := ""
		if own := s.g.env.Configs.Detect(keys); len(own) > 0 {
			id = own[0].Config.ID()
			worse = worse || own[0].Extra < unknownShare(c.config, keys[0])
		}
		if models[id] == nil {
			ids = append(ids, id)
		}
		models[id] = append(models[id], fmt.Sprintf("%q", s.models[m].Path))
	}
	named := len(c.pins) > 0
	if !worse || len(ids) < 2 && (!named || ids[0] == c.config.ID()) {
		return
	}
	said := make([]string, len(ids))
	for k, id := range ids {
		said[k] = listed(models[id]) + " has " + cmp.Or(id, "none that is known")
	}
	warning := fmt.Sprintf("models of different configs are merged, key by key: %s", strings.Join(said, "; "))
	target := ids[0]
	if named {
		target = c.config.ID()
		warning = fmt.Sprintf("models are taken as %s, key by key, and not all are of it: %s; %s", target, strings.Join(said, "; "), s.pinText(c.pins[0]))
	}
	for _, id := range ids {
		if steps, ok := s.g.env.Methods.Ways(id).To(target); ok && len(steps) > 0 {
			warning += fmt.Sprintf(" (a conversion is missing: %s)", names(steps))
		}
	}
	s.warnings = append(s.warnings, warning)
	s.mixture = warning
}

// unknownShare is the share of keys that a config does not know; all, if it was made from them.
func unknownShare(c *config.Config, keys config.Keys) float64 {
	n := 0
	for i := range keys.Len() {
		if _, _, ok := c.Find(keys.Name(i)); !ok {
			n++
		}
	}
	return float64(n) / float64(max(1, keys.Len()))
}

// listed lists a few names.
func listed(names []string) string {
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// checkMembers checks literals and models against the config of their component. A literal
// none of whose keys is in it would be without effect.
func (s *solver) checkMembers(c *component) error {
	if s.vet && c.config.Structural() {
		return nil
	}
	var errs []error
	checked := map[Digest]bool{}
	for _, i := range c.members {
		n := s.nodes[i].expr
		if checked[n.digest] {
			continue
		}
		checked[n.digest] = true
		switch {
		case n.kind == LiteralNode && len(n.entries) > 0:
			keys := literalKeys(n)
			errs = append(errs, s.checkTwice(c.config, n, keys), s.checkKeys(c, n, keys))
		case n.kind == ModelNode && !c.config.Structural() && !s.vet:
			h := s.models[s.byPath[CleanPath(n.path)]].Header
			errs = append(errs, s.checkKeys(c, n, config.Header(h)))
		}
	}
	return errors.Join(errs...)
}

// maxKeys is how many keys a message lists.
const maxKeys = 12

// checkKeys compares the keys of a literal or a model with a config.
func (s *solver) checkKeys(c *component, n *Expr, keys config.Keys) error {
	if n.kind == ModelNode {
		s.checkShapes(c.config, n, keys)
	}
	extra, first := 0, make([]string, 0, maxKeys)
	for i := range keys.Len() {
		if _, ok := c.config.Canonical(keys.Name(i)); ok {
			continue
		}
		if extra++; len(first) < maxKeys {
			first = append(first, keys.Name(i))
		}
	}
	if extra == 0 {
		return nil
	}
	list := strings.Join(first, ", ")
	if extra > len(first) {
		list += fmt.Sprintf(", and %d more", extra-len(first))
	}
	if extra == keys.Len() {
		return s.foreign(c, n, keys, list)
	}
	if n.kind == ModelNode && s.o.ExtraKeys == RefuseExtra {
		return &tensor.Error{Class: tensor.ClassInput, Path: n.path, Err: fmt.Errorf("%s %s of model config %s: %s", tensor.Count(extra, "key"), tensor.Number(extra, "is not a key", "are not keys"), c.config.ID(), list)}
	}
	warning := fmt.Sprintf("%s: %d of %s %s of %s: %s", describe(n), extra, tensor.Count(keys.Len(), "key"),
		tensor.Number(extra, "is not a key", "are not keys"), whose(c.config), list)
	s.warnings = append(s.warnings, warning)
	return nil
}

// checkTwice refuses a literal that has one key under two names: only one of its values would
// be used.
func (s *solver) checkTwice(c *config.Config, n *Expr, keys config.Keys) error {
	other := map[string]string{} // name by key, of keys that have another name
	for i := range keys.Len() {
		name := keys.Name(i)
		key, ok := c.Canonical(name)
		if !ok || key == name {
			continue
		}
		first, twice := other[key]
		if !twice && keys.Has(key) {
			first, twice = key, true
		}
		if twice {
			return s.pointAt(n, &tensor.Error{Key: name, Err: fmt.Errorf("%s has this key of %s under two names, also as %q", describe(n), whose(c), first),
				Hint: "leave one of them out"})
		}
		other[key] = name
	}
	return nil
}

// checkShapes warns if tensors of a model do not have the shapes of its config: it may be of a
// kind that only looks like it by its names.
func (s *solver) checkShapes(c *config.Config, n *Expr, keys config.Keys) {
	shapes, ok := keys.(config.Shapes)
	if !ok || c.Structural() {
		return
	}
	compared, wrong, first := 0, 0, []string(nil)
	for i := range keys.Len() {
		k, _, ok := c.Find(keys.Name(i))
		if !ok || k.Shape == nil {
			continue
		}
		compared++
		if got := shapes.Shape(i); !got.Equal(k.Shape) {
			if wrong++; wrong <= 3 {
				first = append(first, fmt.Sprintf("%s %v, not %v", keys.Name(i), got, k.Shape))
			}
		}
	}
	if wrong > 0 {
		s.warnings = append(s.warnings, fmt.Sprintf("%s: %d of %s %s the shapes of model config %s: %s",
			describe(n), wrong, tensor.Count(compared, "tensor"), tensor.Number(wrong, "does not have", "do not have"), c.ID(), strings.Join(first, "; ")))
	}
}

func whose(c *config.Config) string {
	if c.Structural() {
		return "the models that it is used with"
	}
	return "model config " + c.ID()
}

// foreign is the error about keys none of which are in the config.
func (s *solver) foreign(c *component, n *Expr, keys config.Keys, list string) error {
	err := &tensor.Error{Err: fmt.Errorf("%s: none of its keys is a key of %s: %s", describe(n), whose(c.config), list)}
	if keys.Has(config.SingletonKey) && n.kind == LiteralNode {
		err.Hint = "one value for all keys is written as a number, or with convert_singleton"
		return s.pointAt(n, err)
	}
	if len(c.pins) == 1 {
		err.Err = fmt.Errorf("%w; %s", err.Err, s.pinText(c.pins[0]))
	}
	var fits []string
	for _, m := range s.g.env.Configs.Detect([]config.Keys{keys}) {
		id := m.Config.ID()
		fits = append(fits, id)
		if steps, ok := s.g.env.Methods.Ways(id).To(c.config.ID()); ok && len(steps) > 0 {
			fits = []string{id}
			err.Hint = "a conversion is missing: " + names(steps)
			break
		}
	}
	if len(fits) > 0 {
		err.Err = fmt.Errorf("%w (they are keys of %s)", err.Err, strings.Join(fits, " or "))
	}
	if n.kind == ModelNode {
		err.Class, err.Path = tensor.ClassInput, n.path
		return err
	}
	return s.pointAt(n, err)
}

func names(steps []*methods.Method) string {
	ids := make([]string, len(steps))
	for i, m := range steps {
		ids[i] = m.ID
	}
	return strings.Join(ids, ", then ")
}

// keyMap makes the key map of a merge, from the configs of its arguments to its own.
func (s *solver) keyMap(i int, m *methods.Method) (methods.KeyMap, error) {
	if m.Keys == nil {
		return nil, nil
	}
	configs := make([]string, len(m.Params))
	for p, args := range s.nodes[i].args {
		if len(args) > 0 {
			configs[p] = s.configs[args[0]].config.ID()
		}
	}
	km, err := m.Keys(s.configs[i].config.ID(), configs)
	if err != nil {
		return nil, s.errorAt(s.nodes[i].expr, fmt.Errorf("%s: %w", m.ID, err))
	}
	return km, nil
}
