package methods

// geometric returns the methods that multiply and take powers. Powers of negative numbers
// are the real part of the complex principal value: (-x)^p = x^p cos(pi p).
func geometric() []*Method { return []*Method{geometricSum(), multiplyQuotient()} }

// geometricSum is the real form of Re(a^(1-alpha) b^alpha): the product of the magnitudes
// times the cosine of the sum of the arguments, which are 0 or pi for real numbers. CosPi is
// exactly 0 at 1/2, and Pow is 1 where the exponent is 0 (SM-31).
func geometricSum() *Method {
	same := sameSpace()
	return &Method{
		ID: "geometric_sum", Family: "geometric",
		Doc: "Weighted geometric mean: the real part of a^(1-alpha) b^alpha with complex principal powers, " +
			"|a|^(1-alpha) |b|^alpha cos(pi ((1-alpha)[a<0] + alpha [b<0])). 0^0 is 1.",
		Source: reference,
		Params: []Param{
			Input("a", "model at alpha = 0").Tied(same),
			Input("b", "model at alpha = 1").Tied(same),
			Factor("alpha", 0.5, "exponent of b, usually 0 to 1; a number or a mask"),
		},
		Return: Return{Symbol: same},
		Formula: func(c *Call) (T, error) {
			a, b, alpha := c.T("a"), c.T("b"), c.T("alpha")
			zero, beta := alpha.Num(0), alpha.Num(1).Sub(alpha)
			size := a.Abs().Pow(beta).Mul(b.Abs().Pow(alpha))
			halfTurns := where(negative(a), beta, zero).Add(where(negative(b), alpha, zero))
			return size.Mul(halfTurns.CosPi()), nil
		},
	}
}

// multiplyQuotient is the real form of Re(a (b/c)^p) (SM-32). The exponent is positive only
// where ln|a/c| and ln|b/c| have opposite signs. A zero among a, b and c makes the quotient
// of logarithms NaN, which counts as 0.
func multiplyQuotient() *Method {
	same := sameSpace()
	return &Method{
		ID: "multiply_quotient", Family: "geometric",
		Doc: "Multiplies a by a power of the quotient b/c where a and b moved away from c in opposite directions of magnitude: " +
			"with A = ln|a/c|, B = ln|b/c| and p = alpha max(-A B / max(|A|, |B|)^2, 0), the real part of a (b/c)^p, " +
			"a |b/c|^p cos(pi p [b/c<0]). Where that is not a number, or one of them is 0, it is a.",
		Source: reference,
		Params: []Param{
			Input("a", "model that is multiplied").Tied(same),
			Input("b", "dividend").Tied(same),
			Input("c", "divisor, usually the common ancestor").Tied(same),
			Factor("alpha", 1, "strength, a factor of the exponent"),
		},
		Return: Return{Symbol: same},
		Formula: func(call *Call) (T, error) {
			a, b, c, alpha := call.T("a"), call.T("b"), call.T("c"), call.T("alpha")
			zero := alpha.Num(0)
			la, lb := a.Abs().Ln().Sub(c.Abs().Ln()), b.Abs().Ln().Sub(c.Abs().Ln())
			t := la.Abs().Max(lb.Abs())
			p := alpha.Mul(la.Mul(lb).Div(t.Mul(t)).NaNToNum().Neg().Max(zero))
			q := b.Div(c)
			out := a.Mul(q.Abs().Pow(p)).Mul(where(negative(q), p, zero).CosPi())
			return where(out.IsNaN(), a, out), nil
		},
	}
}

// negative is the mask x < 0; -0 is not negative.
func negative(x T) T { return x.Less(x.Num(0)) }
