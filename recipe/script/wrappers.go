package script

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// named is a parameter that is given by name.
func named(name string, def methods.Value) methods.Param {
	return methods.Option(name, def, "").ByName()
}

func number(name string, def float64) methods.Param { return named(name, methods.FloatOf(def)) }
func switched(name string, on bool) methods.Param   { return named(name, methods.BoolOf(on)) }
func integer(name string, def int64) methods.Param  { return named(name, methods.IntOf(def)) }

func input(name string) methods.Param { return methods.Input(name, "") }

// perhaps is the model c, which may be left out.
func perhaps() methods.Param { return methods.Option("c", methods.Null(), "") }

// baseAndModels are the first parameters of wrappers over several models.
func baseAndModels(base string, options ...methods.Param) []methods.Param {
	return append([]methods.Param{input(base), input("models").Many(1)}, options...)
}

// Options of the TIES family. The wrappers pass them on by name.
var (
	tiesNames   = []string{"k", "vote_sgn", "apply_stock", "cos_eps", "apply_median", "eps", "maxiter", "ftol"}
	dareNames   = append([]string{"della_eps", "probability", "rescale", "seed"}, tiesNames...)
	regionNames = []string{"width", "offset"}
)

func tiesOptions(k float64) []methods.Param {
	return []methods.Param{number("k", k), switched("vote_sgn", false), switched("apply_stock", false), number("cos_eps", 1e-6),
		switched("apply_median", false), number("eps", 1e-6), integer("maxiter", 100), number("ftol", 1e-20)}
}

// wrappers returns the table of wrappers.
func wrappers() []wrapper {
	row := func(id string, nodes func(x *expansion) *recipe.Expr, params ...methods.Param) wrapper {
		return wrapper{methods.Method{ID: id, Params: params}, nodes}
	}
	region := []methods.Param{input("a"), input("b"), perhaps(), number("width", 1), number("offset", 0), switched("top_k", false)}
	return []wrapper{
		row("add_difference", addDifference, input("a"), input("b"), perhaps(), number("alpha", 1), switched("clamp_to_ab", false)),
		row("add_perpendicular", addPerpendicular, input("a"), input("b"), input("c"), number("alpha", 1)),
		row("add_difference_ties", tiesOver("ties_sum", "k"), baseAndModels("base", number("alpha", 1), number("k", 1))...),
		row("add_difference_ties_extended", tiesOver("ties_sum_extended", tiesNames...),
			baseAndModels("base", append(tiesOptions(0.2), number("alpha", 1))...)...),
		row("add_ties_with_dare", sumOver("ties_sum_with_dropout", dareNames...),
			baseAndModels("base", append(tiesOptions(1), number("della_eps", 0), number("probability", 0.9), switched("rescale", true),
				named("seed", methods.Null()), number("alpha", 1))...)...),
		row("n_model_stock", sumOver("model_stock", "cos_eps"), baseAndModels("base", number("cos_eps", 1e-6))...),
		row("copy_region", copyRegion, region...),
		row("tensor_sum", copyRegion, region...),
		row("rotate", rotate, input("a"), input("b"), perhaps(), number("alignment", 1), number("alpha", 0)),
		row("dropout", dropout, baseAndModels("a", number("probability", 0.9), number("alpha", 0.5), number("overlap", 1),
			number("overlap_emphasis", 0), named("seed", methods.Null()))...),
	}
}

// addDifference is a + alpha (b - c) | a, or a + alpha b | a, and may keep the sum between a
// and b.
func addDifference(x *expansion) *recipe.Expr {
	a, b, c := x.node("a"), x.node("b"), x.third()
	if x.err != nil {
		return nil
	}
	bound, delta := b, b
	if c != nil {
		delta = x.subtract(b, c)
	}
	sum := x.add(a, delta)
	if !x.flag("clamp_to_ab") || x.err != nil {
		return x.or(sum, a)
	}
	space := x.m.space(a)
	if x.m.space(bound) != space {
		bound = delta
	}
	if got := x.m.space(bound); got != space {
		x.fail("clamp_to_ab", &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("a and b must have one merge space"), Got: fmt.Sprintf("%q and %q", space, got)})
	}
	return x.or(x.merge("clamp", []*recipe.Expr{sum, a, bound}), a)
}

// addPerpendicular adds the part of a - c that is perpendicular to b - c.
func addPerpendicular(x *expansion) *recipe.Expr {
	a, b, c := x.node("a"), x.node("b"), x.node("c")
	return x.add(a, x.merge("perpendicular_component", []*recipe.Expr{x.subtract(a, c), x.subtract(b, c)}))
}

// sumOver adds a sum of differences to the base.
func sumOver(id string, names ...string) func(x *expansion) *recipe.Expr {
	return func(x *expansion) *recipe.Expr {
		base := x.node("base")
		return x.add(base, x.merge(id, x.deltas(base), names...))
	}
}

// tiesOver is sumOver, with the base for keys that the models lack.
func tiesOver(id string, names ...string) func(x *expansion) *recipe.Expr {
	return func(x *expansion) *recipe.Expr { return x.or(sumOver(id, names...)(x), x.node("base")) }
}

// ofDifferences applies f to a and b, or to a - c and b - c and adds the result to c.
func ofDifferences(x *expansion, f func(a, b *recipe.Expr) *recipe.Expr) *recipe.Expr {
	a, b, c := x.node("a"), x.node("b"), x.third()
	if c == nil {
		return f(a, b)
	}
	return x.addWhole(c, f(x.subtract(a, c), x.subtract(b, c)))
}

func copyRegion(x *expansion) *recipe.Expr {
	id := "tensor_sum"
	if x.flag("top_k") {
		id = "top_k_tensor_sum"
	}
	return ofDifferences(x, func(a, b *recipe.Expr) *recipe.Expr {
		return x.merge(id, []*recipe.Expr{a, b}, regionNames...)
	})
}

func rotate(x *expansion) *recipe.Expr {
	return ofDifferences(x, func(a, b *recipe.Expr) *recipe.Expr {
		return x.merge("rotate", []*recipe.Expr{a, b}, "alignment", "alpha")
	})
}

// dropout subtracts a from all models, also from those that are differences already.
func dropout(x *expansion) *recipe.Expr {
	a, models := x.node("a"), x.nodesOf("models")
	for i := range models {
		models[i] = x.subtract(models[i], a)
	}
	return x.add(a, x.merge("dropout", models, "probability", "overlap", "overlap_emphasis", "seed"))
}
