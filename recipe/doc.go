// Package recipe reads, writes and solves recipes: graphs of merge methods over models and
// values.
//
// Glossary:
//
//   - [Expr]: a node of a graph: a model, a literal (a state dict of values), or a method
//     applied to other nodes. Nodes are immutable and equal if their digests are.
//   - [Env]: the methods, model configs and merge spaces that a recipe may name.
//   - [Graph]: a root node and all nodes below it.
//   - hint: the model config or the merge space that the recipe says a node has.
//   - [Solved]: a graph in which every node has its merge space and its model config, ready
//     to be planned.
//
// A recipe comes from text ([Parse]) or is built by a program:
//
//	env := recipe.Builtin()
//	a, err := env.Model("a.safetensors", recipe.Hints{})
//	b, err := env.Model("b.safetensors", recipe.Hints{})
//	m, err := env.Merge("weighted_sum", []any{a, b, 0.3})
//	g, err := env.Graph(m)
//
// The package opens no file: headers come in as values, and a recipe can be checked
// without any. It does not compute anything.
package recipe
