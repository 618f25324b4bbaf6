package methods

import "github.com/mecha-gpu/mecha-gpu/kernels"

// Fused makes a method from a formula over lazy tensors. It runs on every device and is
// fused with the methods around it. Inputs and the result share one merge space unless the
// parameters say otherwise. f gets the arguments in the order of the parameters, those of
// a variadic one in its place; numbers and booleans arrive as scalars.
//
//	m := methods.Fused("screen", "1 - (1-a)(1-b)",
//		func(x ...methods.T) methods.T {
//			one := x[0].Num(1)
//			return one.Sub(one.Sub(x[0]).Mul(one.Sub(x[1])))
//		},
//		methods.Input("a", "a model"), methods.Input("b", "another one"))
//
// The row may be changed before it is added to a Set, which validates it.
func Fused(id, doc string, f func(args ...T) T, params ...Param) *Method {
	return define(id, doc, params, func(_ *Call, args []T) T { return f(args...) })
}

// Plain makes a method from a Go function over float32 elements, which runs on the CPU. cut
// says which pieces of a tensor it may be given. fn computes dst from the arguments in
// src, all of the same length: models element by element, numbers repeated; cols is the
// length of a row (the last axis). It must be pure: several goroutines call it.
func Plain(id, doc string, cut kernels.Cut, fn func(dst []float32, src [][]float32, cols int) error, params ...Param) *Method {
	goFn := &kernels.GoFunc{Name: id, Cut: cut, Fn: fn}
	return define(id, doc, params, func(c *Call, args []T) T { return c.Trace.Call(goFn, args...) })
}

// define makes the row of a user's method.
func define(id, doc string, params []Param, f func(c *Call, args []T) T) *Method {
	m := &Method{ID: id, Doc: doc, Source: "defined by the program", Family: "own", Params: append([]Param(nil), params...)}
	own := &Symbol{Name: "any"}
	m.Return = Return{Space: ParamSpace}
	for i := range m.Params {
		p := &m.Params[i]
		if p.Type == Tensor && p.Default == nil && p.Symbol == nil && p.Spaces.Any() {
			p.Symbol = own
			m.Return = Return{Symbol: own}
		}
	}
	m.Formula = func(c *Call) (T, error) {
		args, err := c.all()
		if err != nil {
			return T{}, err
		}
		return f(c, args), nil
	}
	return m
}

// all returns all arguments in order as tensors and scalars.
func (c *Call) all() ([]T, error) {
	var args []T
	for i, list := range c.Args {
		for k := range list {
			if a := &list[k]; !a.T.Valid() {
				if _, ok := a.Value.Number(); !ok {
					return nil, c.Errorf("parameter %s is %v, but the formula takes numbers", c.Method.Params[i].Name, a.Value)
				}
			}
			args = append(args, c.tensor(&list[k]))
		}
	}
	if len(args) == 0 {
		return nil, c.Errorf("no arguments")
	}
	return args, nil
}
