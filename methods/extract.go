package methods

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/methods/linalg"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Extraction makes an adapter file of a difference. A matrix is factored as a whole, by a routine
// that gives all keys of its target; a convolution is a matrix of shape [rows, columns * kernel].

// What an extraction makes of a target, in the order of the results of its routine.
var (
	loraKeys = []string{config.LoraUp, config.LoraDown, config.Alpha}
	lokrKeys = []string{config.LokrW1, config.LokrW2}
)

// extractionKeys is the key map of an extraction: all keys of a target are made from its base key,
// of which every parameter is asked, so that options may differ from key to key.
func extractionKeys(a config.Adapters, suffixes []string, params int) KeyMap {
	bases := map[string]string{} // by stem
	for _, t := range a.Targets() {
		bases[t.Stem] = t.Base.Name
	}
	return func(out string) (Relation, bool) {
		stem, suffix, _ := strings.Cut(out, ".")
		base, ok := bases[stem]
		if !ok || !slices.Contains(suffixes, suffix) {
			return Relation{}, false
		}
		all := Clause{Inputs: make([][]string, params)}
		for p := range all.Inputs {
			all.Inputs[p] = []string{base}
		}
		return Relation{Outputs: config.Target{Stem: stem}.Keys(suffixes...), Alternatives: []Clause{all}}, true
	}
}

// result is the one of the results that has the key of the call.
func (c *Call) result(results []T, suffixes []string) (T, error) {
	_, suffix, _ := strings.Cut(c.Key, ".")
	i := slices.Index(suffixes, suffix)
	if i < 0 {
		return T{}, ErrNoKey
	}
	return results[i], nil
}

// matrix is the difference to factor, and its rows and columns.
func (c *Call) matrix() (base T, rows, cols int64, err error) {
	if !c.arg("base").T.Valid() {
		return base, 0, 0, c.Errorf("base is a number, and there is nothing to factor")
	}
	base = c.T("base")
	s := base.Shape()
	switch {
	case len(s) < 2:
		return base, 0, 0, &tensor.Error{Class: tensor.ClassInput, Key: c.Key,
			Err: fmt.Errorf("%s: only matrices and convolutions can be factored", c.Method.ID), Got: fmt.Sprintf("shape %v", s)}
	case s.N() == 0:
		return base, 0, 0, ErrNoKey
	}
	return base, s[0], s.N() / s[0], nil
}

// extractedType is the element type of factors: that of the difference.
func extractedType(c *Call) (tensor.DType, error) {
	if d := c.DTypeOf("base"); d.IsFloat() {
		return d, nil
	}
	return c.Trace.Compute().DType(), nil
}

// options reads the options of a call.
func (c *Call) options(param string) (Value, bool) { return c.arg(param).Value, true }

// checkLora checks the options of LoRA extraction that are known.
func checkLora(_ *config.Config, get func(string) (Value, bool)) error {
	least := map[string]int64{"rank": 1, "approximate_basis_iters": 0}
	for _, name := range []string{"rank", "approximate_basis_iters"} {
		if v, ok := get(name); ok {
			if n, ok := v.Integer(); ok && n < least[name] {
				return fmt.Errorf("parameter %s: expected %d or more, found %v", name, least[name], v)
			}
		}
	}
	return nil
}

// checkLokr checks the option of LoKr extraction, if it is known.
func checkLokr(_ *config.Config, get func(string) (Value, bool)) error {
	if v, ok := get("kronecker_ratio"); ok {
		if x, ok := v.Number(); ok && !(x >= 0 && x <= 1) {
			return fmt.Errorf("parameter kronecker_ratio: expected 0 to 1, found %v", v)
		}
	}
	return nil
}

