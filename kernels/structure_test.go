package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// TestDeepExpressions lowers a chain, and a tower in which every node is used twice.
func TestDeepExpressions(t *testing.T) {
	tr := NewTrace(F32)
	a := tr.Leaf(0, tensor.F32, tensor.Shape{2})
	root := a
	for range 10_000 {
		root = root.Add(tr.Const(1)).Neg()
	}
	if got, _ := evalF32(t, root, testLeaves{{0, 5}}); !slices.Equal(got, []float32{0, 5}) {
		t.Errorf("a chain gives %v", got)
	}
	tr.Reset()
	root = tr.Leaf(0, tensor.F32, tensor.Shape{2})
	for range 40 {
		root = root.Add(root)
	}
	if got, _ := evalF32(t, root, testLeaves{{1, 3}}); !slices.Equal(got, []float32{1 << 40, 3 << 40}) {
		t.Errorf("a tower gives %v", got)
	}
}

// TestTracesOfAnySizeShareNodes looks at the border between searching and hashing.
func TestTracesOfAnySizeShareNodes(t *testing.T) {
	tr := NewTrace(F32)
	for n := range 3 * fewNodes {
		tr.Reset()
		a := tr.Leaf(0, tensor.F32, tensor.Shape{2})
		all := []T{a}
		for i := range n {
			all = append(all, a.Mul(tr.Const(float64(i+2))))
		}
		have := len(tr.nodes)
		for i := range n {
			if v := a.Mul(tr.Const(float64(i + 2))); v != all[i+1] {
				t.Fatalf("%d nodes: node %d was made twice", n, i)
			}
		}
		if len(tr.nodes) != have || tr.Leaf(0, tensor.F32, tensor.Shape{3}) == a {
			t.Fatalf("%d nodes became %d, or another shape is the same leaf", have, len(tr.nodes))
		}
	}
}

// TestMoreChoicesThanBodies chains choices: those beyond the limit become selects.
func TestMoreChoicesThanBodies(t *testing.T) {
	for _, zero := range []int{-1, 0, 3, 6} {
		tr := NewTrace(F32)
		var l testLeaves
		root := tr.Leaf(0, tensor.F32, tensor.Shape{2})
		l = append(l, []float32{1, 2})
		want := []float32{1, 2}
		for i := range 7 {
			x := []float32{3, 4}
			if i == zero {
				x = []float32{0, 0}
			}
			l = append(l, x)
			leaf := tr.Leaf(i+1, tensor.F32, tensor.Shape{2})
			o := tr.Host(normalise, leaf.Dot(leaf))
			root = tr.Choose(o[0], root.Add(leaf), root.Neg()) // the second one if the leaf is zero
			for k := range want {
				if i == zero {
					want[k] = -want[k]
				} else {
					want[k] += x[k]
				}
			}
		}
		if got, _ := evalF32(t, root, l); !slices.Equal(got, want) {
			t.Errorf("zero %d: %v, not %v", zero, got, want)
		}
	}
}

// TestGuardsAboveRoundingsOfCopies guards what is copied although a rounding that does
// nothing lies between.
func TestGuardsAboveRoundingsOfCopies(t *testing.T) {
	tr := NewTrace(F32)
	leaf := tr.Leaf(0, tensor.F16, tensor.Shape{1})
	for name, root := range map[string]T{
		"above":  leaf.Round(tensor.F16).Guard(3),
		"below":  leaf.Guard(3).Round(tensor.F16),
		"double": leaf.Guard(3).Round(tensor.F16).Guard(4),
	} {
		parts, err := NewLowerer().Lower(root, tensor.F16)
		if err != nil {
			t.Fatal(err)
		}
		for bits, bad := range map[uint16]bool{0x7c00: true, 0x3c00: false} {
			ev, err := Eval(parts, 1, tensor.F16, func(int) []byte { return []byte{byte(bits), byte(bits >> 8)} })
			if err != nil || (len(ev.Guards) > 0) != bad || parts[0].Inst.Outs[0].Kind != Copied {
				t.Errorf("%s: %#x: guards %v, kind %d, %v", name, bits, ev.Guards, parts[0].Inst.Outs[0].Kind, err)
			}
		}
	}
	parts, err := NewLowerer().Lower(tr.Leaf(1, tensor.I64, tensor.Shape{1}).Round(tensor.I32).Guard(1), tensor.I32)
	if err != nil || parts[0].Inst.Outs[0].Kind != IntCast || len(parts[0].Inst.Sweeps[0].Reduces) != 0 {
		t.Errorf("an integer with a guard: %+v, %v", parts, err)
	}
}

