package mecha

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// trainingMetadata begins the names of what kohya's scripts write about the training of a LoRA. It
// is not true of a model that the LoRA becomes part of.
const trainingMetadata = "ss_"

// AdapterReport says what the keys of a LoRA are for. The lists hold those without effect.
type AdapterReport struct {
	Config  string `json:"config"`  // of the file
	Base    string `json:"base"`    // the config that it is for
	Targets int    `json:"targets"` // tensors of the base that it changes in an output

	Unknown    NameList `json:"unknown_keys"`    // for no tensor of the base
	Incomplete NameList `json:"incomplete_keys"` // other factors are missing, or of a kind that is not known
	Leftover   NameList `json:"leftover_keys"`   // beside the factors of a tensor, which are complete without
	Unplaced   NameList `json:"unplaced_keys"`   // for tensors that the rest of the recipe lacks
}

// withoutEffect lists the lists that are not empty, each with what its keys are.
func (r *AdapterReport) withoutEffect() (lists []NameList, what []string) {
	for _, l := range []struct {
		names NameList
		what  string
	}{
		{r.Unknown, "for no tensor of " + r.Base},
		{r.Incomplete, "of factors that are not complete, or of a kind that is not known"},
		{r.Leftover, "beside factors that are complete, and without effect"},
		{r.Unplaced, "for tensors that the rest of the recipe lacks"},
	} {
		if l.names.Count > 0 {
			lists, what = append(lists, l.names), append(what, l.what)
		}
	}
	return lists, what
}

// warnings are the lists as sentences about the file. Keys that its config does not know are warned
// of as in any other file.
func (r *AdapterReport) warnings(path string) (w []string) {
	known := *r
	known.Unknown = NameList{}
	lists, what := known.withoutEffect()
	for i, l := range lists {
		w = append(w, fmt.Sprintf("%s: %s %s %s: %s", path, tensor.Count(l.Count, "key"), tensor.Number(l.Count, "is", "are"), what[i], l.few()))
	}
	return w
}

// few are the first names of a list.
func (l *NameList) few() string {
	const most = 3
	text := strings.Join(l.Names[:min(len(l.Names), most)], ", ")
	if l.Count > most {
		text += fmt.Sprintf(" and %d more", l.Count-most)
	}
	return text
}

// adapter is a model that is expanded to a difference.
type adapter struct {
	ref      *recipe.ModelRef
	config   config.Adapters
	needed   bool    // it is not only there for what another one lacks
	complete bool    // some factors are
	target   []int32 // by entry of the header: for which target it is a factor, or noTarget
	used     []bool  // by entry: an output is made of it
	report   *AdapterReport
}

// noTarget stands for the target of a key that is without effect.
const noTarget = -1

// expands reports whether a node makes a difference of a LoRA.
func expands(n *recipe.Node) bool {
	return n.Kind == recipe.MergeNode && n.Method.AnyShape && n.Method.Conversion
}

// findAdapters finds the LoRAs of a recipe, the models of which differences are made, and refuses
// those that can be of no use. They are not needed if they are only there for what another one lacks.
func (s *session) findAdapters(t *plan.Target) error {
	nodes, needed := t.Solved.Nodes, neededNodes(t.Solved)
	inside := make([]bool, len(nodes)) // a difference is made of it
	for i := len(nodes) - 1; i >= 0; i-- {
		if !inside[i] && !expands(&nodes[i]) {
			continue
		}
		for _, args := range nodes[i].Args {
			for _, a := range args {
				inside[a] = true
			}
		}
	}
	var errs []error
	for i := range nodes {
		if inside[i] && nodes[i].Kind == recipe.ModelNode {
			errs = append(errs, s.addAdapter(t, &nodes[i], needed[i]))
		}
	}
	return errors.Join(errs...)
}

// neededNodes reports of each node whether the result is made of it, and not only of what another
// one lacks. Arguments have lower numbers than what uses them; what is no argument is the result, or
// an entry of a literal.
func neededNodes(solved *recipe.Solved) []bool {
	const spare, needed = 1, 2 // as an argument; 0: it is none
	state, result := make([]int, len(solved.Nodes)), make([]bool, len(solved.Nodes))
	for i := len(state) - 1; i >= 0; i-- {
		result[i] = state[i] != spare
		node := &solved.Nodes[i]
		for p, args := range node.Args {
			as := needed
			if !result[i] || p > 0 && node.Method.FirstAvailable {
				as = spare
			}
			for _, a := range args {
				state[a] = max(state[a], as)
			}
		}
	}
	return result
}

// addAdapter enters the model of a node.
func (s *session) addAdapter(t *plan.Target, node *recipe.Node, needed bool) error {
	source := sourceOf(t, node.Model)
	a := s.adapters[source]
	if a == nil {
		which, ok := config.AdapterConfig(node.Config.ID())
		if !ok {
			return nil
		}
		a = &adapter{ref: &t.Solved.Models[node.Model], config: which}
		a.sort()
		if s.adapters == nil {
			s.adapters = map[int]*adapter{}
		}
		s.adapters[source] = a
	}
	a.needed = a.needed || needed
	if !a.complete {
		return a.refuse()
	}
	return nil
}