// extractLoraFactors makes up [rows, rank, 1...], down [rank, columns...] and alpha = rank, so that
// the scale of the product is 1. The rank is at most that of the matrix.
func extractLoraFactors(c *Call) (T, error) {
	base, rows, cols, err := c.matrix()
	if err == nil {
		err = checkLora(nil, c.options)
	}
	if err != nil {
		return T{}, c.wrap(err)
	}
	s := base.Shape()
	rank := min(c.Int("rank"), rows, cols)
	up, down := tensor.Shape{rows, rank}, slices.Clone(s)
	down[0] = rank
	for range s[2:] {
		up = append(up, 1)
	}
	f := linalg.LowRank{Rank: int(rank), Exact: !c.Bool("use_approximate_basis"), Iters: int(min(c.Int("approximate_basis_iters"), 1<<20)), Seed: c.Int("approximate_basis_seed")}
	return c.result(c.Trace.Routine(loraFactors, loraNums(f), []tensor.Shape{up, down, {}}, base), loraKeys)
}

// wrap makes an error that is not about the inputs one about the recipe.
func (c *Call) wrap(err error) error {
	if err == ErrNoKey || tensor.ClassOf(err) != tensor.ClassOther {
		return err
	}
	return c.Errorf("%w", err)
}

// loraNums is how a LowRank is given to a routine: an integer of 64 bits as two numbers.
func loraNums(f linalg.LowRank) []float64 {
	exact := 0.0
	if f.Exact {
		exact = 1
	}
	return []float64{float64(f.Rank), exact, float64(f.Iters), float64(f.Seed >> 32), float64(uint32(f.Seed))}
}

func lowRank(w *kernels.RoutineWork) (f linalg.LowRank, rows, cols int) {
	n := w.Nums
	s := w.In[0].Shape
	f = linalg.LowRank{Rank: int(n[0]), Exact: n[1] != 0, Iters: int(n[2]), Seed: int64(n[3])<<32 | int64(n[4])}
	return f, int(s[0]), int(s.N() / s[0])
}

var loraFactors = &kernels.Routine{
	Name: "LoRA extraction",
	Scratch: func(w *kernels.RoutineWork) int64 {
		f, rows, cols := lowRank(w)
		return f.Scratch(rows, cols)
	},
	Ops: func(w *kernels.RoutineWork) float64 {
		f, rows, cols := lowRank(w)
		return f.Ops(rows, cols)
	},
	Fn: func(ctx context.Context, w *kernels.RoutineWork) error {
		f, rows, cols := lowRank(w)
		w.Out[2].Data[0] = float32(f.Rank)
		return f.Factor(ctx, linalg.NewMatrix(rows, cols, w.In[0].Data), w.Out[0].Data, w.Out[1].Data, w.Scratch)
	},
}

// extractLokrFactors makes w1 [m1, n1] and w2 [m2, n2, kernel...].
func extractLokrFactors(c *Call) (T, error) {
	base, _, _, err := c.matrix()
	if err == nil {
		err = checkLokr(nil, c.options)
	}
	if err != nil {
		return T{}, c.wrap(err)
	}
	s := base.Shape()
	b := linalg.ChooseBlocks(int(s[0]), int(s[1]), int(s[2:].N()), c.Float("kronecker_ratio"))
	w2 := slices.Clone(s)
	w2[0], w2[1] = int64(b.M2), int64(b.N2)
	shapes := []tensor.Shape{{int64(b.M1), int64(b.N1)}, w2}
	return c.result(c.Trace.Routine(lokrFactors, nil, shapes, base), lokrKeys)
}

// blockSizes are those of the product, by the shapes of the factors.
func blockSizes(w *kernels.RoutineWork) linalg.Blocks {
	a, b := w.Out[0].Shape, w.Out[1].Shape
	return linalg.Blocks{M1: int(a[0]), N1: int(a[1]), M2: int(b[0]), N2: int(b[1]), Kernel: int(b[2:].N())}
}

var lokrFactors = &kernels.Routine{
	Name:    "LoKr extraction",
	Scratch: func(w *kernels.RoutineWork) int64 { return blockSizes(w).Scratch() },
	Ops:     func(w *kernels.RoutineWork) float64 { return blockSizes(w).Ops() },
	Fn: func(ctx context.Context, w *kernels.RoutineWork) error {
		return blockSizes(w).Nearest(ctx, w.In[0].Data, w.Out[0].Data, w.Out[1].Data, w.Scratch)
	},
}
