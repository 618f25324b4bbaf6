package methods

// task is the source of arithmetic on differences of models.
const task = `"Editing Models with Task Arithmetic", arXiv:2212.04089`

// linear returns the methods that are one multiply-add per element and model.
func linear() []*Method {
	return []*Method{weightedSum(), nAverage(), addDifference(), subtract(), scale()}
}

// weightedSum is T.Lerp: with d = b - a, fma(alpha, d, a) where |alpha| < 0.5 and
// fma(alpha - 1, d, b) elsewhere. The reference computes the same bits.
func weightedSum() *Method {
	same := sameSpace()
	return &Method{
		ID: "weighted_sum", Family: "linear",
		Doc: "Linear interpolation between two models: (1 - alpha) a + alpha b. " +
			"An alpha of exactly 0 gives a and does not read b; 1 gives b and does not read a.",
		Source: `linear interpolation; "Model soups", arXiv:2203.05482`,
		Params: []Param{
			Input("a", "model at alpha = 0").Tied(same).Lazy(),
			Input("b", "model at alpha = 1").Tied(same).Lazy(),
			Factor("alpha", 0.5, "weight of b, usually 0 to 1; a number or a mask"),
		},
		Return: Return{Symbol: same},
		Formula: func(c *Call) (T, error) {
			a, b, alpha := c.T("a"), c.T("b"), c.T("alpha")
			return shortcut(alpha, a.Lerp(b, alpha), a, b), nil
		},
	}
}

// nAverage keeps the running mean of the reference, which is not bit-equal to sum/n; 1/i is
// rounded to the compute type.
func nAverage() *Method {
	same := sameSpace()
	return &Method{
		ID: "n_average", Family: "linear",
		Doc: "Mean of any number of models, as a running mean: r = m1, then r = lerp(r, mi, 1/i) for i = 2, 3, ... in order. " +
			"It may differ from sum/n in the last bits, and depends on the order there.",
		Source: `uniform soup of "Model soups", arXiv:2203.05482`,
		Params: []Param{Input("models", "the models, at least one").Tied(same).Lazy().Many(1)},
		Return: Return{Symbol: same},
		Formula: func(c *Call) (T, error) {
			models := c.Ts("models")
			r := models[0]
			for i, m := range models[1:] {
				r = r.Lerp(m, r.Num(1/float64(i+2)))
			}
			return r, nil
		},
	}
}

// addDifference is fma(b, alpha, a): one rounding, as the reference has on x86.
func addDifference() *Method {
	same := sameSpace()
	return &Method{
		ID: "add_difference", Family: "linear",
		Doc: "Adds a difference to a model: a + alpha b, with one rounding. The + of recipes is this method with alpha 1. " +
			"An alpha of exactly 0 gives a and does not read b.",
		Source: task,
		Params: []Param{
			Input("a", "model that is added to").Tied(same).Lazy(),
			Input("b", "difference that is added").In(Delta).Lazy(),
			Factor("alpha", 1, "factor of b; a number or a mask"),
		},
		Return: Return{Symbol: same},
		Formula: func(c *Call) (T, error) {
			a, b, alpha := c.T("a"), c.T("b"), c.T("alpha")
			return shortcut(alpha, b.FMA(alpha, a), a, T{}), nil
		},
	}
}

// subtract is one rounded difference.
func subtract() *Method {
	return &Method{
		ID: "subtract", Family: "linear",
		Doc:    "Difference of two models: a - b, in the space delta. The - of recipes is this method.",
		Source: task,
		Params: []Param{
			Input("a", "model").In(Weight),
			Input("b", "model that is taken away, usually the common ancestor").In(Weight),
		},
		Return:  Return{Space: Delta},
		Formula: func(c *Call) (T, error) { return c.T("a").Sub(c.T("b")), nil },
	}
}

// scale is one rounded product. Its zeros have the shape of a, where the reference gives the
// number 0 (SM-08).
func scale() *Method {
	return &Method{
		ID: "scale", Family: "linear",
		Doc: "Scales a difference: alpha a. The * of recipes is this method. It takes differences only, because a model times " +
			"a number is not a model (0.5 a + 0.5 b of models is weighted_sum). An alpha of exactly 0 gives zeros and does " +
			"not read a; 1 gives a.",
		Source: task,
		Params: []Param{
			Input("a", "difference").In(Delta).Lazy(),
			Factor("alpha", 1, "factor of a; a number or a mask"),
		},
		Return: Return{Space: Delta},
		Formula: func(c *Call) (T, error) {
			a, alpha := c.T("a"), c.T("alpha")
			return shortcut(alpha, a.Mul(alpha), a.Zeros(), a), nil
		},
	}
}