// sourceOf returns the number of the source of a model.
func sourceOf(t *plan.Target, model int) int {
	if t.Sources == nil {
		return model
	}
	return t.Sources[t.Solved.Models[model].Index]
}

// sort finds out what each key is for, as far as the names tell.
func (a *adapter) sort() {
	targets := a.config.Targets()
	number := make(map[string]int, len(targets)) // of a target, by stem
	for i := range targets {
		number[targets[i].Stem] = i
	}
	h := a.ref.Header
	suffixes := make([][]string, len(targets))
	a.target, a.used = make([]int32, h.Len()), make([]bool, h.Len())
	for i := range h.Len() {
		stem, suffix, _ := strings.Cut(h.At(i).Key, ".")
		if n, ok := number[stem]; ok {
			suffixes[n] = append(suffixes[n], suffix)
		}
	}
	forms := make([][]string, len(targets))
	for n := range forms {
		forms[n] = completeForm(suffixes[n])
		a.complete = a.complete || forms[n] != nil
	}
	a.report = &AdapterReport{Config: a.config.ID(), Base: a.config.Base}
	for i := range h.Len() {
		key := h.At(i).Key
		stem, suffix, _ := strings.Cut(key, ".")
		n, known := number[stem]
		a.target[i] = noTarget
		switch {
		case !known:
			a.report.Unknown.add(key)
		case forms[n] == nil:
			a.report.Incomplete.add(key)
		case !slices.Contains(forms[n], suffix):
			a.report.Leftover.add(key)
		default:
			a.target[i] = int32(n)
		}
	}
}

// completeForm returns the suffixes of the form that factors are in; nil if none is complete.
func completeForm(suffixes []string) []string {
	for _, f := range config.AdapterForms() {
		if !slices.ContainsFunc(f.Suffixes, func(s string) bool { return !slices.Contains(suffixes, s) }) {
			return f.Suffixes
		}
	}
	return nil
}

// placeAdapters finds out what of the LoRAs is in an output, once the keys of the outputs are
// known. It refuses a LoRA that is in none: it was made for another model, or is not converted.
func (s *session) placeAdapters(targets []plan.Target) error {
	idle := s.idleAdapters(targets)
	if len(s.adapters) == 0 && len(idle) == 0 {
		return nil
	}
	for i := range targets {
		t, layout := &targets[i], s.plan.Layouts[i]
		for k := range layout.Len() {
			t.Solved.Uses(t.Solved.KeyOf(layout.At(k).Key), func(n, entry int) {
				source := sourceOf(t, t.Solved.Nodes[n].Model)
				if a := s.adapters[source]; a != nil {
					a.used[entry] = true
				}
				delete(idle, source)
			})
		}
	}
	var errs []error
	for source := range s.models.sources { // in order
		if a := s.adapters[source]; a != nil {
			a.place()
			if a.needed && a.report.Targets == 0 {
				errs = append(errs, a.refuse())
			}
		} else if path := idle[source]; path != "" {
			errs = append(errs, &tensor.Error{Class: tensor.ClassInput, Path: path, Err: errors.New("nothing of this LoRA has a place in the result"),
				Hint: "convert makes it a difference of a model, as in a + 0.8 * convert(lora, a) | a"})
		}
	}
	return errors.Join(errs...)
}

// idleAdapters returns the paths of models that look like LoRAs and are neither expanded nor read,
// by source.
func (s *session) idleAdapters(targets []plan.Target) map[int]string {
	idle := map[int]string{}
	for i := range targets {
		for m := range targets[i].Solved.Models {
			ref := &targets[i].Solved.Models[m]
			source := sourceOf(&targets[i], m)
			if s.plan.Used[source] > 0 || s.adapters[source] != nil || ref.Header.Len() == 0 {
				continue
			}
			if fits := config.Builtin().Detect([]config.Keys{config.Header(ref.Header)}); len(fits) > 0 && fits[0].Adapter {
				idle[source] = ref.Path
			}
		}
	}
	return idle
}

// place counts the tensors that are changed, and lists the factors of others.
func (a *adapter) place() {
	changed := map[int32]bool{}
	for i, n := range a.target {
		switch {
		case n == noTarget:
		case a.used[i]:
			changed[n] = true
		default:
			a.report.Unplaced.add(a.ref.Header.At(i).Key)
		}
	}
	a.report.Targets = len(changed)
}

// refuse is the error about a LoRA that changes nothing.
func (a *adapter) refuse() error {
	lists, what := a.report.withoutEffect()
	got := make([]string, len(lists))
	for i, l := range lists {
		got[i] = fmt.Sprintf("%s %s (%s)", tensor.Count(l.Count, "key"), what[i], l.few())
	}
	return &tensor.Error{Class: tensor.ClassInput, Path: a.ref.Path, Err: fmt.Errorf("nothing of this LoRA has a place in the result"),
		Got: cmp.Or(strings.Join(got, "; "), "no keys"), Want: "factors for keys of " + a.config.Base + ", all those of a key",
		Hint: "it may be for another model, or its keys may have names that are not known"}
}
