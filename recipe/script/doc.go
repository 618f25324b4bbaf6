// Package script reads recipes that are written as Starlark programs, and expressions of one
// line. Starlark has the look of Python: loops and functions, but nothing that reads or writes.
//
//	a, b, c = model("a.safetensors"), model("b.safetensors"), model("c.safetensors")
//	def recipe(alpha = 0.5):
//	    return a + alpha * (b - c) | a
//
// Glossary:
//
//   - node: a value of a program that is a node of the recipe: a model, a literal, a merge.
//   - built-in: a function that makes nodes. Each method of the catalogue is one, by its
//     identifier.
//   - wrapper: a built-in that makes several nodes, as the function of the same name in the
//     Python library does. It hides a method of its name, which is method("name") then.
//   - block weights: a dict whose keys are blocks of a UNet (IN00, M00, ...). Beside a model it is
//     converted to a value for each key of the model.
//   - parameter: an argument of the function recipe, which is set from outside.
//   - work: what the steps of a program cost. It is limited; guards count it.
//
// [Run] gives the graph of a program, [Expr] that of an expression, [Params] the parameters of a
// program, and [Format] a program for a graph. Errors are recipe.ParseError, with line, column and a caret.
//
// A program always ends and takes bounded memory: it has no while and no recursion, its steps
// are limited, and before it runs every operator, slice and method call is replaced by a call
// that counts what it costs (guard.go, cost.go). The package opens no file: a model is a path.
// For conversions the caller may tell the keys of a model (Options.Keys).
package script
