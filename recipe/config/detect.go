package config

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// minMatch is the share of the keys of an input that a config must know to be a candidate;
// exactly this share is enough (the reference's heuristic).
const minMatch = 10 // percent

// Match says how well a config fits the keys of one or several inputs.
type Match struct {
	Config     *Config
	Adapter    bool
	Matched    int     // keys of the inputs that the config knows
	Extra      float64 // share of the keys of an input that it does not know, averaged
	Missing    float64 // share of its keys that are mandatory and that an input lacks, averaged
	Keys       int     // keys of the inputs
	Absent     int     // its mandatory keys that inputs lack
	Mismatched int     // keys whose shape is known to differ
	Compared   int     // keys whose shapes were compared
	inputs     int
	base       string // of an adapter
}

// Shapes gives the shape of key i of an input; Keys that have it take part in the
// comparison of shapes.
type Shapes interface {
	Shape(i int) tensor.Shape
}

func (k headerKeys) Shape(i int) tensor.Shape { return k.h.At(i).Shape }

// Detect returns the available configs that fit all inputs, best first: fewest unknown keys,
// then fewest shapes that differ, then fewest missing keys, then those of models before
// those of adapters, then by identifier; adapters by that of the config that they are for, so
// that they are in the order of those. A config fits an input if it knows a tenth of its
// keys; singleton-mecha fits only an input with the one key "key". Every input must have
// keys.
func (r Registry) Detect(inputs []Keys) []Match {
	var list []Match
	for _, row := range r.mayFit(inputs) {
		m := Match{Config: row.Make(), Adapter: row.Adapter, base: row.Base}
		fits := len(inputs) > 0
		for _, in := range inputs {
			fits = fits && m.add(in)
		}
		if fits {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.Extra, b.Extra), cmp.Compare(a.Mismatched, b.Mismatched), cmp.Compare(a.Missing, b.Missing),
			cmp.Compare(rank(a), rank(b)), strings.Compare(a.base, b.base), strings.Compare(a.Config.id, b.Config.id))
	})
	return list
}

// mayFit returns the rows of which the beginnings of the keys leave it open that they fit all
// inputs, so that configs of other architectures are not made.
func (r Registry) mayFit(inputs []Keys) []Row {
	var rows []Row
	for _, row := range r.rows {
		if row.Make != nil {
			rows = append(rows, row)
		}
	}
	for _, in := range inputs {
		n := in.Len()
		hits := countProbes(rows, in)
		k := -1
		rows = slices.DeleteFunc(rows, func(row Row) bool {
			k++
			return row.probe != nil && 100*hits[k] < minMatch*n
		})
	}
	return rows
}

// countProbes counts for each row the keys that begin with one of its probes.
func countProbes(rows []Row, in Keys) []int {
	type probe struct {
		prefix string
		rows   []int
	}
	var table [256][]probe // by first byte
	for k, row := range rows {
		for _, prefix := range row.probe {
			list := &table[prefix[0]]
			at := slices.IndexFunc(*list, func(p probe) bool { return p.prefix == prefix })
			if at < 0 {
				at = len(*list)
				*list = append(*list, probe{prefix: prefix})
			}
			(*list)[at].rows = append((*list)[at].rows, k)
		}
	}
	hits := make([]int, len(rows))
	for i := range in.Len() {
		name := in.Name(i)
		if name == "" {
			continue
		}
		for _, p := range table[name[0]] {
			if strings.HasPrefix(name, p.prefix) {
				for _, k := range p.rows {
					hits[k]++
				}
			}
		}
	}
	return hits
}

func rank(m Match) int {
	if m.Adapter {
		return 1
	}
	return 0
}

// add compares one input; it reports whether enough of its keys are known.
func (m *Match) add(in Keys) bool {
	n := in.Len()
	if m.Config.id == SingletonID && n != 1 {
		return false
	}
	shapes, _ := in.(Shapes)
	matched := make([]bool, m.Config.Len())
	known, hits := 0, 0 // names of the input, keys of the config: they differ if a key is there under two names
	for i := range n {
		k, at, ok := m.Config.Find(in.Name(i))
		if !ok {
			continue
		}
		known++
		if !matched[at] {
			hits++
		}
		matched[at] = true
		if shapes != nil && k.Shape != nil {
			m.Compared++
			if !k.Shape.Equal(shapes.Shape(i)) {
				m.Mismatched++
			}
		}
	}
	if n == 0 || 100*hits < minMatch*n {
		return false
	}
	missing := 0
	for i := range matched {
		if !matched[i] && !m.Config.optional(i) {
			missing++
		}
	}
	mean := func(old, x float64) float64 { return (old*float64(m.inputs) + x) / float64(m.inputs+1) }
	m.Extra = mean(m.Extra, float64(n-known)/float64(n))
	m.Missing = mean(m.Missing, float64(missing)/float64(len(matched)))
	m.Matched += known
	m.Keys += n
	m.Absent += missing
	m.inputs++
	return true
}

// Likeliest returns the configs that know the most of the keys, the best one first.
func (r Registry) Likeliest(keys Keys) (ids []string) {
	fits := r.Detect([]Keys{keys})
	for i := range fits {
		if fits[i].Extra == fits[0].Extra {
			ids = append(ids, fits[i].Config.ID())
		}
	}
	return ids
}

// Unfit says what may be wrong with keys that no config fits: some LoRAs have names that are not
// known. Without keys, or a guess, it is "".
func Unfit(keys Keys) string {
	for i := range keys.Len() {
		name := strings.ToLower(keys.Name(i))
		if strings.Contains(name, "lora_") || strings.Contains(name, ".lora") {
			return "of LoRAs, those are known whose keys are named by the scripts of kohya or by LyCORIS, as lora_unet_conv_in.lora_up.weight is; this one has " + keys.Name(i)
		}
	}
	return ""
}
