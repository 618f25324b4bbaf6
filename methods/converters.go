package methods

import (
	"fmt"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// converters returns the conversions between model configs: every pair in both
// directions, and block weights.
func converters() []*Method {
	var rows []*Method
	for _, c := range config.Conversions() {
		if c.Blocks {
			rows = append(rows, blocks(c))
		} else {
			rows = append(rows, converter(c))
		}
	}
	return rows
}

// inputNames are the parameters of conversions, by config.
var inputNames = map[string]string{
	"sd1-kohya": "kohya_sd", "sd1-ldm": "ldm_sd", "sdxl-kohya": "kohya_sd", "sdxl-kohya_but_diffusers": "kohya_sd",
	"sdxl-sgm": "sgm_sd", "sdxl-diffusers_unet_only": "diffusers_sd",
}

// converter makes the row of a conversion between two names of one architecture.
func converter(x *config.Conversion) *Method {
	same := sameSpace()
	return &Method{
		ID: "convert_'" + x.From + "'_to_'" + x.To + "'", Family: "converters",
		Doc:        "The keys of " + x.From + " renamed to those of " + x.To + "; projections are joined, cut or transposed where the layouts differ.",
		Source:     reference + ", after the conversion scripts of diffusers",
		Params:     []Param{Input(inputNames[x.From], "state dict of "+x.From).Tied(same).Lazy().OfConfig(x.From)},
		Return:     Return{Symbol: same, Config: x.To},
		Keys:       func(string, []string) (KeyMap, error) { return keyMap(x), nil },
		Conversion: true,
		Control:    true,
		Formula:    func(c *Call) (T, error) { return convertKey(c, x) },
	}
}

// keyMap makes each output key on its own, also where a tensor is cut into several: each
// reads its rows. What is joined has further alternatives with some of the parts only.
func keyMap(x *config.Conversion) KeyMap {
	return func(out string) (Relation, bool) {
		rule, _, ok := x.Find(out)
		if !ok {
			return Relation{}, false
		}
		r := Relation{Outputs: []string{out}}
		for _, parts := range subsets(len(rule.In)) {
			in := make([]string, len(parts))
			for i, p := range parts {
				in[i] = rule.In[p]
			}
			r.Alternatives = append(r.Alternatives, Clause{Inputs: [][]string{in}})
		}
		return r, true
	}
}

// subsets lists the non-empty subsets of 0, ..., n-1, larger ones first.
func subsets(n int) (all [][]int) {
	for bits := 1<<n - 1; bits > 0; bits-- {
		var s []int
		for i := range n {
			if bits>>i&1 != 0 {
				s = append(s, i)
			}
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b []int) int { return len(b) - len(a) })
	return all
}

// convertKey makes one key of a conversion. A number stands for a tensor of any shape, so it
// stays what it is.
func convertKey(c *Call, x *config.Conversion) (T, error) {
	rule, part, ok := x.Find(c.Key)
	args := c.Args[0]
	if !ok || len(args) == 0 {
		return T{}, ErrNoKey
	}
	a := c.tensor(&args[0])
	switch s := a.Shape(); {
	case rule.Op == config.Stack:
		return joinKeys(c, rule)
	case rule.Op == config.Copy || len(s) == 0:
		return a, nil
	case rule.Op == config.Transpose:
		if len(s) != 2 {
			return T{}, wrongShape(c, rule, s, "a matrix")
		}
		return a.Transpose(), nil
	case rule.Op == config.Chunk:
		n := int64(len(rule.Out))
		rows := s[0] / n
		if s[0]%n != 0 { // torch.chunk makes the last piece smaller, which is never a part
			return T{}, wrongShape(c, rule, s, fmt.Sprintf("a multiple of %d rows", n))
		}
		return a.Rows(int64(part)*rows, rows), nil
	}
	return reshapeKey(c, rule, a)
}

// reshapeKey gives a tensor as many axes as the config has, by axes of length 1 at the end.
func reshapeKey(c *Call, rule config.Rule, a T) (T, error) {
	s := slices.Clone(a.Shape())
	key, _, _ := c.Config.Find(c.Key)
	want := len(key.Shape)
	for len(s) < want {
		s = append(s, 1)
	}
	for len(s) > want {
		if s[len(s)-1] != 1 {
			return T{}, wrongShape(c, rule, a.Shape(), fmt.Sprintf("%d axes, or more of length 1", want))
		}
		s = s[:len(s)-1]
	}
	return a.Reshape(s), nil
}

// joinKeys joins the parts of a tensor. Of a difference some parts may be missing: they are
// zero, since nothing says that they change. Of anything else all have to be there.
func joinKeys(c *Call, rule config.Rule) (T, error) {
	n := len(rule.In)
	there := subsets(n)[c.Clause]
	if len(there) < n && c.Space != Delta {
		return T{}, ErrNoKey
	}
	parts := make([]T, n)
	first := c.tensor(&c.Args[0][0])
	for i := range parts {
		parts[i] = first.Zeros()
	}
	for i, p := range there {
		parts[p] = c.tensor(&c.Args[0][i])
		if s, want := parts[p].Shape(), first.Shape(); !s.Equal(want) { // else parts would lie where others belong
			return T{}, wrongShape(c, rule, s, fmt.Sprintf("%v as the others", want))
		}
	}
	if len(first.Shape()) > 0 {
		return c.Trace.Concat(parts...), nil
	}
	for _, p := range parts { // numbers: only one can stand for all of the tensor
		x, known := p.Number()
		if y, _ := first.Number(); !known || x != y {
			return T{}, c.Errorf("%s are joined into one tensor, and numbers that differ cannot be", rule.In)
		}
	}
	return first, nil
}

func wrongShape(c *Call, rule config.Rule, got tensor.Shape, want string) error {
	return &tensor.Error{Class: tensor.ClassInput, Key: c.Key, Err: fmt.Errorf("%s: the tensors that it is made from, %v, do not have the shape that they need", c.Method.ID, rule.In),
		Got: got.String(), Want: want}
}

// blocks makes the row of a conversion of block weights to the keys of a model config.
func blocks(x *config.Conversion) *Method {
	same := sameSpace()
	id := map[string]string{"sd1-ldm": "convert_sd1_blocks_to_ldm", "sdxl-sgm": "convert_sdxl_blocks_to_sgm"}[x.To]
	return &Method{
		ID: id, Family: "converters",
		Doc:        "The value of a block (BASE, IN00, M00, OUT00, ...) for every key of " + x.To + " in it, for block weights.",
		Source:     reference + ", after the block weights of supermerger",
		Params:     []Param{Input("blocks", "value of each block; a block without one has no keys").OfType(Any).Tied(same).Lazy().OfConfig(x.From)},
		Return:     Return{Type: Any, Symbol: same, Config: x.To},
		Keys:       func(string, []string) (KeyMap, error) { return keyMap(x), nil },
		Conversion: true,
		Control:    true,
		Forward:    func(c *Call) (Arg, error) { return c.Args[0][0], nil },
	}
}