func TestGoFunctionsTakeManyTensors(t *testing.T) {
	sum := &GoFunc{Name: "sum", Fn: func(dst []float32, src [][]float32, _ int) error {
		clear(dst)
		for _, s := range src {
			for i := range dst {
				dst[i] += s[i]
			}
		}
		return nil
	}}
	for _, c := range []Compute{F32, F64} {
		tr := NewTrace(c)
		var l testLeaves
		var args []T
		want := float32(0)
		for i := range 200 {
			l = append(l, []float32{float32(i)})
			leaf := tr.Leaf(i, tensor.F32, tensor.Shape{1}).Guard(i)
			if i%2 == 0 {
				leaf = leaf.Add(tr.Num(1))
				want++
			}
			want += float32(i)
			args = append(args, leaf)
		}
		got, _ := evalF32(t, tr.Call(sum, args...), l)
		if got[0] != want {
			t.Errorf("%v: %v, not %v", c, got[0], want)
		}
	}
}

// TestEqualKeysMeanEqualStructures makes random expressions: whenever two have the same
// look-up key, they must have been built by the same steps.
func TestEqualKeysMeanEqualStructures(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shapes := []tensor.Shape{{2, 3}, {2, 1}, {3}, {1, 3}, {}}
	seen := map[string]string{}
	for range 20_000 {
		tr := NewTrace(F32)
		domain := tr.Leaf(0, tensor.F32, shapes[0])
		all := []T{domain}
		steps := ""
		for i := range 1 + r.IntN(5) {
			a, b := all[r.IntN(len(all))], all[r.IntN(len(all))]
			k := r.IntN(7)
			steps += fmt.Sprint(k, " ", a.id, " ", b.id, "; ")
			switch k {
			case 0:
				d := []tensor.DType{tensor.F16, tensor.F32}[r.IntN(2)]
				s := r.IntN(len(shapes))
				steps += fmt.Sprint(d, s, "; ")
				all = append(all, tr.Leaf(i+1, d, shapes[s]))
			case 1:
				all = append(all, domain.Add(a))
			case 2:
				all = append(all, domain.Mul(a).Guard(i))
			case 3:
				all = append(all, domain.Mul(a.Dot(a)))
			case 4:
				x := float64(r.IntN(3))
				steps += fmt.Sprint(x, "; ")
				all = append(all, tr.Num(x))
			case 5:
				all = append(all, domain.FMA(a, domain))
			case 6:
				all = append(all, domain.Round(tensor.BF16))
			}
		}
		if tr.err != nil {
			continue
		}
		root := domain.Add(all[len(all)-1])
		outs := []Output{{root, tensor.F32}}
		if r.IntN(2) == 0 {
			outs = append(outs, Output{all[r.IntN(len(all))], tensor.F32})
		}
		var o order
		o.visit(tr, outs)
		key := string(o.key(nil, tr))
		if want := listing(&o, tr); seen[key] == "" {
			seen[key] = want
		} else if seen[key] != want {
			t.Fatalf("two structures have one key:\n%s\n%s", seen[key], want)
		}
	}
	if len(seen) < 300 {
		t.Fatalf("only %d structures", len(seen))
	}
}

// listing writes an expression in words.
func listing(o *order, t *Trace) string {
	s := fmt.Sprint(o.roots, "\n")
	for i, id := range o.ids {
		n := &t.nodes[id]
		s += fmt.Sprint(i, ": ", n.kind, " ", n.op, " ", n.dtype, " ")
		for _, a := range n.args() {
			s += fmt.Sprint(o.num[a], ",")
		}
		if n.kind == nLit || n.kind == nReduce {
			s += fmt.Sprint(" ", n.imm, n.value)
		}
		for _, other := range o.ids {
			f, ok := FormOf(n.shape, t.nodes[other].shape)
			s += fmt.Sprint(" ", f, ok)
		}
		s += "\n"
	}
	return s
}
