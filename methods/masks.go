package methods

// masks returns the methods that make a mask: how much an element of another method's
// alpha should count. Their results are in the space param.
func masks() []*Method {
	return []*Method{trainDifferenceMask(), addOppositeMask(), addStrictOppositeMask()}
}

// mask is the row that they share.
func mask(id, doc, source string, formula func(a, b, c, alpha T) T) *Method {
	same := sameSpace()
	return &Method{
		ID: id, Doc: doc, Source: source, Family: "masks",
		Params: []Param{
			Input("a", "model that the difference b - c is meant to be added to").Tied(same),
			Input("b", "model that differs").Tied(same),
			Input("c", "common ancestor").Tied(same),
			Factor("alpha", 1, "strength, a factor of the mask"),
		},
		Return: Return{Space: ParamSpace},
		Formula: func(c *Call) (T, error) {
			return formula(c.T("a"), c.T("b"), c.T("c"), c.T("alpha")), nil
		},
	}
}

// trainDifferenceMask: the factor 1.8 is that of supermerger's train difference mode; the
// product with alpha is rounded before it meets the ratio, as in the reference.
func trainDifferenceMask() *Method {
	return mask("train_difference_mask",
		"How far b is from a rather than from c: 1.8 alpha |b-a| / (|b-a| + |b-c|), between 0 and 1.8 alpha; 0 where b = a = c. "+
			"add_difference(a, b - c, mask) then trains a as c was trained into b.",
		reference+", after the train difference mode of supermerger",
		func(a, b, c, alpha T) T {
			near, far := b.Sub(a).Abs(), b.Sub(c).Abs()
			return alpha.Mul(alpha.Num(1.8)).Mul(ratio(near, near.Add(far)))
		})
}

// addOppositeMask: |a-b| + |a+b-2c| is twice the larger of the distances of a and b from c, so
// that the mask is 2 alpha where c lies between them in the middle.
func addOppositeMask() *Method {
	return mask("add_opposite_mask",
		"How far a and b are apart rather than on one side of c: 2 alpha |a-b| / (|a-b| + |a+b-2c|), between 0 and 2 alpha; "+
			"0 where a = b = c.",
		reference,
		func(a, b, c, alpha T) T {
			two := alpha.Num(2)
			apart, side := a.Sub(b).Abs(), a.Add(b).Sub(two.Mul(c)).Abs()
			return alpha.Mul(two).Mul(ratio(apart, apart.Add(side)))
		})
}

// addStrictOppositeMask divides by t before it multiplies, so that differences below 1e-20
// do not underflow (SM-51); the last bit may differ from the reference, which multiplies
// first.
func addStrictOppositeMask() *Method {
	return mask("add_strict_opposite_mask",
		"How strictly a and b moved away from c in opposite directions: with t = max(|a-c|, |b-c|), "+
			"2 alpha max(((c-a)/t) ((b-c)/t), 0), between 0 and 2 alpha; 0 where a = b = c.",
		reference,
		func(a, b, c, alpha T) T {
			t := a.Sub(c).Abs().Max(b.Sub(c).Abs())
			opposite := c.Sub(a).Div(t).Mul(b.Sub(c).Div(t)).NaNToNum()
			return alpha.Mul(opposite.Max(alpha.Num(0))).Mul(alpha.Num(2))
		})
}

// ratio is x / y with 0/0 = 0 and infinities as the largest finite number.
func ratio(x, y T) T { return x.Div(y).NaNToNum() }
