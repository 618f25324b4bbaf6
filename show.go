package mecha

import (
	"github.com/mecha-gpu/mecha-gpu/recipe/draw"
	"github.com/mecha-gpu/mecha-gpu/recipe/script"
)

// Program returns the recipe as a Starlark program that makes the same graph (see package
// recipe/script). It fails on recipes that are too large for one.
func (r *Recipe) Program() (string, error) {
	b, err := script.Format(r.graph)
	return string(b), err
}

// DOT returns a picture of the recipe as text for Graphviz.
func (r *Recipe) DOT() string { return draw.DOT(r.graph) }

// SVG returns a picture of the recipe as an SVG file. It fails if the recipe has thousands of
// nodes.
func (r *Recipe) SVG() (string, error) { return draw.SVG(r.graph) }
