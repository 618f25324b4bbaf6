package methods

// limits returns the methods that keep values within bounds.
func limits() []*Method { return []*Method{clamp()} }

// clamp folds the bounds from the left; a NaN in a or in any bound gives NaN.
func clamp() *Method {
	same := sameSpace()
	return &Method{
		ID: "clamp", Family: "limits",
		Doc: "Keeps a between the smallest and the largest of the bounds, element by element: min(max(a, lo), hi). " +
			"With a stiffness s the limits move to the bounds next to their mean: hi = (1-s) hi + s (smallest bound not below the mean), " +
			"lo likewise; an s outside 0 to 1 extrapolates.",
		Source: reference,
		Params: []Param{
			Input("a", "model that is limited").Tied(same),
			Input("bounds", "models that are the limits, at least one").Tied(same).Many(1),
			Option("stiffness", FloatOf(0), "0: the outermost bounds; 1: those next to their mean").ByName(),
		},
		Return: Return{Symbol: same},
		Formula: func(c *Call) (T, error) {
			bounds := c.Ts("bounds")
			lo, hi := bounds[0], bounds[0]
			for _, b := range bounds[1:] {
				lo, hi = lo.Min(b), hi.Max(b)
			}
			if s := c.Float("stiffness"); s != 0 {
				lo, hi = stiffen(c, bounds, lo, hi, s)
			}
			return c.T("a").Max(lo).Min(hi), nil
		},
	}
}

// stiffen moves the limits toward the bounds next to the mean of all bounds. Bounds are looked
// at in order, so that below and above only ever come nearer to the mean.
func stiffen(c *Call, bounds []T, lo, hi T, s float64) (T, T) {
	sum := bounds[0]
	for _, b := range bounds[1:] {
		sum = sum.Add(b)
	}
	mean := sum.Div(sum.Num(float64(len(bounds))))
	below, above := lo, hi // the bounds next to the mean
	for _, b := range bounds {
		above = where(b.LessEq(above).And(mean.LessEq(b)), b, above)
		below = where(below.LessEq(b).And(b.LessEq(mean)), b, below)
	}
	keep, move := c.Trace.Const(1-s), c.Trace.Const(s)
	mix := func(outer, inner T) T { return keep.Mul(outer).Add(move.Mul(inner)) }
	return mix(lo, below), mix(hi, above)
}
