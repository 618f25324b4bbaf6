package methods

import (
	"math"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// spherical returns the methods that treat a tensor as one long vector.
func spherical() []*Method { return []*Method{slerp(), perpendicularComponent()} }

// slerp sums squares and products in float64 (SM-35) and takes the angle in float64 on the
// host; the guards against nearly parallel and nearly opposite tensors replace the
// reference's search for NaN in the result (SM-33).
func slerp() *Method {
	same := sameSpace()
	return &Method{
		ID: "slerp", Family: "spherical",
		Doc: "Spherical interpolation: with w the angle between a and b as vectors of all elements, " +
			"(sin((1-alpha) w) a/|a| + sin(alpha w) b/|b|) / sin w, times the length (1-alpha)|a| + alpha |b|. " +
			"Where that is not defined, the linear interpolation (1-alpha) a + alpha b is taken for the whole tensor: a zero " +
			"or non-finite tensor, parallel ones (cos w > 1 - 1e-14), opposite ones (sin w < 1e-6), lengths so different that a factor overflows, or an alpha beyond -64 to 64.",
		Source: `K. Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985`,
		Params: []Param{
			Input("a", "model at alpha = 0").Tied(same),
			Input("b", "model at alpha = 1").Tied(same),
			Factor("alpha", 0.5, "position on the arc from a to b; a number or a mask"),
		},
		Return: Return{Symbol: same},
		Formula: func(c *Call) (T, error) {
			a, b, alpha := c.T("a"), c.T("b"), c.T("alpha")
			lerp := a.Lerp(b, alpha)
			a, b = like(a, b), like(b, a)
			if alpha.Shape().N() == 1 {
				return slerpNumber(c.Trace, a, b, alpha, lerp), nil
			}
			return slerpMask(c.Trace, a, b, alpha, lerp), nil
		},
	}
}

// slerpNumber is ka a + kb b for one alpha, or lerp.
func slerpNumber(t *kernels.Trace, a, b, alpha, lerp T) T {
	h := t.Host(slerpFactors, a.Dot(a), b.Dot(b), a.Dot(b), alpha, largest(t))
	curved, ka, kb := h[0], h[1], h[2]
	return t.Choose(curved, lerp, kb.FMA(b, ka.Mul(a)))
}

// slerpMask takes the sines element by element, or is lerp.
func slerpMask(t *kernels.Trace, a, b, alpha, lerp T) T {
	wild := alpha.Abs().LessEq(t.Num(slerpReach)).Not().Count()
	h := t.Host(slerpArc, a.Dot(a), b.Dot(b), a.Dot(b), wild, largest(t))
	curved, w, ka, kb, na, nb := h[0], h[1], h[2], h[3], h[4], h[5]
	sa := t.Num(1).Sub(alpha).Mul(w).Sin().Mul(ka) // sin((1-alpha) w) / (|a| sin w)
	sb := alpha.Mul(w).Sin().Mul(kb)
	length := na.Lerp(nb, alpha)
	return t.Choose(curved, lerp, sb.FMA(b, sa.Mul(a)).Mul(length))
}

// Where slerp is linear interpolation. The first two are those of the specification; within
// the third, (1-alpha) w is at most 65 pi, where the sine is exact to its bound.
const (
	slerpParallel = 1 - 1e-14 // cos w above it
	slerpOpposite = 1e-6      // sin w below it, with cos w < 0
	slerpReach    = 64        // |alpha| above it
)

// slerpFactors: (a.a, b.b, a.b, alpha, largest) -> (1, ka, kb), or 0 first for lerp.
var slerpFactors = &kernels.HostFunc{Name: "slerp factors", Outs: 3, Fn: func(in, out []float64) {
	clear(out)
	alpha, limit := in[3], in[4]
	w, sin, na, nb, ok := arc(in[0], in[1], in[2])
	if !ok || !(math.Abs(alpha) <= slerpReach) {
		return
	}
	length := lerp(na, nb, alpha)
	ka := length * hostSin((1-alpha)*w) / (na * sin)
	kb := length * hostSin(alpha*w) / (nb * sin)
	if finite(ka, limit) && finite(kb, limit) {
		out[0], out[1], out[2] = 1, ka, kb
	}
}}

// slerpArc: (a.a, b.b, a.b, alphas out of reach, largest) -> (1, w, 1/(|a| sin w),
// 1/(|b| sin w), |a|, |b|), or 0 first for lerp.
var slerpArc = &kernels.HostFunc{Name: "slerp arc", Outs: 6, Fn: func(in, out []float64) {
	clear(out)
	wild, limit := in[3], in[4]
	w, sin, na, nb, ok := arc(in[0], in[1], in[2])
	ka, kb := 1/(na*sin), 1/(nb*sin)
	if ok && wild == 0 && finite(ka, limit) && finite(kb, limit) && finite(na, limit) && finite(nb, limit) {
		copy(out, []float64{1, w, ka, kb, na, nb})
	}
}}

// arc returns the angle between two vectors, its sine and their norms; ok is false where
// there is no arc between them.
func arc(aa, bb, ab float64) (w, sin, na, nb float64, ok bool) {
	na, nb = math.Sqrt(aa), math.Sqrt(bb)
	cos := ab / (na * nb)
	if cos != cos || !finite(na*nb, math.MaxFloat64) || na*nb == 0 {
		return 0, 0, na, nb, false
	}
	w = hostAcos(min(max(cos, -1), 1))
	sin = hostSin(w)
	return w, sin, na, nb, cos <= slerpParallel && !(cos < 0 && sin < slerpOpposite)
}

// lerp is kernels.T.Lerp without fusing, in float64.
func lerp(a, b, w float64) float64 {
	if math.Abs(w) < 0.5 {
		return a + float64(w*(b-a))
	}
	return b + float64((w-1)*(b-a))
}

// finite reports whether |x| is at most limit; false for NaN.
func finite(x, limit float64) bool { return math.Abs(x) <= limit }

// largest is the largest finite number of the compute type, so that a host function sees
// which of its results would become infinite.
func largest(t *kernels.Trace) T {
	if t.Compute() == kernels.F64 {
		return t.Num(math.MaxFloat64)
	}
	return t.Num(math.MaxFloat32)
}

// perpendicularComponent rounds a p before it subtracts, as the reference does. Zeros for
// a = 0 are the reference's too (SM-34), although b would be the mathematical answer.
func perpendicularComponent() *Method {
	same := sameSpace()
	return &Method{
		ID: "perpendicular_component", Family: "spherical",
		Doc: "The part of b that is perpendicular to a, as vectors of all elements: b - a (a.b)/(a.a). " +
			"Zeros if a is zero or the quotient is not finite.",
		Source: "Gram-Schmidt process",
		Params: []Param{
			Input("a", "direction that is taken out").Tied(same),
			Input("b", "tensor from which it is taken").Tied(same),
		},
		Return: Return{Symbol: same},
		Formula: func(c *Call) (T, error) {
			a, b := c.T("a"), c.T("b")
			a, b = like(a, b), like(b, a)
			h := c.Trace.Host(projection, a.Dot(a), a.Dot(b), largest(c.Trace))
			defined, p := h[0], h[1]
			return c.Trace.Choose(defined, a.Zeros(), b.Sub(a.Mul(p))), nil
		},
	}
}

// projection: (a.a, a.b, largest) -> (1, a.b/a.a), or (0, 0) if that is not finite.
var projection = &kernels.HostFunc{Name: "projection", Outs: 2, Fn: func(in, out []float64) {
	clear(out)
	if p := in[1] / in[0]; finite(p, in[2]) {
		out[0], out[1] = 1, p
	}
}}
