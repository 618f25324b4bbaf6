package mecha

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// checkAdapters refuses a LoRA of which nothing is used: it was made for another model, or its
// keys have names that its config does not know. Keys that find no place in one of which something
// is used are in the report of the model (Unread).
func (s *session) checkAdapters(targets []plan.Target) error {
	for _, t := range targets {
		for i := range t.Solved.Nodes {
			n := &t.Solved.Nodes[i]
			if !expands(n) {
				continue
			}
			for _, a := range n.Args[0] {
				if arg := &t.Solved.Nodes[a]; arg.Kind == recipe.ModelNode {
					if err := s.checkAdapter(&t.Solved.Models[arg.Model], t.Sources, n); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// expands reports whether a node makes a difference of a LoRA.
func expands(n *recipe.Node) bool {
	return n.Kind == recipe.MergeNode && n.Method.AnyShape && n.Method.Conversion
}

// trainingMetadata begins the names of what kohya's scripts write about the training of a LoRA. It
// is not true of a model that the LoRA becomes part of.
const trainingMetadata = "ss_"

// checkAdapter checks the model that a conversion of adapters takes.
func (s *session) checkAdapter(m *recipe.ModelRef, sources []int, n *recipe.Node) error {
	source := m.Index
	if sources != nil {
		source = sources[m.Index]
	}
	if s.plan.Used[source] > 0 {
		return nil
	}
	keys := s.plan.Unread[source]
	names := slices.Clone(keys.First[:min(len(keys.First), 3)])
	return &tensor.Error{Class: tensor.ClassInput, Path: m.Path, Err: fmt.Errorf("nothing of this LoRA has a place in the result"),
		Got:  fmt.Sprintf("%s: %s, ...", tensor.Count(keys.Count, "key"), strings.Join(names, ", ")),
		Want: "factors for keys of " + n.Config.ID() + ", all those of a key",
		Hint: "it may be for another model, or its keys may have names that are not known"}
}
