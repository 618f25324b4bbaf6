package config

import "github.com/mecha-gpu/mecha-gpu/tensor"

// slot is a tensor of an architecture under its names in two naming schemes, A and B. A
// scheme that cuts the tensor along its first axis has several names, in order.
type slot struct {
	names  [2][]string
	shapes [2]tensor.Shape // of each name
}

// scheme is one of the two sides of a slot.
type scheme int

const (
	schemeA scheme = iota
	schemeB
)

func (s scheme) other() scheme { return 1 - s }

// net is an architecture: a list of slots in any order. A config takes one side of it, a
// conversion takes both, so that they cannot disagree.
type net []slot

// put adds a tensor with one name and one shape in both schemes.
func (n *net) put(a, b string, shape ...int64) {
	if shape == nil {
		shape = []int64{}
	}
	n.both([]string{a}, shape, []string{b}, shape)
}

// both adds a tensor with names and shapes of their own in both schemes.
func (n *net) both(a []string, as tensor.Shape, b []string, bs tensor.Shape) {
	*n = append(*n, slot{[2][]string{a, b}, [2]tensor.Shape{as, bs}})
}

// lin adds the weight [out, in] and the bias [out] of a linear layer.
func (n *net) lin(a, b string, out, in int64) {
	n.weight(a, b, out, in)
	n.put(a+".bias", b+".bias", out)
}

// weight adds the weight of a layer without a bias.
func (n *net) weight(a, b string, shape ...int64) { n.put(a+".weight", b+".weight", shape...) }

// conv adds the weight [out, in, k, k] and the bias [out] of a convolution.
func (n *net) conv(a, b string, out, in, k int64) {
	n.weight(a, b, out, in, k, k)
	n.put(a+".bias", b+".bias", out)
}

// norm adds the weight [c] and the bias [c] of a normalisation.
func (n *net) norm(a, b string, c int64) {
	n.weight(a, b, c)
	n.put(a+".bias", b+".bias", c)
}

// side returns the keys of a scheme, with a prefix and an element type.
func (n net) side(s scheme, prefix string, d tensor.DType) []Key {
	keys := make([]Key, 0, len(n))
	for i := range n {
		for _, name := range n[i].names[s] {
			keys = append(keys, Key{Name: prefix + name, Shape: n[i].shapes[s], DType: d})
		}
	}
	return keys
}
