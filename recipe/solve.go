package recipe

import (
	"context"
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Model gives the table of contents of a model of a recipe.
type Model struct {
	Path   string // as in Graph.Models
	Header *tensor.Header
}

// AnySpace asks for no merge space of the result: the first one in order of preference that
// is possible.
const AnySpace methods.Space = "any"

// Options are the choices that change how a recipe is solved.
type Options struct {
	MergeSpace methods.Space // of the result; "" is weight; AnySpace
	Fallback   string        // path of a model that supplies what the recipe cannot; "" is none
	ExtraKeys  ExtraKeys
	StrictKeys bool // mandatory keys of a named config are keys of the result also if no model has them
	Compat     bool // numbers are turned into integers and booleans as the reference does
	Canonical  bool // keys of the result have canonical names, also where a model has other ones; Compat has that, too
}

// ExtraKeys says what happens to keys that a named model config does not know. A structural
// config knows all keys.
type ExtraKeys uint8

const (
	KeepExtra   ExtraKeys = iota // they are merged as if the config had them
	DropExtra                    // they are left out
	RefuseExtra                  // they are an error of class input
)

// Solve gives every node of a recipe its merge space and its model config, and checks what
// can be checked without reading tensors. models has an entry for each of g.Models(), and
// for the fallback. With no models at all, everything that needs no file is checked, and
// the result has no keys.
//
// The errors are of class recipe, and joined; or of class input, if a model does not fit.
func Solve(ctx context.Context, g *Graph, models []Model, o Options) (*Solved, error) {
	if o.Fallback != "" {
		f, err := g.WithFallback(o.Fallback)
		if err != nil {
			return nil, err
		}
		g = f
	}
	s := &solver{g: g, o: o, vet: models == nil, numbers: map[Digest]bool{}}
	s.expand()
	if err := s.headers(models); err != nil {
		return nil, err
	}
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return s.result()
}

// check goes through the steps that find errors. Those of one step do not hide those of the next,
// as far as it can be taken.
func (s *solver) check(ctx context.Context) error {
	var errs []error
	for _, step := range []func(context.Context) error{s.available, s.solveSpaces, s.solveConfigs, s.checkArguments} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(ctx); err != nil {
			s.wrong = true
			errs = append(errs, unjoin(err)...)
		}
		if s.stop {
			break
		}
	}
	return errors.Join(errs...)
}

// solver works on occurrences of nodes; see expand.
type solver struct {
	g      *Graph
	o      Options
	vet    bool // there are no headers
	models []ModelRef
	byPath map[string]int

	nodes    []occurrence
	spaces   []methods.Space // by occurrence, when solved
	configs  []*component    // by occurrence, when solved
	numbers  map[Digest]bool // literals that hold only numbers
	warnings []string
	mixture  string // the warning of models of different configs
	wrong    bool   // there was an error
	stop     bool   // and what follows cannot be found
}

// headers assigns the headers to the models of the graph.
func (s *solver) headers(models []Model) error {
	given := map[string]*tensor.Header{}
	for _, m := range models {
		given[CleanPath(m.Path)] = m.Header
	}
	s.byPath = map[string]int{}
	for i, path := range s.g.Models() {
		h := given[CleanPath(path)]
		if h == nil && !s.vet {
			return &tensor.Error{Class: tensor.ClassInput, Path: path, Err: errors.New("the recipe names this model, but its header is not given")}
		}
		s.byPath[CleanPath(path)] = i
		s.models = append(s.models, ModelRef{Index: i, Path: path, Header: h})
	}
	return nil
}

// available refuses methods that have no formula yet.
func (s *solver) available(context.Context) error {
	var errs []error
	for _, m := range s.g.Methods() {
		if m.Status != methods.Known {
			continue
		}
		for _, n := range s.g.nodes {
			if n.method == m {
				errs = append(errs, s.errorAt(n, fmt.Errorf("method %s: known, not available yet", m.ID)))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// errorAt makes an error about a node.
func (s *solver) errorAt(n *Expr, err error) error { return s.pointAt(n, &tensor.Error{Err: err}) }

// pointAt completes an error about a node: where it is, and what is written there.
func (s *solver) pointAt(n *Expr, err *tensor.Error) error {
	err.Class, err.Path = tensor.ClassRecipe, s.g.place(n)
	if n.at.column == 0 {
		return err
	}
	return &pointed{err, n.at}
}

// Where says where a recipe names a model: "recipe.mecha:4", or "mix.star:4:7"; the name of the
// recipe if the model came from no text; "" if it is none of the recipe.
func (g *Graph) Where(path string) string {
	for _, n := range g.nodes {
		if n.kind == ModelNode && n.path == path {
			return g.place(n)
		}
	}
	return ""
}

// place is "recipe.mecha:4", or "mix.star:4:7"; "" if the node came from no text.
func (g *Graph) place(n *Expr) string {
	place := g.name
	if n.at.line == 0 {
		return place
	}
	if place == "" {
		place = fmt.Sprintf("line %d", n.at.line)
	} else {
		place += fmt.Sprintf(":%d", n.at.line)
	}
	if n.at.column > 0 {
		place += fmt.Sprintf(":%d", n.at.column)
	}
	return place
}

// describe names a node in messages: weighted_sum (line 4).
func describe(n *Expr) string {
	var name string
	switch n.kind {
	case ModelNode:
		name = fmt.Sprintf("model %q", n.path)
	case LiteralNode:
		name = "the literal"
	default:
		name = n.method.ID
		if v, ok := n.constant(); ok {
			name = "the value " + v.String()
		}
	}
	if n.at.line > 0 {
		name += fmt.Sprintf(" (line %d)", n.at.line)
	}
	return name
}
