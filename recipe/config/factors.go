package config

import (
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// factors are the keys of a config of adapter files: those of every target, in the order of the
// base. A name is a stem and a suffix, so that only the stems are kept: there are 12,485 keys for
// SDXL, of which a file has few, and three configs are compared with each file.
type factors struct {
	targets []factored
	at      map[string]int32 // target by stem
	parts   []part           // the components of the base
}

// factored is a target: its stem and the type of its tensor.
type factored struct {
	stem  string
	dtype tensor.DType
}

// part is a component: the targets up to end that are not in one before it.
type part struct {
	name string
	end  int
}

// newFactors makes the keys of adapters of a kind for the components of a base.
func newFactors(base []Component, kind AdapterKind) *factors {
	f := &factors{at: map[string]int32{}}
	for _, c := range base {
		for _, k := range c.Keys {
			if isTarget(k) {
				t := factored{stem(k.Name, kind.Prefix), k.DType}
				f.at[t.stem] = int32(len(f.targets))
				f.targets = append(f.targets, t)
			}
		}
		f.parts = append(f.parts, part{c.Name, len(f.targets)})
	}
	return f
}

func (f *factors) len() int { return len(f.targets) * len(adapterSuffixes) }

// key returns row i. Only the shape of alpha is known. An alpha that is not finite is as none:
// that is what the reference does for LoKr, and a factor of NaN is of no use.
func (f *factors) key(i int) Key {
	t, suffix := &f.targets[i/len(adapterSuffixes)], adapterSuffixes[i%len(adapterSuffixes)]
	return t.key(t.stem+"."+suffix, suffix)
}

func (t *factored) key(name, suffix string) Key {
	k := Key{Name: name, DType: t.dtype, Optional: true}
	if suffix == Alpha {
		k.Shape, k.Finite = tensor.Shape{}, true
	}
	return k
}

// find returns the row of a name. No stem has a dot.
func (f *factors) find(name string) (Key, int, bool) {
	stem, suffix, _ := strings.Cut(name, ".")
	i, ok := f.at[stem]
	s := slices.Index(adapterSuffixes, suffix)
	if !ok || s < 0 {
		return Key{}, 0, false
	}
	return f.targets[i].key(name, suffix), int(i)*len(adapterSuffixes) + s, true
}

// component returns the name of the component of a key.
func (f *factors) component(name string) (string, bool) {
	_, i, ok := f.find(name)
	if !ok {
		return "", false
	}
	p := slices.IndexFunc(f.parts, func(p part) bool { return i < p.end*len(adapterSuffixes) })
	return f.parts[p].name, true
}

// components makes all keys.
func (f *factors) components() []Component {
	list := make([]Component, len(f.parts))
	i := 0
	for p := range f.parts {
		list[p].Name = f.parts[p].name
		for ; i < f.parts[p].end*len(adapterSuffixes); i++ {
			list[p].Keys = append(list[p].Keys, f.key(i))
		}
	}
	return list
}
